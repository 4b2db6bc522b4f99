"""Amounts by buckets of time: rows of columns over one axis.

What is interpolated is hatched, what is not known is left blank with a question mark, and what is
known in part has an arrow above it. Behind all stands where the record is not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from ctaudit.picture.axis import Frame, axis_height, draw_time_axis
from ctaudit.picture.element import (
    BOLD,
    Box,
    add_boxes,
    add_hatch,
    add_label,
    add_line,
    estimate_width,
    new_picture,
    shorten,
    write,
)
from ctaudit.picture.key import Entry, draw_key, key_height
from ctaudit.picture.paint import BLUE, GREY, INK, PAPER, Paint
from ctaudit.picture.scale import Heights, TimeScale, list_numbers

KNOWN = Paint("amount", BLUE, BLUE, width=0.5)
INTERPOLATED = Paint("amount-interpolated", PAPER, BLUE, hatch=BLUE)
UNKNOWN = Paint("amount-unknown", PAPER, INK, dash="2 2")
UNCOVERED = Paint("behind", "none", "none", hatch=GREY, lean="\\")
_TOP = 10
_NAME = 18  # of a row, above it where the picture is narrow
_GAP = 14  # between rows
_HIGH = 80  # a row that has amounts along its side
_AMOUNTS = 48  # pixels for them where the picture is narrow
_MARK_ROOM = 9  # pixels of a column that has room for a question mark


@dataclass(frozen=True)
class Column:
    """``amount`` None: not known, a blank; ``is_least``: not all of it is known.

    ``interpolated``: of the amount.
    """

    begin: datetime
    end: datetime
    amount: int | None
    interpolated: int = 0
    is_least: bool = False


@dataclass(frozen=True)
class Row:
    """``note`` stands below or beside the name; ``most``: the amount of a column of full height."""

    name: str
    note: str
    columns: tuple[Column, ...]
    most: int
    format: Callable[[float], str]


@dataclass(frozen=True)
class Keys:
    """Words for the patterns."""

    known: str
    interpolated: str
    unknown: str
    least: str
    uncovered: str


@dataclass(frozen=True)
class Columns:
    """``uncovered``: spans in which the record may lack something; ``height``: of a row."""

    begin: datetime
    end: datetime
    rows: tuple[Row, ...]
    uncovered: tuple[tuple[datetime, datetime], ...]
    height: int
    title: str
    description: str
    keys: Keys


def draw_columns(picture: Columns, frame: Frame, name: str) -> str:
    """An ``svg`` element; ``name``: begins the ids in it, unique in the page."""
    entries = _list_entries(picture)
    above = _NAME if frame.is_narrow else 0
    step = above + picture.height + _GAP
    bottom = _TOP + max(1, len(picture.rows)) * step - _GAP
    indent = _AMOUNTS if frame.is_narrow and picture.height >= _HIGH else 0
    scale = frame.scale(picture.begin, picture.end, indent)
    key_width = scale.right - scale.left
    key_top = bottom + axis_height(scale) + 6
    svg = new_picture(
        "columns", f"{name}{frame.suffix}", picture.title, picture.description,
        width=frame.width, height=key_top + 4 + key_height(entries, key_width),
    )  # fmt: skip
    spans = [(scale.x(begin), scale.x(end)) for begin, end in picture.uncovered]
    for place, row in enumerate(picture.rows):
        top = _TOP + place * step + above
        heights = Heights(row.most, top, top + picture.height)
        boxes = [Box(left, top, max(right - left, 1.5), picture.height) for left, right in spans]
        add_boxes(svg, boxes, UNCOVERED)
        _draw_name(svg, scale, row, frame, top)
        _draw_row(svg, scale, row, heights)
        _draw_amounts(svg, scale, row, heights, frame)
    draw_time_axis(svg, scale, bottom)
    draw_key(svg, scale.left, key_top, key_width, entries)
    return write(svg)


def _draw_name(svg: Element, scale: TimeScale, row: Row, frame: Frame, top: float) -> None:
    bold = {"font-weight": "bold"}
    quiet = {"class": "ink quiet", "font-size": "11", "text-anchor": "end"}
    if frame.is_narrow:
        room = scale.right - scale.left - estimate_width(row.note, 11) - 10
        add_label(svg, frame.right, top - 5, shorten(row.name, room, BOLD), bold)
        add_label(svg, scale.right, top - 5, row.note, quiet)
        return
    size = 12 if estimate_width(row.name) <= frame.left - 60 else 10
    fitting = shorten(row.name, frame.left - 14, size + 1.5)
    end = {"text-anchor": "end", "font-size": str(size)}
    add_label(svg, scale.left - 10, top + 12, fitting, bold | end)
    add_label(svg, scale.left - 10, top + 26, row.note, quiet)


def _draw_row(svg: Element, scale: TimeScale, row: Row, heights: Heights) -> None:
    solid, light, blanks, arrows = [], [], [], []
    for column in row.columns:
        left, right = scale.x(column.begin), scale.x(column.end)
        inset = min(1.0, (right - left) / 6)
        left, width = left + inset, max(0.6, right - left - 2 * inset)
        if column.amount is None:
            blanks.append(Box(left, heights.top, width, heights.bottom - heights.top))
            continue
        height = heights.height(column.amount)
        y = heights.bottom - height
        over = min(heights.height(column.interpolated), height)
        light.append(Box(left, y, width, over))
        solid.append(Box(left, y + over, width, height - over))
        if column.is_least:
            arrows.append(_arrow(left + width / 2, max(y - 2, heights.top + 5), min(width, 8)))
    add_boxes(svg, solid, KNOWN)
    add_boxes(svg, light, INTERPOLATED)
    add_boxes(svg, blanks, UNKNOWN)
    for blank in blanks:
        if blank.width >= _MARK_ROOM:
            middle = (blank.x + blank.width / 2, blank.y + blank.height / 2 + 4)
            add_label(svg, *middle, "?", {"text-anchor": "middle"})
    add_hatch(svg, "".join(arrows), "axis", INK)


def _arrow(x: float, y: float, width: float) -> str:
    half = width / 2
    return f"M{x - half:.1f} {y:.1f}l{half:.1f} -4l{half:.1f} 4"


def _draw_amounts(svg: Element, scale: TimeScale, row: Row, heights: Heights, frame: Frame) -> None:
    """Lines across at round amounts where the row is high; else its lower border."""
    add_line(svg, (scale.left, heights.bottom, scale.right, heights.bottom), "axis", INK)
    if heights.bottom - heights.top < _HIGH:
        return
    for amount in list_numbers(row.most):
        y = heights.bottom - heights.height(amount)
        add_line(svg, (scale.left, y, scale.right, y), "grid", GREY, "1 3")
        # Beside a wide picture the row's name and note stand there.
        if frame.is_narrow or y > heights.top + 36:
            add_label(svg, scale.left - 6, y + 4, row.format(amount),
                      {"text-anchor": "end", "class": "ink quiet", "font-size": "11"})  # fmt: skip


def _list_entries(picture: Columns) -> Sequence[Entry]:
    """Of what is drawn."""
    every = [column for row in picture.rows for column in row.columns]
    keys = picture.keys
    shown = (
        (KNOWN, keys.known, any((each.amount or 0) > each.interpolated for each in every)),
        (INTERPOLATED, keys.interpolated, any(each.interpolated for each in every)),
        (UNKNOWN, keys.unknown, any(each.amount is None for each in every)),
        (UNCOVERED, keys.uncovered, bool(picture.uncovered)),
    )
    entries = [Entry(paint, text) for paint, text, is_drawn in shown if is_drawn]
    if any(each.is_least and each.amount is not None for each in every):
        entries.append(Entry(Paint("none"), keys.least))
    return entries
