"""Legal holds: as text for people, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ctaudit.admin.holds import Hold, Kept, Wanted
from ctaudit.query.value_text import format_time, plain_value


def format_set(wanted: Wanted, kept: Kept) -> Iterator[str]:
    days = f"{kept.first}" if kept.first == kept.last else f"{kept.first} to {kept.last}"
    yield (
        f"The record from {_format(wanted.begin)} until {_format(wanted.until)} is held for case "
        f"{wanted.case}; maintenance keeps {days} (UTC) whole, and what a question needs around it."
    )
    if kept.since is None:
        yield "The record has nothing yet."
    elif kept.since > kept.first:
        yield f"What is older than {kept.since} (UTC) is not in the record any more."


def format_lifted(case: str, lifted: int) -> str:
    what = "The hold" if lifted == 1 else f"The {lifted} holds"
    return (
        f"{what} of case {case} {'is' if lifted == 1 else 'are'} lifted; retention applies again."
    )


def format_holds(holds: Sequence[Hold]) -> Iterator[str]:
    """For each hold its case, and a line for each thing known of it."""
    if not holds:
        yield "No hold was ever set."
    for hold in holds:
        yield hold.case_reference
        for label, text in _format_hold(hold):
            yield f"  {label:<9}  {text}"


def _format_hold(hold: Hold) -> Iterator[tuple[str, str]]:
    yield "held", f"from {_format(hold.held_from)} until {_format(hold.held_until)}"
    if hold.node is not None:
        yield "gateway", hold.node
    if hold.addresses:
        yield "addresses", ", ".join(hold.addresses)
    yield "set", f"at {_format(hold.set_at)} by {hold.set_by}"
    if hold.lifted_at is not None:
        yield "lifted", f"at {_format(hold.lifted_at)} by {hold.lifted_by}"
    else:
        yield "keeps", f"{hold.kept_from} to {hold.kept_until} (UTC)"


def plain_holds(holds: Sequence[Hold]) -> dict[str, Any]:
    """The keys that ``hold list --json`` promises: the function's columns by their names."""
    return {
        "holds": [
            {name: plain_value(value) for name, value in asdict(hold).items()} for hold in holds
        ]
    }


def _format(time: datetime) -> str:
    return format_time(time, trim=True)
