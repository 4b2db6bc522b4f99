"""The time line of a public port as a picture, to stand in a page.

What a colour says a pattern or a word says as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from ctaudit.picture.axis import draw_time_axis
from ctaudit.picture.element import (
    Box,
    add_boxes,
    add_label,
    add_line,
    new_picture,
    write,
)
from ctaudit.picture.key import Entry, draw_key
from ctaudit.picture.paint import BLUE, GREY, INK, PAPER, VERMILION, Paint
from ctaudit.picture.scale import TimeScale
from ctaudit.report.timeline import Bar, Lane, Timeline

_WIDTH = 720
_LEFT, _RIGHT = 168, 30  # of the plot
_TOP, _LANE, _BAR = 30, 30, 16
_LABEL_MAX = 18  # characters of a lane's label; a longer IPv6 address has two lines

_DOUBTFUL = Paint("doubtful", hatch=GREY, stroke=GREY)
_PAINT = {
    "answer": Paint("bar-answer", BLUE, BLUE, width=1.5),
    "unproven": Paint("bar-unproven", "#cfe3f2", BLUE, width=1.5),
    "other": Paint("bar-other", PAPER, INK, width=1.5),
}


@dataclass(frozen=True)
class Words:
    """What stands in the picture; ``title`` and ``description`` are read by screen readers."""

    title: str
    description: str
    asked: str
    unnamed: str
    nobody: str
    answer_key: str
    other_key: str
    doubtful_key: str


def draw(timeline: Timeline, words: Words, name: str) -> str:
    """An ``svg`` element; ``name``: begins the ids in it, unique in the page."""
    lanes = max(1, len(timeline.lanes))
    bottom = _TOP + lanes * _LANE + 4
    height = bottom + 72
    svg = new_picture("timeline", name, words.title, words.description, width=_WIDTH, height=height)
    window = timeline.window
    scale = TimeScale(window.begin, window.end, _LEFT, _WIDTH - _RIGHT)
    for span in timeline.doubtful:
        left = scale.x(span.begin)
        add_boxes(svg, [Box(left, _TOP, scale.x(span.end) - left, bottom - _TOP)], _DOUBTFUL)
        add_line(svg, (left, _TOP, left, bottom), "hatch", GREY)
    draw_time_axis(svg, scale, bottom)
    for place, lane in enumerate(timeline.lanes):
        _draw_lane(svg, scale, timeline, lane, _TOP + place * _LANE, words)
    if not timeline.lanes:
        # Above, where no hatch goes through it.
        add_label(svg, _LEFT, _TOP - 12, words.nobody)
    _draw_asked(svg, scale, timeline, bottom, words.asked)
    draw_key(svg, _LEFT, height - 20, _WIDTH - _LEFT, _list_entries(timeline, words))
    return write(svg)


def _draw_lane(
    svg: Element, scale: TimeScale, timeline: Timeline, lane: Lane, top: int, words: Words
) -> None:
    label = words.unnamed if lane.host is None else str(lane.host)
    kind = "lane-answer" if lane.host is not None else "lane-other"
    weight = "bold" if lane.host is not None and timeline.is_proven else "normal"
    attributes = {"text-anchor": "end", "class": f"ink {kind}", "font-weight": weight}
    if len(label) <= _LABEL_MAX:
        add_label(svg, _LEFT - 10, top + 20, label, attributes)
    else:
        middle = label.rfind(":", 0, len(label) // 2 + 1) + 1
        attributes["font-size"] = "10"
        add_label(svg, _LEFT - 10, top + 13, label[:middle], attributes)
        add_label(svg, _LEFT - 10, top + 25, label[middle:], attributes)
    # The bars of the answer come last, so that no other one hides them.
    for bar in sorted(lane.bars, key=lambda each: each.is_answer):
        kind = _kind(timeline) if bar.is_answer else "other"
        _draw_bar(svg, scale, bar, _PAINT[kind], top + (_LANE - _BAR) / 2)


def _kind(timeline: Timeline) -> str:
    return "answer" if timeline.is_proven else "unproven"


def _draw_bar(svg: Element, scale: TimeScale, bar: Bar, paint: Paint, top: float) -> None:
    x = scale.x(bar.begin)
    attributes = {
        "x": str(x), "y": str(top), "width": str(max(2.0, round(scale.x(bar.end) - x, 1))),
        "height": str(_BAR), "stroke-width": "1.5", "class": paint.kind, "fill": paint.fill,
        "stroke": paint.stroke,
    }  # fmt: skip
    if not bar.is_sure:
        attributes["stroke-dasharray"] = "4 3"
        attributes["fill-opacity"] = "0.35"
    SubElement(svg, "rect", attributes)


def _draw_asked(svg: Element, scale: TimeScale, timeline: Timeline, bottom: int, word: str) -> None:
    left, right = scale.x(timeline.asked.begin), scale.x(timeline.asked.end)
    attributes = {
        "x": str(left), "y": str(_TOP - 6), "width": str(max(1.5, round(right - left, 1))),
        "height": str(bottom - _TOP + 6), "class": "asked", "fill": VERMILION,
        "fill-opacity": "0.3", "stroke": VERMILION, "stroke-width": "1.5",
    }  # fmt: skip
    SubElement(svg, "rect", attributes)
    middle = (left + right) / 2
    anchor = "middle" if middle < _WIDTH - 80 else "end"
    add_label(svg, middle, _TOP - 12, word, {"text-anchor": anchor, "font-weight": "bold"})


def _list_entries(timeline: Timeline, words: Words) -> list[Entry]:
    """What the patterns say, of those that are drawn."""
    kinds = {bar.is_answer for lane in timeline.lanes for bar in lane.bars}
    entries = [Entry(_PAINT[_kind(timeline)], words.answer_key)] * (True in kinds)
    entries += [Entry(_PAINT["other"], words.other_key)] * (False in kinds)
    return entries + [Entry(_DOUBTFUL, words.doubtful_key)] * bool(timeline.doubtful)
