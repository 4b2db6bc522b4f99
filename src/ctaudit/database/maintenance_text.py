"""The store's daily maintenance as text: a line for each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ctaudit.database.locks import format_holders
from ctaudit.database.maintenance import Maintained, Step, Waiting

_DOING = {
    "make": "make",
    "drop": "drop",
    "delete": "delete old rows of",
    "sum": "sum the traffic of",
    "close": "close",
    "freeze": "set the freezing of",
    "inquiries": "delete old rows of",
}


def format_maintained(done: Iterable[Maintained | Waiting]) -> Iterator[str]:
    """A line for each thing done or given up, or one that there was nothing to do."""
    nothing = True
    for item in done:
        nothing = False
        yield _format_waiting(item) if isinstance(item, Waiting) else _format_done(item)
    if nothing:
        yield "nothing to do"


def _format_done(item: Maintained) -> str:
    if item.action == "held":
        return f"kept {item.rows} partitions that are held for case {item.object}"
    if item.action == "detached":
        return (
            f"cannot make {item.object}: a table of that name was detached; attach or rename it, "
            "until then rows of that day stay in the default partition"
        )
    return f"{item.action} {item.object}" + ("" if item.rows is None else f", {item.rows} rows")


def _format_waiting(item: Waiting) -> str:
    holders = format_holders(item.holders)
    return f"waiting: cannot {_describe(item.step)}, its lock is held by {holders}"


def _describe(step: Step) -> str:
    return f"{_DOING[step.step]} {step.name}" if step.step in _DOING else "trim the coverage"
