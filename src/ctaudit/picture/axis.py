"""The axis of time below a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

from ctaudit.picture.element import BOLD, FONT, add_label, add_line, estimate_width
from ctaudit.picture.paint import GREY, INK
from ctaudit.picture.scale import TimeScale
from ctaudit.picture.ticks import format_zones, list_ticks

_TICK_ROOM = 70  # pixels for a tick's text
AXIS_HEIGHT = 38  # with the line that names the span and its zone
_LINE = 14


@dataclass(frozen=True)
class Frame:
    """The size of a picture: of a wide page, or of a phone's.

    ``left``: pixels for names beside the plot; 0: names stand above it. Letters are drawn as large
    as the page's, so a picture must be shown in a place about as wide as it is.
    """

    width: int
    left: int
    right: int
    suffix: str  # of ids, so that both can stand in one page

    @property
    def is_narrow(self) -> bool:
        return self.left == 0

    def scale(self, begin: datetime, end: datetime, indent: float = 0) -> TimeScale:
        """Of the plot's width, less ``indent`` pixels on its left."""
        return TimeScale(begin, end, max(self.left, self.right, indent), self.width - self.right)


WIDE = Frame(720, 168, 16, "")
NARROW = Frame(360, 0, 8, "-narrow")


def axis_height(scale: TimeScale) -> float:
    """With the lines that name the span and its zone."""
    return AXIS_HEIGHT + _LINE * (len(_wrap_extent(scale)) - 1)


def draw_time_axis(
    svg: Element,
    scale: TimeScale,
    bottom: float,
    lanes: Sequence[tuple[float, float]] = (),
) -> None:
    """A line with ticks at ``bottom``, and what zone they are in.

    ``lanes``: from top to bottom, across which the ticks have lines.
    """
    add_line(svg, (scale.left, bottom, scale.right, bottom), "axis", INK)
    most = max(2, int((scale.right - scale.left) / _TICK_ROOM))
    for tick in list_ticks(scale.begin, scale.end, most):
        x = scale.x(tick.time)
        for top, end in lanes:
            add_line(svg, (x, top, x, end), "grid", GREY, "" if tick.is_major else "1 3")
        add_line(svg, (x, bottom, x, bottom + 5), "axis", INK)
        half = estimate_width(tick.text, BOLD if tick.is_major else FONT) / 2
        place = min(max(x, half), scale.right + 7 - half)
        weight = {"font-weight": "bold"} if tick.is_major else {}
        add_label(svg, place, bottom + 18, tick.text, {"text-anchor": "middle", **weight})
    for number, line in enumerate(_wrap_extent(scale)):
        add_label(svg, scale.left, bottom + 34 + _LINE * number, line, {"class": "ink quiet"})


def _wrap_extent(scale: TimeScale) -> Sequence[str]:
    """In one line if it has room, else the span and the zone."""
    span, zones = format_span(scale.begin, scale.end), format_zones(scale.begin, scale.end)
    text = f"{span}, {zones}"
    return (text,) if estimate_width(text) <= scale.right - scale.left else (span, zones)


def format_span(begin: datetime, end: datetime) -> str:
    """``2026-02-22 12:00 to 2026-02-23 12:00``, local; with seconds where it is short."""
    clock = "seconds" if end - begin < timedelta(hours=1) else "minutes"
    times = (each.astimezone().replace(tzinfo=None) for each in (begin, end))
    return " to ".join(time.isoformat(" ", clock) for time in times)
