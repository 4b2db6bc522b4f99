"""How long connections lasted, as values of the page Traffic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ctaudit.conntrack.event import name_protocol
from ctaudit.picture.durations import Bin, Durations, Panel
from ctaudit.query.durations_text import GENERIC, TIMEOUTS, format_length, timeouts_in
from ctaudit.query.traffic import DurationBin, TrafficQuestion, find_end
from ctaudit.query.uncovered import Uncovered
from ctaudit.query.value_text import format_count, format_time
from ctaudit.web import traffic_text as text
from ctaudit.web.traffic_view import list_uncovered


@dataclass(frozen=True)
class DurationsView:
    """``picture`` None: there is nothing to draw. ``numbers``: rows of cells."""

    headline: str
    picture: Durations | None
    notes: tuple[str, ...]
    numbers: tuple[tuple[str, ...], ...]
    uncovered: tuple[str, ...]


def view_durations(
    question: TrafficQuestion,
    bins: Sequence[DurationBin],
    uncovered: Sequence[Uncovered] | None,
) -> DurationsView:
    """``uncovered`` None: it is not known which parts are."""
    by_protocol: dict[int, list[DurationBin]] = defaultdict(list)
    for item in bins:
        by_protocol[item.proto].append(item)
    order = sorted(by_protocol, key=lambda proto: -_count(by_protocol[proto]))
    drawn = order[: text.PROTOCOLS_MAX]
    panels = tuple(_make_panel(proto, by_protocol[proto]) for proto in drawn)
    end = find_end(question)
    title = text.DURATIONS_TITLE.format(begin=_format(question.begin), end=_format(end))
    described = "; ".join(f"{panel.name}: {panel.note}" for panel in panels)
    notes = [text.DURATIONS_NOTE] if bins else []
    if len(order) > len(drawn):
        notes.append(text.PROTOCOLS_CUT.format(count=len(order) - len(drawn)))
    if uncovered:
        notes.append(text.UNCOVERED)
    return DurationsView(
        "" if bins else text.NO_ENDS,
        Durations(panels, title, described, text.DURATIONS_AXIS) if panels else None,
        tuple(notes),
        tuple(map(_list_numbers, bins)),
        tuple(list_uncovered(uncovered or ())),
    )


def _count(bins: Sequence[DurationBin]) -> int:
    return sum(item.connections for item in bins)


def _make_panel(proto: int, bins: Sequence[DurationBin]) -> Panel:
    known = tuple(
        Bin(item.seconds_from, item.seconds_until, item.connections)
        for item in bins
        if item.seconds_from is not None and item.seconds_until is not None
    )
    note = format_count(_count(bins), "connection")
    unknown = _count(bins) - sum(item.count for item in known)
    if unknown:
        note += f", {text.DURATIONS_UNKNOWN.format(count=f'{unknown:,}')}"
    return Panel(name_protocol(proto), note, known, TIMEOUTS.get(proto, GENERIC))


def _list_numbers(item: DurationBin) -> tuple[str, ...]:
    known = item.seconds_from is not None and item.seconds_until is not None
    return (
        name_protocol(item.proto),
        format_length(item.seconds_from or 0.0) if known else "?",
        format_length(item.seconds_until or 0.0) if known else "?",
        f"{item.connections:,}",
        ", ".join(f"{seconds} s {name}" for seconds, name in timeouts_in(item).items()),
    )


def _format(time: datetime) -> str:
    return format_time(time.replace(microsecond=0), trim=True)
