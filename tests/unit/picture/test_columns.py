"""Amounts by time: what is interpolated, not known, or in part, and where nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ctaudit.picture.axis import NARROW, WIDE, Frame
from ctaudit.picture.columns import Column, Columns, Keys, Row, draw_columns
from ctaudit.picture.scale import format_bytes, format_number, list_numbers
from tests.unit.answers import local_zone
from tests.unit.picture.drawn import boxes, kinds, outside, read, texts

BEGIN = datetime(2026, 3, 28, 12, tzinfo=UTC)
FRAMES = pytest.mark.parametrize("frame", [WIDE, NARROW], ids=["wide", "narrow"])


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def column(hour: int, amount: int | None, interpolated: int = 0, *, least: bool = False) -> Column:
    begin = BEGIN + timedelta(hours=hour)
    return Column(begin, begin + timedelta(hours=1), amount, interpolated, least)


def columns(
    *shown: Column, rows: int = 1, height: int = 100, uncovered: tuple[float, float] | None = None
) -> Columns:
    row = Row("192.168.1.129", "3 GB", shown, 1000, format_bytes)
    spans = [tuple(BEGIN + timedelta(hours=hour) for hour in uncovered)] if uncovered else []
    return Columns(
        BEGIN, BEGIN + timedelta(hours=24), (row,) * rows, tuple(spans), height,  # type: ignore[arg-type]
        "title", "description", Keys("known", "interpolated", "unknown", "least", "uncovered"),
    )  # fmt: skip


@FRAMES
def test_heights_are_in_proportion(frame: Frame) -> None:
    svg = read(draw_columns(columns(column(0, 1000), column(1, 500), column(2, 1)), frame, "x"))
    found = boxes(svg, "amount")[:3]
    assert [height for _, _, _, height in found] == [100, 50, 1]
    assert len({y + height for _, y, _, height in found}) == 1


@FRAMES
def test_what_is_interpolated_is_hatched_on_top_of_what_is_known(frame: Frame) -> None:
    svg = read(draw_columns(columns(column(3, 1000, 250)), frame, "x"))
    [(_, y, _, height), *_] = boxes(svg, "amount")
    [(_, over_y, _, over), *_] = boxes(svg, "amount-interpolated")
    assert (height, over) == (75, 25)
    assert over_y + over == pytest.approx(y)
    assert {"amount-interpolated-hatch", "hatch"} <= kinds(svg)
    assert "interpolated" in texts(svg)


@FRAMES
def test_what_is_not_known_is_a_hole_and_no_zero(frame: Frame) -> None:
    svg = read(draw_columns(columns(column(0, 500), column(1, None), column(2, 0)), frame, "x"))
    [(_, _, _, height), *_] = boxes(svg, "amount-unknown")
    assert height == 100
    assert len(boxes(svg, "amount")) == 2, "the blank and the zero have none; one is the key's"
    assert "unknown" in texts(svg)


def test_a_wide_hole_has_a_question_mark() -> None:
    svg = read(draw_columns(columns(column(0, 500), column(1, None)), WIDE, "x"))
    assert "?" in texts(svg)


@FRAMES
def test_what_is_known_in_part_is_marked(frame: Frame) -> None:
    assert "least" in texts(read(draw_columns(columns(column(0, 5, least=True)), frame, "x")))
    assert "least" not in texts(read(draw_columns(columns(column(0, 5)), frame, "x")))


@FRAMES
def test_where_the_record_is_not_complete(frame: Frame) -> None:
    picture = columns(column(0, 5), uncovered=(6, 12))
    svg = read(draw_columns(picture, frame, "x"))
    [(x, _, width, height), *_] = boxes(svg, "behind")
    assert height == 100
    assert (x, width) != (0, 0) and width > 0.2 * (frame.width - frame.left) - 20
    assert "uncovered" in texts(svg)
    moment = columns(column(0, 5), uncovered=(6, 6.00001))
    widths = [box[2] for box in boxes(read(draw_columns(moment, frame, "x")), "behind")]
    assert widths == [1.5, 22], "as it is drawn, and in the key"


@FRAMES
@pytest.mark.parametrize("height", [36, 100])
def test_all_lies_in_the_picture(frame: Frame, height: int) -> None:
    every = [column(0, 1000, 999, least=True), column(1, None), column(23, 7, least=True)]
    for rows in (0, 1, 11):
        picture = columns(*every, rows=rows, height=height, uncovered=(-5, 30))
        assert outside(read(draw_columns(picture, frame, "x"))) == []


def test_the_key_has_what_is_drawn() -> None:
    said = texts(read(draw_columns(columns(column(0, 5)), WIDE, "x")))
    assert set(said) & {"known", "interpolated", "unknown", "least", "uncovered"} == {"known"}


def test_round_amounts() -> None:
    assert list(list_numbers(1000)) == [500, 1000]
    assert list(list_numbers(7)) == [5]
    assert list(list_numbers(6)) == [2, 4, 6]
    assert list(list_numbers(0)) == []
    assert [len(list_numbers(most)) for most in (1, 3, 10, 99, 10**12)] == [1, 3, 2, 1, 2]


@pytest.mark.parametrize(
    ("count", "text", "number"),
    [
        (0, "0 B", "0"), (987, "987 B", "987"), (1234, "1.2 kB", "1.2 k"),
        (999_600, "1 MB", "1 M"), (50 * 10**9, "50 GB", "50 G"), (10**15, "1 PB", "1000000 G"),
    ],
)  # fmt: skip
def test_amounts_as_text(count: int, text: str, number: str) -> None:
    assert format_bytes(count) == text
    assert format_number(count) == number
