"""How long connections last: columns on a logarithmic scale, a panel for each protocol.

The kernel's time-outs stand above as marks, since durations pile up there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ctaudit.picture.axis import Frame
from ctaudit.picture.columns import KNOWN
from ctaudit.picture.element import (
    Box,
    add_boxes,
    add_label,
    add_line,
    estimate_width,
    new_picture,
    shorten,
    write,
)
from ctaudit.picture.paint import GREY, INK, PAPER, VERMILION
from ctaudit.picture.scale import Heights, LogScale, format_number, list_numbers

_HEIGHT, _LEVEL = 84, 13  # of a panel's columns, and of a line of marks above them
_LEAST = 0.001  # seconds: what is shorter is drawn as this
_TICKS = (
    (0.001, "1 ms"), (0.01, "10 ms"), (0.1, "0.1 s"), (1, "1 s"), (10, "10 s"), (60, "1 min"),
    (600, "10 min"), (3600, "1 h"), (36_000, "10 h"), (86_400, "1 d"), (864_000, "10 d"),
    (8_640_000, "100 d"),
)  # fmt: skip
_SIZE = {"font-size": "11"}
# So that a line behind a text does not strike it through.
_HALO = {"stroke": PAPER, "stroke-width": "3", "paint-order": "stroke"}


@dataclass(frozen=True)
class Bin:
    """``count`` connections that lasted from ``begin`` to ``end`` seconds."""

    begin: float
    end: float
    count: int


@dataclass(frozen=True)
class Panel:
    """A protocol; ``timeouts``: names of the kernel's, by seconds."""

    name: str
    note: str
    bins: tuple[Bin, ...]
    timeouts: Mapping[int, str]


@dataclass(frozen=True)
class Durations:
    """``title`` and ``description`` are read by screen readers; ``axis`` names what is drawn."""

    panels: tuple[Panel, ...]
    title: str
    description: str
    axis: str


@dataclass(frozen=True)
class Mark:
    """A time-out at the pixel ``x``; its text begins at ``text_x``, in the line ``level``."""

    x: float
    text_x: float
    level: int
    text: str


def draw_durations(picture: Durations, frame: Frame, name: str) -> str:
    """An ``svg`` element; ``name``: begins the ids in it, unique in the page."""
    scale = _choose_scale(picture, frame)
    marks = [place_marks(scale, panel.timeouts) for panel in picture.panels]
    rooms = [24 + _LEVEL * _count_levels(each) + _HEIGHT + 26 for each in marks]
    height = sum(rooms) + 24
    svg = new_picture(
        "durations", f"{name}{frame.suffix}", picture.title, picture.description,
        width=frame.width, height=height,
    )  # fmt: skip
    top = 0.0
    for panel, placed, room in zip(picture.panels, marks, rooms, strict=True):
        _draw_panel(svg, scale, panel, placed, top)
        top += room
    add_label(svg, scale.left, height - 8, picture.axis, {"class": "ink quiet", **_SIZE})
    return write(svg)


def _choose_scale(picture: Durations, frame: Frame) -> LogScale:
    bins = [each for panel in picture.panels for each in panel.bins]
    first = min((max(each.begin, _LEAST) for each in bins), default=_LEAST)
    last = max((each.end for each in bins), default=1.0)
    left = 8 if frame.is_narrow else 48
    return LogScale(min(first, last / 10), last, left, frame.width - frame.right)


def place_marks(scale: LogScale, timeouts: Mapping[int, str]) -> Sequence[Mark]:
    """Of those on the scale; no text lies over another one.

    From the right: so a line goes down on the left of the texts below its own, but for texts that
    had no room on the right of theirs.
    """
    marks: list[Mark] = []
    for seconds, name in sorted(timeouts.items(), reverse=True):
        if not scale.first <= seconds <= scale.last:
            continue
        text, x = f"{_format_timeout(seconds)} {name}", scale.x(seconds)
        width = estimate_width(text, 11)
        text_x = max(scale.left, min(x + 3, scale.right - width))
        level = _find_level(marks, text_x + width)
        marks.append(Mark(x, text_x, level, text))
    return marks


def _find_level(marks: Sequence[Mark], end: float) -> int:
    """The lowest in which a text up to ``end`` meets neither a text nor a line from above."""
    level = 0
    for mark in sorted(marks, key=lambda each: each.level):
        meets_line = mark.level > level and mark.x < end
        meets_text = mark.level == level and mark.text_x < end + 8
        if meets_line or meets_text:
            level = mark.level + 1
    return level


def _format_timeout(seconds: int) -> str:
    return f"{seconds // 86_400} d" if seconds % 86_400 == 0 else f"{seconds} s"


def _count_levels(marks: Sequence[Mark]) -> int:
    return max((mark.level + 1 for mark in marks), default=0)


def _draw_panel(
    svg: Element, scale: LogScale, panel: Panel, marks: Sequence[Mark], top: float
) -> None:
    levels = _count_levels(marks)
    base = top + 24 + _LEVEL * levels
    bottom = base + _HEIGHT
    quiet = {"class": "ink quiet", **_SIZE}
    note_width = estimate_width(panel.note, 11)
    room = scale.right - scale.left - note_width - 10
    add_label(svg, scale.left, top + 14, shorten(panel.name, room), {"font-weight": "bold"})
    add_label(svg, scale.right, top + 14, panel.note, quiet | {"text-anchor": "end"})
    most = max((each.count for each in panel.bins), default=0)
    heights = Heights(most, base, bottom)
    for amount in list_numbers(most, 2):
        y = bottom - heights.height(amount)
        add_line(svg, (scale.left, y, scale.right, y), "grid", GREY, "1 3")
        if scale.left >= 48:
            add_label(svg, scale.left - 6, y + 4, format_number(amount),
                      quiet | {"text-anchor": "end"})  # fmt: skip
        else:
            add_label(svg, scale.left + 2, y - 2, format_number(amount), quiet)
    boxes = []
    for each in panel.bins:
        left, right = scale.x(max(each.begin, _LEAST)), scale.x(each.end)
        height = heights.height(each.count)
        boxes.append(Box(left + 0.5, bottom - height, max(right - left - 1, 1.0), height))
    add_boxes(svg, boxes, KNOWN)
    lines = [(mark, top + 24 + _LEVEL * (levels - 1 - mark.level) + 10) for mark in marks]
    for mark, y in lines:
        add_line(svg, (mark.x, y - 8, mark.x, bottom), "mark", VERMILION, "4 2")
    for mark, y in lines:
        add_label(svg, mark.text_x, y, mark.text, {"class": "ink halo", **_HALO, **_SIZE})
    _draw_ticks(svg, scale, bottom)


def _draw_ticks(svg: Element, scale: LogScale, bottom: float) -> None:
    """As many as have room."""
    add_line(svg, (scale.left, bottom, scale.right, bottom), "axis", INK)
    last = float("-inf")
    for seconds, text in _TICKS:
        x, half = scale.x(seconds), estimate_width(text, 11) / 2
        if not scale.first <= seconds <= scale.last or x - half < last:
            continue
        add_line(svg, (x, bottom, x, bottom + 4), "axis", INK)
        place = min(max(x, half), scale.right + 6 - half)
        add_label(svg, place, bottom + 16, text,
                  {"text-anchor": "middle", "class": "ink quiet", **_SIZE})  # fmt: skip
        last = x + half + 8
