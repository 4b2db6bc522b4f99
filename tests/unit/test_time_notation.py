"""Times as people, reports and programs write them: what is understood, and what is refused."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.errors import UsageError
from ctaudit.query.time_notation import (
    TimeSpan,
    is_time,
    parse_instant,
    parse_past,
    parse_time,
)
from tests.unit.answers import local_zone
from tests.unit.garbage import GARBAGE


@pytest.mark.parametrize(
    ("text", "begin", "microseconds"),
    [
        ("2026-02-22T11:59:43Z", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-22t11:59:43z", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-22 12:59:43+01:00", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-22 12:59:43 +01:00", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-21T23:59:43.5-12:00", (2026, 2, 22, 11, 59, 43, 500_000), 100_000),
        ("2026-02-22T11:59:43.25Z", (2026, 2, 22, 11, 59, 43, 250_000), 10_000),
        ("2026-02-22T11:59:43.000Z", (2026, 2, 22, 11, 59, 43), 1_000),
        ("2026-02-22T11:59:43.123456Z", (2026, 2, 22, 11, 59, 43, 123_456), 1),
        ("2026-02-22T11:59:43.123456789Z", (2026, 2, 22, 11, 59, 43, 123_456), 1),
    ],
)
def test_time_with_a_zone(text: str, begin: tuple[int, ...], microseconds: int) -> None:
    span = parse_time(text, "--at")
    assert span.begin == datetime(*begin, tzinfo=UTC)  # type: ignore[arg-type,misc]
    assert span.end - span.begin == timedelta(microseconds=microseconds)


def test_local_time_is_the_zone_of_that_day() -> None:
    with local_zone("Europe/Berlin"):
        winter = parse_time("2026-02-22 11:59:43", "--at")
        summer = parse_time("2026-07-22 11:59:43", "--at")
    assert winter.begin == datetime(2026, 2, 22, 10, 59, 43, tzinfo=UTC)
    assert summer.begin == datetime(2026, 7, 22, 9, 59, 43, tzinfo=UTC)


def test_local_time_that_comes_twice_or_never() -> None:
    with local_zone("Europe/Berlin"):
        with pytest.raises(UsageError, match=r"append \+02:00 \(CEST\) or \+01:00 \(CET\)$"):
            parse_time("2026-10-25 02:30:00", "--at")
        with pytest.raises(UsageError, match="does not exist in the local"):
            parse_time("2026-03-29 02:30:00", "--at")
        assert parse_time("2026-10-25 02:30:00+01:00", "--at").begin == datetime(
            2026, 10, 25, 1, 30, tzinfo=UTC
        )


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-02-22", "11:59:43", "2026-02-22 11:59:43.", "@",
     "2026-02-30T11:59:43Z", "2026-02-22T24:59:43Z", "2026-02-22T11:59:60Z", "22.02.2026 11:59:43",
     "2026-02-22T11:59:43+25:00", "2026-02-22T11:59:43Z\n", "0001-01-01T00:00:00+14:00",
     "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z",
     "٢٠٢٦-02-22T11:59:43Z"],
)  # fmt: skip
def test_time_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, "--at")
    assert str(caught.value).startswith(f"--at {text!r}: ")


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(-12 * 60, 14 * 60),
)
def test_time_round_trip(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    span = parse_time(moment.isoformat(timespec="microseconds"), "--at")
    assert span.begin == moment
    assert span.end - span.begin == timedelta(microseconds=1)
    assert parse_time(moment.isoformat(timespec="seconds"), "--at").begin == moment.replace(
        microsecond=0
    )


def test_the_future_is_refused() -> None:
    now = datetime(2026, 2, 22, 11, 59, 43, 500_000, tzinfo=UTC)
    assert parse_past("2026-02-22T11:59:43Z", "--at", now).begin < now
    with pytest.raises(UsageError, match="is in the future; it is now"):
        parse_past("2026-02-22T11:59:44Z", "--at", now)


# Each is 2026-11-25 19:08:36 UTC, read in Europe/Berlin.
SAME = [
    "2026-11-25T20:08:36+0100",
    "2026-11-25T20:08:36+01",
    "2026-11-25 20:08:36 +0100",
    "2026-11-25 19:08:36+00",
    "2026-11-25 19:08:36 UTC",
    "2026-11-25 19:08:36 GMT",
    "2026-11-25 19:08:36Z",
    "2026-11-25 19:08:36 z",
    "2026-11-25 20:08:36 UTC+01:00",
    "2026-11-25 20:08:36",
    "2026-11-25 20:08:36 CET",
    "2026/11/25 20:08:36",
    "20261125T190836Z",
    "Wed 2026-11-25 20:08:36 CET",
    "Wed, 25 Nov 2026 20:08:36 +0100",
    "Wed, 25 Nov 2026 20:08:36 +0100 (CET)",
    "25 Nov 2026 14:08:36 -0500",
    "Wed, 25 Nov 2026 19:08:36 GMT",
    "[25/Nov/2026:20:08:36 +0100]",
    "25/Nov/2026:20:08:36 +0100",
    "25-Nov-2026 20:08:36",
    "Wed Nov 25 20:08:36 2026",
    "Wed Nov 25 20:08:36 CET 2026",
    "Wed Nov 25 08:08:36 PM CET 2026",
    "Wed 25 Nov 20:08:36 CET 2026",
    "Wed Nov 25 19:08:36 2026 UTC",
    "Wed Nov 25 2026 20:08:36 GMT+0100 (Central European Standard Time)",
    "@1795633716",
    "1795633716",
    "2026-11-25 20:08:36+01:00 (CET)",
    " 2026-11-25  20:08:36 ",
    "[2026-11-25 20:08:36]",
    "[Wed Nov 25 20:08:36 2026]",
    "[1795633716]",
    "1795633716 UTC",
    "@1795633716 GMT",
    "2026-11-25 8:08:36 PM",
    "2026-11-25 20:08:36 +0100 CET",
    "2026-11-25 19:08:36 +0000 UTC",
    "20261125190836Z",
    "25Nov2026 20:08:36",
    "25 November 2026, 20:08:36",
    "Wednesday, 25 November 2026 20:08:36",
    "Wednesday, November 25, 2026 8:08:36 PM",
    "November 25, 2026 at 8:08:36 PM",
    "Nov 25, 2026 20:08:36 CET",
    "Nov 25, 2026 @ 20:08:36",
    "Nov 25 2026 20:08:36",
    "Nov 25 19:08:36 2026 GMT",
    "Nov 25 20:08:36 2026",
    "2026 Nov 25 20:08:36",
    "nov/25/2026 20:08:36",
    "20:08:36 CET Wed Nov 25 2026",
    "20:08:36 Wed Nov 25 2026",
    "19:08:36 +0000 Wed Nov 25 2026",
]
SECOND = datetime(2026, 11, 25, 19, 8, 36, tzinfo=UTC)


@pytest.mark.parametrize("text", SAME)
def test_one_second_in_many_notations(text: str) -> None:
    with local_zone("Europe/Berlin"):
        assert is_time(text)
        assert parse_time(text, "--at") == TimeSpan(SECOND, SECOND + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("text", "offset", "width"),
    [
        ("2026-11-25 20:08", -36_000_000, 60_000_000),
        ("2026-11-25T20:08+01:00", -36_000_000, 60_000_000),
        ("2026-11-25 20:08:36,123", 123_000, 1_000),
        ("2026-11-25T20:08:36.403240+0100", 403_240, 1),
        ("2026-11-25 19:08:36.123456+00", 123_456, 1),
        ("25-Nov-2026 20:08:36.123", 123_000, 1_000),
        ("@1795633716.25", 250_000, 10_000),
        ("1795633716.123456789", 123_456, 1),
        ("1795633716123", 123_000, 1_000),
        ("1795633716123456", 123_456, 1),
        ("1795633716123456789", 123_456, 1),
        ("[Wed Nov 25 20:08:36.123456 2026]", 123_456, 1),
        ("Nov 25, 2026 20:08:36.123456789 CET", 123_456, 1),
        ("20:08:36.123 CET Wed Nov 25 2026", 123_000, 1_000),
    ],
)
def test_the_last_digit_decides_the_span(text: str, offset: int, width: int) -> None:
    begin = SECOND + timedelta(microseconds=offset)
    with local_zone("Europe/Berlin"):
        assert parse_time(text, "--at") == TimeSpan(begin, begin + timedelta(microseconds=width))


def test_a_leap_second_is_both_of_its_neighbours() -> None:
    midnight, second = datetime(2017, 1, 1, tzinfo=UTC), timedelta(seconds=1)
    both = TimeSpan(midnight - second, midnight + second)
    assert parse_time("2016-12-31T23:59:60Z", "--at") == both
    assert parse_time("2017-01-01T00:59:60+01:00", "--at") == both
    with pytest.raises(UsageError, match="a leap second is 23:59:60 UTC"):
        parse_time("2016-12-31T23:59:60+01:00", "--at")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("01/02/2026 11:00", "whether the day or the month comes first"),
        ("22.02.2026 11:59:43", "whether the day or the month"),
        ("11-25-2026 11:59:43", "whether the day or the month"),
        ("Nov 25 20:08:36", "has no year"),
        ("Wed Nov 25 20:08:36", "has no year"),
        ("25 Nov 20:08:36", "has no year"),
        ("20:08:36", "has no date"),
        ("2026-11-25", "has no time of day"),
        ("Thu, 26 Nov 2026 20:08:36 EST", "EST is not that of the local time zone then [(]CET[)]"),
        ("2026-11-25 20:08:36 CEST", "CEST is not that of the local time zone then"),
        ("Thu, 25 Nov 2026 20:08:36 +0100", "2026-11-25 is not a Thu but a Wed"),
        ("13:00 2026", "has no date"),
        ("2026-11-25 13:08:36 PM", "no such time: 13 PM is no hour"),
        ("2026-11-25 20:08:36 UTC+1", "not a time"),
        ("25 Nov 26 20:08:36", "has a year of two digits"),
        ("Wednesday, 25-Nov-26 20:08:36 GMT", "has a year of two digits"),
        ("2026-11-25 20:08:36 (UTC)", "has its zone in brackets"),
        ("Wed, 25 Nov 2026 20:08:36 (UTC)", "has its zone in brackets"),
        ("Nov 25, 2026 8:08:36 PM (UTC)", "has its zone in brackets"),
        ("20:08:36 25.11.2026", "not a time with the date behind it"),
        ("2026-11-25T20:08:36+01:60", "not a time"),
        ("2026-11-25T20:08:36+24:00", "not a time"),
        ("20:08:36 CET Thu Nov 25 2026", "2026-11-25 is not a Thu but a Wed"),
    ],
)
def test_the_reason_why_it_is_refused(text: str, says: str) -> None:
    with local_zone("Europe/Berlin"), pytest.raises(UsageError, match=says):
        parse_time(text, "--at")


def test_an_abbreviation_tells_the_hours_apart_that_come_twice() -> None:
    with local_zone("Europe/Berlin"):
        first = parse_time("2026-10-25 02:30:00 CEST", "--at").begin
        assert parse_time("2026-10-25 02:30:00 CET", "--at").begin - first == timedelta(hours=1)


@pytest.mark.parametrize("zone", ["UTC-8", "GMT-1"])
def test_a_local_zone_named_utc_that_is_another(zone: str) -> None:
    with local_zone(zone):
        with pytest.raises(UsageError, match=rf"named {zone[:3]} and is \+0"):
            parse_time(f"2026-11-25 20:08:36 {zone[:3]}", "--at")
        assert parse_time("2026-11-25 20:08:36Z", "--at").begin.hour == 20


def test_a_date_alone_is_an_instant() -> None:
    with local_zone("Europe/Berlin"):
        assert parse_instant("2026-11-25", "--from") == datetime(2026, 11, 24, 23, tzinfo=UTC)
        assert parse_instant("2026-11-25 20:08", "--from").second == 0


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1))  # noqa: DTZ001
OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, OFFSETS)
def test_each_notation_is_read_back(naive: datetime, zone: timezone) -> None:
    """Apache's, mail's, psql's and ulogd's, as Python writes them."""
    moment = naive.replace(tzinfo=zone, microsecond=0)
    for text in (
        moment.strftime("%Y-%m-%dT%H:%M:%S%z"),
        moment.strftime("[%d/%b/%Y:%H:%M:%S %z]"),
        moment.strftime("%a %b %d %H:%M:%S %Y %z"),
        format_datetime(moment),
        f"@{int(moment.timestamp())}",
        moment.strftime("%Y%m%dT%H%M%S%z"),
    ):
        assert is_time(text), text
        assert parse_time(text, "--at").begin == moment, text


FORMATS = [
    "+%c",
    "-R",
    "-Iseconds",
    "-Ins",
    "--rfc-3339=seconds",
    "--rfc-3339=ns",
    "+@%s",
    "+%s.%N",
]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("form", ["", *FORMATS])
def test_what_date_prints_can_be_pasted_back(zone: str, form: str) -> None:
    for second in (1795633716, 1784000000):
        with local_zone(zone):
            words = ["date", "-d", f"@{second}.25", *([form] if form else [])]
            printed = subprocess.check_output(words, text=True, env={"LC_ALL": "C", "TZ": zone})
            begin = parse_time(printed.strip(), "--at").begin
        assert begin.replace(microsecond=0) == datetime.fromtimestamp(second, UTC)


@given(GARBAGE)
def test_garbage_is_a_usage_error(text: str) -> None:
    is_time(text)
    with suppress(UsageError):
        parse_time(text, "X")
    with suppress(UsageError):
        parse_instant(text, "X")


def test_a_span_is_widened_on_both_sides() -> None:
    begin = datetime(2026, 2, 22, 11, 59, 43, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert TimeSpan(begin, begin + second).widen(2) == TimeSpan(
        begin - 2 * second, begin + 3 * second
    )
    with pytest.raises(UsageError, match=r"^--within 1e\+12: goes beyond the years 1 to 9999"):
        TimeSpan(begin, begin + second).widen(1e12)
