"""How long connections last, with the kernel's time-outs."""

from __future__ import annotations

import itertools

import pytest

from ctaudit.picture.axis import NARROW, WIDE, Frame
from ctaudit.picture.durations import Bin, Durations, Panel, draw_durations, place_marks
from ctaudit.picture.element import estimate_width
from ctaudit.picture.scale import LogScale
from ctaudit.query.durations_text import TIMEOUTS
from tests.unit.picture.drawn import boxes, outside, read, texts

TCP = 6
FRAMES = pytest.mark.parametrize("frame", [WIDE, NARROW], ids=["wide", "narrow"])


def panel(proto: int = TCP, *peaks: float) -> Panel:
    bins = [Bin(0.0, 0.001, 3)]
    for place in range(-15, 30):
        begin, end = 10 ** (place / 5), 10 ** ((place + 1) / 5)
        count = sum(100 for peak in peaks if begin <= peak < end)
        bins += [Bin(begin, end, count)] if count else []
    return Panel("tcp", "12 connections", tuple(bins), TIMEOUTS[proto])


def durations(*panels: Panel) -> Durations:
    return Durations(panels, "title", "description", "axis")


@FRAMES
def test_a_peak_stands_at_its_time_out(frame: Frame) -> None:
    svg = read(draw_durations(durations(panel(TCP, 120.1, 432_001)), frame, "x"))
    tallest = [box for box in boxes(svg, "amount") if box[3] == 84]
    assert len(tallest) == 2
    [mark] = [
        line for line in svg.iter() if line.get("class") == "mark" and _between(line, tallest[0])
    ]
    assert mark.get("x1") == mark.get("x2")
    assert {"120 s TIME_WAIT", "5 d ESTABLISHED"} <= set(texts(svg))


def _between(line: object, box: tuple[float, ...]) -> bool:
    x = float(str(line.get("x1")))  # type: ignore[attr-defined]
    return box[0] - 1 <= x <= box[0] + box[2] + 1


@FRAMES
@pytest.mark.parametrize("proto", TIMEOUTS)
def test_texts_of_time_outs_lie_apart_and_no_line_crosses_one(frame: Frame, proto: int) -> None:
    for last in (40, 200, 1000, 10**6, 10**8):
        scale = LogScale(0.001, last, max(frame.left, 8), frame.width - frame.right)
        marks = place_marks(scale, TIMEOUTS[proto])
        spans = [(m.level, m.text_x, m.text_x + estimate_width(m.text, 11), m.x) for m in marks]
        for one, other in itertools.combinations(spans, 2):
            assert one[0] != other[0] or one[2] <= other[1] or other[2] <= one[1]
        for level, _, _, x in spans:
            crossed = [each for each in spans if each[0] < level and each[1] < x < each[2]]
            assert not crossed or last < 10**6


@FRAMES
def test_a_time_out_beyond_the_scale_is_left_out(frame: Frame) -> None:
    said = texts(read(draw_durations(durations(panel(TCP, 0.5)), frame, "x")))
    assert not [text for text in said if "ESTABLISHED" in text]


@FRAMES
def test_all_lies_in_the_picture(frame: Frame) -> None:
    every = [panel(proto, 0.002, 30.01, 432_001) for proto in TIMEOUTS]
    for panels in ([], every[:1], every):
        assert outside(read(draw_durations(durations(*panels), frame, "x"))) == []
    one = Panel("x" * 200, "1 connection", (Bin(0.0, 0.001, 1),), {})
    assert outside(read(draw_durations(durations(one), frame, "x"))) == []
