"""A time line as an SVG picture, to stand in a page.

It is drawn for paper: colours stand in attributes, and a page may give the classes other ones, as
it does for a dark screen. What a colour says a pattern or a word says as well. Nothing is styled by
a style attribute, which a content security policy would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element, SubElement, tostring

from ctaudit.query.value_text import format_offset
from ctaudit.report.printable import make_printable
from ctaudit.report.timeline import Bar, Lane, Timeline

_WIDTH = 720
_LEFT, _RIGHT = 168, 30  # of the plot
_TOP, _LANE, _BAR = 30, 30, 16
_HATCH = 7  # between two lines
_LABEL_MAX = 18  # characters of a lane's label; a longer IPv6 address has two lines
_TICKS = tuple(timedelta(seconds=each) for each in (5, 10, 30, 60, 120, 300, 600, 1800, 3600))
_TICKS_MAX = 8

# Okabe and Ito's, which people with any colour vision can tell apart.
_ANSWER, _ASKED, _INK, _LIGHT = "#0072b2", "#d55e00", "#222222", "#8a8a8a"


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
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_WIDTH} {height}",
            "width": str(_WIDTH), "height": str(height), "class": "timeline", "role": "img",
            "aria-labelledby": f"{name}-title {name}-description", "font-family": "sans-serif",
            "font-size": "12",
        },
    )  # fmt: skip
    _add_text(svg, "title", words.title, id=f"{name}-title")
    _add_text(svg, "desc", words.description, id=f"{name}-description")
    scale = _Scale(timeline)
    for span in timeline.doubtful:
        _draw_hatched(svg, scale.x(span.begin), scale.x(span.end), bottom)
    _draw_axis(svg, scale, timeline, bottom)
    for place, lane in enumerate(timeline.lanes):
        _draw_lane(svg, scale, timeline, lane, _TOP + place * _LANE, words)
    if not timeline.lanes:
        _label(svg, _LEFT + 8, _TOP + 20, words.nobody)
    _draw_asked(svg, scale, timeline, bottom, words.asked)
    _draw_key(svg, height - 8, timeline, words)
    return tostring(svg, encoding="unicode")


class _Scale:
    def __init__(self, timeline: Timeline) -> None:
        self._begin = timeline.window.begin
        self._length = timeline.window.end - timeline.window.begin

    def x(self, time: datetime) -> float:
        """Where a time is, in the plot."""
        share = min(max((time - self._begin) / self._length, 0.0), 1.0)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _draw_lane(
    svg: Element, scale: _Scale, timeline: Timeline, lane: Lane, top: int, words: Words
) -> None:
    label = words.unnamed if lane.host is None else str(lane.host)
    kind = "lane-answer" if lane.host is not None else "lane-other"
    weight = "bold" if lane.host is not None and timeline.is_proven else "normal"
    attributes = {"text-anchor": "end", "class": f"ink {kind}", "font-weight": weight}
    if len(label) <= _LABEL_MAX:
        _label(svg, _LEFT - 10, top + 20, label, **attributes)
    else:
        middle = label.rfind(":", 0, len(label) // 2 + 1) + 1
        _label(svg, _LEFT - 10, top + 13, label[:middle], **attributes, **{"font-size": "10"})
        _label(svg, _LEFT - 10, top + 25, label[middle:], **attributes, **{"font-size": "10"})
    # The bars of the answer come last, so that no other one hides them.
    for bar in sorted(lane.bars, key=lambda each: each.is_answer):
        kind = _kind(timeline) if bar.is_answer else "other"
        _draw_bar(svg, scale, bar, kind, top + (_LANE - _BAR) / 2)


def _kind(timeline: Timeline) -> str:
    return "answer" if timeline.is_proven else "unproven"


# By kind of bar: fill and stroke.
_PAINT = {
    "answer": (_ANSWER, _ANSWER),
    "unproven": ("#cfe3f2", _ANSWER),
    "other": ("#ffffff", _INK),
}


def _draw_bar(svg: Element, scale: _Scale, bar: Bar, kind: str, top: float) -> None:
    x = scale.x(bar.begin)
    fill, stroke = _PAINT[kind]
    attributes = {
        "x": str(x), "y": str(top), "width": str(max(2.0, round(scale.x(bar.end) - x, 1))),
        "height": str(_BAR), "stroke-width": "1.5", "class": f"bar-{kind}", "fill": fill,
        "stroke": stroke,
    }  # fmt: skip
    if not bar.is_sure:
        attributes["stroke-dasharray"] = "4 3"
        attributes["fill-opacity"] = "0.35"
    SubElement(svg, "rect", attributes)


def _draw_hatched(svg: Element, left: float, right: float, bottom: float) -> None:
    """Lines across a part of the plot, and its two borders; a narrow part is a dark line."""
    for x in (left, right):
        _line(svg, x, _TOP, x, bottom, "hatch", _LIGHT)
    height = bottom - _TOP
    step = int(left) - int(height) - int(left - height) % _HATCH
    for start in range(step, int(right), _HATCH):
        first, last = max(left, float(start)), min(right, start + height)
        if first < last:
            y = bottom - (first - start)
            _line(svg, round(first, 1), round(y, 1), round(last, 1),
                  round(bottom - (last - start), 1), "hatch", _LIGHT)  # fmt: skip


def _draw_axis(svg: Element, scale: _Scale, timeline: Timeline, bottom: int) -> None:
    window = timeline.window
    _line(svg, _LEFT, bottom, _WIDTH - _RIGHT, bottom, "axis", _INK)
    for time in list_ticks(window.begin, window.end):
        x = scale.x(time)
        _line(svg, x, bottom, x, bottom + 5, "axis", _INK)
        _label(svg, x, bottom + 19, time.strftime("%H:%M:%S"), **{"text-anchor": "middle"})
    _label(svg, _LEFT - 10, bottom + 19, f"{window.begin.astimezone():%Y-%m-%d}",
           **{"text-anchor": "end"})  # fmt: skip
    _label(svg, _LEFT - 10, bottom + 34, format_zone(window.begin), **{"text-anchor": "end"})


def format_zone(time: datetime) -> str:
    """``CET (UTC+01:00)``, of this process's zone then; UTC alone is ``UTC``."""
    local = time.astimezone()
    name, offset = str(local.tzname()), f"UTC{format_offset(local)}"
    if offset == "UTC+00:00":
        return "UTC" if name == "UTC" else f"{name} (UTC)"
    return offset if name[:1] in "+-" else f"{name} ({offset})"


def list_ticks(begin: datetime, end: datetime) -> Sequence[datetime]:
    """At most _TICKS_MAX round local times in [begin, end]."""
    length = end - begin
    step = next((each for each in _TICKS if length / each < _TICKS_MAX), _TICKS[-1])
    return list(_list_multiples(begin, end, step))


def _list_multiples(begin: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    local = begin.astimezone()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    # Of one offset, so that a change of it within the window does not repeat or skip a tick.
    time = midnight + step * ((local - midnight) // step)
    while time <= end:
        if time >= begin:
            yield time.astimezone()
        time += step


def _draw_asked(svg: Element, scale: _Scale, timeline: Timeline, bottom: int, word: str) -> None:
    left, right = scale.x(timeline.asked.begin), scale.x(timeline.asked.end)
    attributes = {
        "x": str(left), "y": str(_TOP - 6), "width": str(max(1.5, round(right - left, 1))),
        "height": str(bottom - _TOP + 6), "class": "asked", "fill": _ASKED, "fill-opacity": "0.3",
        "stroke": _ASKED, "stroke-width": "1.5",
    }  # fmt: skip
    SubElement(svg, "rect", attributes)
    middle = (left + right) / 2
    anchor = "middle" if middle < _WIDTH - 80 else "end"
    _label(svg, round(middle, 1), _TOP - 12, word,
           **{"text-anchor": anchor, "font-weight": "bold"})  # fmt: skip


def _draw_key(svg: Element, base: int, timeline: Timeline, words: Words) -> None:
    """What the patterns say; each entry has the room of its words."""
    x = _LEFT
    kinds = [(_kind(timeline), words.answer_key), ("other", words.other_key)]
    kinds += [("doubtful", words.doubtful_key)] if timeline.doubtful else []
    for kind, text in kinds:
        box = {"x": str(x), "y": str(base - 10), "width": "22", "height": "12"}
        if kind == "doubtful":
            for place in range(0, 22, 5):
                _line(svg, x + place, base + 2, min(x + 22, x + place + 12), base - 10,
                      "hatch", _LIGHT)  # fmt: skip
            SubElement(svg, "rect", {**box, "class": "hatch-box", "fill": "none",
                                     "stroke": _LIGHT})  # fmt: skip
        else:
            fill, stroke = _PAINT[kind]
            SubElement(svg, "rect", {**box, "class": f"bar-{kind}", "fill": fill,
                                     "stroke": stroke, "stroke-width": "1.5"})  # fmt: skip
        _label(svg, x + 28, base, text)
        x += 28 + round(6.6 * len(text)) + 14


def _line(svg: Element, x1: float, y1: float, x2: float, y2: float, kind: str, stroke: str) -> None:
    ends = {"x1": str(x1), "y1": str(y1), "x2": str(x2), "y2": str(y2)}
    SubElement(svg, "line", {**ends, "class": kind, "stroke": stroke, "stroke-width": "1"})


def _label(svg: Element, x: float, y: float, text: str, **attributes: str) -> None:
    place = {"x": str(x), "y": str(y), "fill": _INK, "class": "ink"}
    _add_text(svg, "text", text, **{**place, **attributes})


def _add_text(svg: Element, tag: str, text: str, **attributes: str) -> None:
    SubElement(svg, tag, attributes).text = make_printable(text)
