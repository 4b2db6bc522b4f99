"""What the colours and patterns of a picture say, below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ctaudit.picture.element import Box, add_boxes, add_label, estimate_width
from ctaudit.picture.paint import Paint

_PATCH = 22  # width
_LINE = 20


@dataclass(frozen=True)
class Entry:
    """``height``: of the patch, at most 12, as the areas are high that it stands for."""

    paint: Paint
    text: str
    height: float = 12


def key_height(entries: Sequence[Entry], width: float) -> float:
    return (max((line for line, _, _ in _place(entries, width)), default=-1) + 1) * _LINE


def draw_key(svg: Element, x: float, y: float, width: float, entries: Sequence[Entry]) -> None:
    """From the upper left corner (x, y), in as many lines as the width needs."""
    for line, offset, entry in _place(entries, width):
        base = y + line * _LINE + 12
        top = base - 10 + (12 - entry.height) / 2
        add_boxes(svg, [Box(x + offset, top, _PATCH, entry.height)], entry.paint)
        add_label(svg, x + offset + _PATCH + 6, base, entry.text)


def _place(entries: Sequence[Entry], width: float) -> Iterator[tuple[int, float, Entry]]:
    """The line of each entry, and its offset in it."""
    line, offset = 0, 0.0
    for entry in entries:
        room = _PATCH + 6 + estimate_width(entry.text) + 14
        if offset and offset + room > width + 14:
            line, offset = line + 1, 0.0
        yield line, offset, entry
        offset += room
