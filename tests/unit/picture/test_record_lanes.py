"""The record of gateways as a picture: nothing that is missing is too thin to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from ctaudit.picture.axis import NARROW, WIDE, Frame
from ctaudit.picture.record_lanes import KINDS, Lanes, NodeLane, Part, draw_lanes
from tests.unit.answers import local_zone
from tests.unit.picture.drawn import SVG, boxes, kinds, outside, read, texts

BEGIN = datetime(2026, 3, 28, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
HOSTILE = "</svg><script>alert(1)</script>\u202e\x1b&"
FRAMES = pytest.mark.parametrize("frame", [WIDE, NARROW], ids=["wide", "narrow"])


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def part(kind: str, begin: float, end: float) -> Part:
    """Days after BEGIN."""
    return Part(kind, BEGIN + timedelta(days=begin), BEGIN + timedelta(days=end))


def lanes(*parts: Part, nodes: int = 1, length: timedelta = YEAR) -> Lanes:
    lane = NodeLane("gw1", "99.98 %, 3 gaps", parts)
    named = tuple(replace(lane, name=f"gw{number + 1}") for number in range(nodes))
    keys = {kind: f"{kind} key" for kind in KINDS}
    return Lanes(BEGIN, BEGIN + length, named, "title", "description", keys)


def areas(svg: ElementTree.Element, kind: str) -> list[tuple[float, float, float, float]]:
    """Without the last one, which is the key's."""
    return boxes(svg, kind)[:-1]


EVERY = tuple(part(kind, 40 * place, 40 * place + 9) for place, kind in enumerate(KINDS))


@FRAMES
def test_a_gap_of_a_second_in_a_year_is_seen(frame: Frame) -> None:
    second = 1 / 86_400
    picture = lanes(part("covered", 0, 365), part("gap", 100, 100 + second))
    [(x, _, width, _)] = areas(read(draw_lanes(picture, frame, "x")), "gap")
    assert width == KINDS["gap"][2] >= 2
    [(left, _, whole, _)] = areas(read(draw_lanes(picture, frame, "x")), "covered")
    assert x == pytest.approx(left + whole * 100 / 365, abs=0.2)


@FRAMES
def test_a_gap_at_the_end_lies_in_the_picture(frame: Frame) -> None:
    svg = read(draw_lanes(lanes(part("gap", 364.999, 365)), frame, "x"))
    [(x, _, width, _)] = areas(svg, "gap")
    assert width == 2 and x + width <= frame.width - frame.right
    assert outside(svg) == []


def test_areas_that_would_touch_are_one() -> None:
    near = [part("gap", 100 + place / 10, 100 + place / 10 + 0.01) for place in range(20)]
    svg = read(draw_lanes(lanes(*near, part("gap", 300, 301)), WIDE, "x"))
    assert len(areas(svg, "gap")) == 2


@FRAMES
def test_each_kind_differs_by_more_than_its_colour(frame: Frame) -> None:
    svg = read(draw_lanes(lanes(*EVERY), frame, "x"))
    assert {paint.kind for paint, _, _ in KINDS.values()} <= kinds(svg)
    forms = [(p.hatch != "" and p.lean, height) for p, height, _ in KINDS.values()]
    assert len(set(forms)) == len(forms)
    assert {f"{kind} key" for kind in KINDS} <= set(texts(svg))


def test_the_key_has_what_is_drawn() -> None:
    said = texts(read(draw_lanes(lanes(part("covered", 0, 365)), WIDE, "x")))
    assert [text for text in said if text.endswith(" key")] == ["covered key"]


@FRAMES
@pytest.mark.parametrize("nodes", [0, 1, 10, 100])
def test_all_lies_in_the_picture(frame: Frame, nodes: int) -> None:
    for length in (timedelta(minutes=5), timedelta(days=1), YEAR, 4 * YEAR):
        svg = read(draw_lanes(lanes(*EVERY, nodes=nodes, length=length), frame, "x"))
        assert outside(svg) == []


def test_a_hundred_gateways_keep_their_own_line_and_stay_small() -> None:
    parts = [part("gap", place, place + 0.5) for place in range(365)]
    drawn = draw_lanes(lanes(*parts, nodes=100), WIDE, "x")
    svg = read(drawn)
    tops = sorted({y for _, y, _, _ in areas(svg, "gap")})
    assert len(tops) == 100 and min(b - a for a, b in pairwise(tops)) >= 24
    assert len(drawn) < 1_500_000


@FRAMES
def test_hostile_names_are_text(frame: Frame) -> None:
    lane = NodeLane(HOSTILE, HOSTILE, (), HOSTILE)
    keys = dict.fromkeys(KINDS, HOSTILE)
    drawn = draw_lanes(Lanes(BEGIN, BEGIN + YEAR, (lane,), HOSTILE, HOSTILE, keys), frame, "x")
    assert drawn.count("</svg>") == 1 and "<script" not in drawn
    assert "\u202e" not in drawn and "\x1b" not in drawn
    assert str(read(drawn).find(f"{SVG}title").text).startswith("</svg><script>")  # type: ignore[union-attr]


def test_both_sizes_can_stand_in_one_page() -> None:
    ids = [
        each.get("id")
        for frame in (WIDE, NARROW)
        for name in ("a", "b")
        for each in read(draw_lanes(lanes(*EVERY), frame, name)).iter()
        if each.get("id")
    ]
    assert len(ids) == len(set(ids)) == 8


@FRAMES
def test_it_is_told_to_screen_readers_and_styles_nothing(frame: Frame) -> None:
    svg = read(draw_lanes(lanes(*EVERY), frame, "x"))
    told = [svg.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")]  # type: ignore[union-attr]
    assert str(svg.get("aria-labelledby")).split() == told
    assert svg.get("role") == "img" and svg.get("viewBox")
    assert not [each for each in svg.iter() if each.get("style") or each.tag == f"{SVG}style"]
