"""The axis of time: round local times, over changes of daylight saving time as well."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ctaudit.picture.ticks import TICKS_MAX, format_zone, format_zones, list_ticks
from tests.unit.answers import local_zone


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def words(begin: str, end: str) -> list[str]:
    return [tick.text for tick in list_ticks(at(begin), at(end))]


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (timedelta(seconds=5), 1), (timedelta(seconds=31), 5), (timedelta(seconds=121), 30),
        (timedelta(seconds=601), 120), (timedelta(hours=1), 600), (timedelta(hours=6), 3600),
        (timedelta(hours=23), 3 * 3600), (timedelta(hours=30), 6 * 3600),
        (timedelta(days=6), 86_400), (timedelta(days=30), 7 * 86_400),
    ],
)  # fmt: skip
def test_ticks_are_round_and_few(length: timedelta, step: int) -> None:
    begin = at("2026-02-03T11:07:43.250+00:00")
    ticks = [tick.time for tick in list_ticks(begin, begin + length)]
    assert 3 <= len(ticks) <= TICKS_MAX
    assert {(b - a).total_seconds() for a, b in itertools.pairwise(ticks)} == {step}
    for tick in ticks:
        midnight = tick.replace(hour=0, minute=0, second=0, microsecond=0)
        assert (tick - midnight).total_seconds() % min(step, 86_400) == 0
        assert begin <= tick <= begin + length


@pytest.mark.parametrize("days", [0.001, 0.04, 0.3, 1, 3, 10, 40, 90, 200, 365, 1000, 4000, 30_000])
def test_no_span_is_without_ticks(days: float) -> None:
    for begin in (datetime(2026, 3, 28, 23, 59, 59, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)):
        ticks = list_ticks(begin, begin + timedelta(days=days))
        assert 1 <= len(ticks) <= TICKS_MAX + 1
        assert [tick.time for tick in ticks] == sorted({tick.time for tick in ticks})


def test_the_hour_that_is_skipped_has_no_tick_and_the_one_that_is_repeated_two() -> None:
    spring = words("2026-03-29T00:00+01:00", "2026-03-29T06:00+02:00")
    assert spring == ["29 Mar", "01:00", "03:00", "04:00", "05:00", "06:00"]
    autumn = words("2026-10-25T00:00+02:00", "2026-10-25T05:00+01:00")
    assert autumn == ["25 Oct", "01:00", "02:00", "02:00", "03:00", "04:00", "05:00"]


def test_ticks_are_round_on_both_sides_of_a_change() -> None:
    assert words("2026-03-28T12:00+01:00", "2026-03-30T00:00+02:00") == [
        "12:00", "18:00", "29 Mar", "06:00", "12:00", "18:00", "30 Mar",
    ]  # fmt: skip
    ticks = list_ticks(at("2026-03-27T00:00+01:00"), at("2026-04-02T00:00+02:00"))
    assert {(tick.time.hour, tick.time.minute) for tick in ticks} == {(0, 0)}
    assert len(ticks) == 7


def test_a_zone_with_a_change_of_half_an_hour() -> None:
    with local_zone("Australia/Lord_Howe"):
        begin = datetime(2026, 4, 4, 12, tzinfo=UTC)
        ticks = list_ticks(begin, begin + timedelta(hours=7))
        assert {tick.time.minute for tick in ticks} == {0}


def test_greater_units() -> None:
    assert words("2026-02-03T00:00+01:00", "2026-08-20T00:00+02:00") == [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug",
    ]  # fmt: skip
    assert words("2025-11-26T00:00+01:00", "2026-11-26T00:00+01:00") == [
        "2026", "Mar", "May", "Jul", "Sep", "Nov",
    ]  # fmt: skip
    assert words("2014-02-22T00:00+01:00", "2026-11-26T00:00+01:00") == [
        "2016", "2018", "2020", "2022", "2024", "2026",
    ]  # fmt: skip
    majors = [t.text for t in list_ticks(at("2026-02-20T00:00Z"), at("2026-03-03T00:00Z"))]
    assert majors == ["21 Feb", "23 Feb", "25 Feb", "27 Feb", "1 Mar", "3 Mar"]


def test_the_zone_is_named() -> None:
    for zone, name in (
        ("Europe/Berlin", "CET (UTC+01:00)"),
        ("UTC", "UTC"),
        ("Asia/Kathmandu", "UTC+05:45"),
        ("Europe/London", "GMT (UTC)"),
    ):
        with local_zone(zone):
            assert format_zone(datetime(2026, 2, 22, tzinfo=UTC)) == name


def test_the_zones_of_a_span_are_named_once_each() -> None:
    both = "CET (UTC+01:00), then CEST (UTC+02:00)"
    assert format_zones(at("2026-03-28T12:00Z"), at("2026-03-29T12:00Z")) == both
    assert format_zones(at("2026-01-01T12:00Z"), at("2027-01-01T12:00Z")) == both
    assert format_zones(at("2026-02-01T12:00Z"), at("2026-02-03T12:00Z")) == "CET (UTC+01:00)"
