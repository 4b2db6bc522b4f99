"""Inquiries: as text for people, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ctaudit.query.inquiries import Inquiry
from ctaudit.query.value_text import format_count, format_time, localise_times, plain_value

_TIMES = ("from", "until")


def format_inquiries(inquiries: Sequence[Inquiry]) -> Iterator[str]:
    """For each a line with what was asked, and one with what is known of it."""
    if not inquiries:
        yield "No such question is on record, of those that this login may see."
    for inquiry in inquiries:
        asked = f"{inquiry.question}({_format_arguments(inquiry.arguments)})"
        yield f"{format_time(inquiry.asked_at, trim=True)}  {inquiry.asked_by}  {asked}"
        yield f"    {'; '.join(_describe(inquiry))}"


def _describe(inquiry: Inquiry) -> Iterator[str]:
    if not inquiry.is_answered:
        yield "not answered, or the answer was rolled back"
    elif inquiry.answers is None:
        yield "answers not counted"
    else:
        yield format_count(inquiry.answers, "answer")
    if inquiry.case_reference is not None:
        yield f"case {inquiry.case_reference}"
    if inquiry.reason is not None:
        yield f"reason: {inquiry.reason}"
    if inquiry.on_behalf_of is not None:
        yield f"on behalf of {inquiry.on_behalf_of}"
    if inquiry.client is not None:
        yield f"from {inquiry.client}"
    if inquiry.application:
        yield f"by {inquiry.application}"


def _format_arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_format(name, value)}" for name, value in arguments.items())


def _format(name: str, value: object) -> str:
    text = str(value)
    return localise_times(text.replace("T", " ", 1)) if name in _TIMES else text


def plain_inquiries(inquiries: Sequence[Inquiry]) -> dict[str, Any]:
    """The keys that ``inquiries --json`` promises: the function's columns by their names."""
    return {
        "inquiries": [
            {
                name: value if name == "arguments" else plain_value(value)
                for name, value in asdict(inquiry).items()
            }
            for inquiry in inquiries
        ]
    }
