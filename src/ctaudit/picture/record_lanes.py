"""The record of gateways along time: a lane each, with what is covered and what is missing.

What is missing is never thinner than can be seen, and what lies closer together than that is one
area, whose number stands beside the lane: a picture of a year hides no gap of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from ctaudit.picture.axis import Frame, axis_height, draw_time_axis
from ctaudit.picture.element import (
    BOLD,
    Box,
    add_boxes,
    add_label,
    estimate_width,
    new_picture,
    shorten,
    write,
)
from ctaudit.picture.key import Entry, draw_key, key_height
from ctaudit.picture.paint import BLUE, GREY, INK, ORANGE, PAPER, PURPLE, VERMILION, Paint
from ctaudit.picture.scale import TimeScale

# In the order in which they are drawn, each above those before it: paint, height and least width.
KINDS: dict[str, tuple[Paint, float, float]] = {
    "covered": (Paint("covered", "#a6cbe3", BLUE), 12, 0.5),
    "pending": (Paint("pending", PAPER, BLUE, hatch=BLUE), 12, 0.0),
    "uncovered": (Paint("uncovered", PAPER, GREY, hatch=GREY, lean="\\"), 12, 1.5),
    "partial": (Paint("partial", ORANGE, INK, width=0.5), 6, 2.0),
    "doubtful": (Paint("doubtful-clock", PAPER, PURPLE, hatch=PURPLE, lean="x"), 6, 2.0),
    "scattered": (Paint("scattered", PAPER, VERMILION, hatch=VERMILION), 22, 2.0),
    "gap": (Paint("gap", VERMILION, VERMILION, width=0.5), 22, 2.0),
}
_LOW = {"doubtful": 16.0, "partial": 6.0}  # offsets in a lane of what is not in its middle
_LANE = 26
_TOP = 8


@dataclass(frozen=True)
class Part:
    """A span of one of KINDS."""

    kind: str
    begin: datetime
    end: datetime


@dataclass(frozen=True)
class NodeLane:
    """A gateway. ``note`` stands beside its name: how much of the time is covered.

    ``remark`` stands in the lane where there are no parts.
    """

    name: str
    note: str
    parts: tuple[Part, ...]
    remark: str = ""


@dataclass(frozen=True)
class Lanes:
    """``title`` and ``description`` are read by screen readers; ``keys``: words by kind."""

    begin: datetime
    end: datetime
    lanes: tuple[NodeLane, ...]
    title: str
    description: str
    keys: dict[str, str]


def draw_lanes(picture: Lanes, frame: Frame, name: str) -> str:
    """An ``svg`` element; ``name``: begins the ids in it, unique in the page."""
    entries = _list_entries(picture)
    step = _LANE + (16 if frame.is_narrow else 0)
    bottom = _TOP + max(1, len(picture.lanes)) * step
    scale = frame.scale(picture.begin, picture.end)
    key_width = scale.right - scale.left
    key_top = bottom + axis_height(scale) + 6
    height = key_top + 4 + key_height(entries, key_width)
    svg = new_picture(
        "record-lanes", f"{name}{frame.suffix}", picture.title, picture.description,
        width=frame.width, height=height,
    )  # fmt: skip
    tops = [_TOP + (place + 1) * step - _LANE for place in range(len(picture.lanes))]
    draw_time_axis(svg, scale, bottom, [(top, top + _LANE) for top in tops])
    for place, lane in enumerate(picture.lanes):
        _draw_lane(svg, scale, lane, frame, _TOP + place * step)
    draw_key(svg, scale.left, key_top, key_width, entries)
    return write(svg)


def _draw_lane(svg: Element, scale: TimeScale, lane: NodeLane, frame: Frame, top: float) -> None:
    bold = {"font-weight": "bold"}
    quiet = {"class": "ink quiet", "font-size": "11"}
    if frame.is_narrow:
        note_width = estimate_width(lane.note, 11)
        room = scale.right - scale.left - note_width - 10
        add_label(svg, scale.left, top + 12, shorten(lane.name, room, BOLD), bold)
        add_label(svg, scale.right, top + 12, lane.note, quiet | {"text-anchor": "end"})
        top += 16
    else:
        end = {"text-anchor": "end"}
        add_label(
            svg, scale.left - 10, top + 12, shorten(lane.name, frame.left - 14, BOLD), bold | end
        )
        add_label(svg, scale.left - 10, top + 24, lane.note, quiet | end)
    for kind, (paint, height, least) in KINDS.items():
        parts = [part for part in lane.parts if part.kind == kind]
        y = top + _LOW.get(kind, (_LANE - height) / 2)
        add_boxes(svg, place_boxes(scale, parts, y, height, least), paint)
    if lane.remark:
        add_label(svg, scale.left + 6, top + 17, lane.remark, quiet)


def place_boxes(
    scale: TimeScale, parts: Sequence[Part], y: float, height: float, least: float
) -> list[Box]:
    """Of ``least`` pixels each at least; those that would touch are one."""
    edges: list[tuple[float, float]] = []
    for part in sorted(parts, key=lambda each: each.begin):
        left, right = scale.x(part.begin), scale.x(part.end)
        if right - left < least:
            left = min(left, scale.right - least)
            right = left + least
        if edges and left <= edges[-1][1]:
            edges[-1] = (edges[-1][0], max(right, edges[-1][1]))
        else:
            edges.append((left, right))
    return [Box(left, y, round(right - left, 1), height) for left, right in edges]


def _list_entries(picture: Lanes) -> list[Entry]:
    """Of the kinds that are drawn."""
    drawn = {part.kind for lane in picture.lanes for part in lane.parts}
    return [
        Entry(paint, picture.keys[kind], min(height, 12))
        for kind, (paint, height, _) in KINDS.items()
        if kind in drawn
    ]
