"""Who had an address: as text for people, and as JSON values."""

from __future__ import annotations

from typing import Any

from ctaudit.query.holder import Holder, Interval
from ctaudit.query.value_text import format_time, plain_time

_SHOWN = 5  # holders of one connection
_NUMBERS = ("no", "one", "two", "three", "four", "five")


def format_holder(holder: Holder) -> str:
    """Who it is, or in plain words why nobody is named."""
    if holder.name is not None:
        return f"{_describe(holder.name, holder.detail)}, by {holder.source}"
    if not holder.intervals:
        return "no holder is recorded"
    names = {one.holder for one in holder.intervals}
    shown = "; ".join(map(_format_interval, holder.intervals[:_SHOWN]))
    more = len(holder.intervals) - _SHOWN
    if more > 0:
        shown += f"; and {more} more"
    if len(names) > 1:
        number = _NUMBERS[len(names)] if len(names) < len(_NUMBERS) else f"{len(names):,}"
        return f"{number} holders, so none is named: {shown}"
    if holder.begin is None or holder.until is None:
        edge = "began" if holder.begin is None else "ended"
        return f"none is named, it is not known when the connection {edge}: {shown}"
    return f"no holder is recorded for the whole of it: {shown}"


def _describe(name: str, detail: str | None) -> str:
    return f"{name} ({detail})" if detail else name


def _format_interval(one: Interval) -> str:
    until = f" until {format_time(one.until, trim=True)}" if one.until else ""
    span = f"from {format_time(one.begin, trim=True)}{until}"
    return f"{_describe(one.holder, one.detail)} {span}, by {one.source}"


def plain_holder(holder: Holder) -> dict[str, Any]:
    """``why``: the reason why nobody is named."""
    return {
        "name": holder.name,
        "detail": holder.detail,
        "source": holder.source,
        "why": None if holder.name is not None else format_holder(holder),
        "intervals": [
            {
                "holder": one.holder,
                "detail": one.detail,
                "network": one.network,
                "source": one.source,
                "from": plain_time(one.begin),
                "until": plain_time(one.until),
            }
            for one in holder.intervals
        ],
    }
