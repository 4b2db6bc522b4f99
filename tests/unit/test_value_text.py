"""Times, durations and counts as text and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.query.value_text import (
    format_count,
    format_duration,
    format_time,
    localise_times,
    plain_time,
    plain_value,
)
from tests.unit.answers import local_zone


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0.000 s"),
        (timedelta(milliseconds=59_999), "59.999 s"),
        (timedelta(minutes=1), "1 min 0.000 s"),
        (timedelta(hours=1, seconds=1.5), "1 h 0 min 1.500 s"),
        (timedelta(days=3, hours=4, minutes=5, seconds=6), "3 d 4 h 5 min 6.000 s"),
        (timedelta(seconds=59, microseconds=999_999), "59.999 s"),
    ],
)
def test_durations(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("until 2026-02-22 11:59:30+00", "until 2026-02-22 12:59:30+01:00"),
        ("at 2026-07-22 11:59:30.5-02, 3 lost", "at 2026-07-22 15:59:30.500000+02:00, 3 lost"),
        ("covered until now", "covered until now"),
        ("2026-99-99 11:59:30+00", "2026-99-99 11:59:30+00"),
        ("Tue Nov 24 09:29:54 2026 UTC", "Tue Nov 24 09:29:54 2026 UTC"),
    ],
)
def test_the_servers_times_are_shown_in_the_readers_zone(text: str, shown: str) -> None:
    assert localise_times(text) == shown


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_times_are_shown_as_they_are(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    assert datetime.fromisoformat(format_time(moment)) == moment
    assert datetime.fromisoformat(format_time(moment, trim=True)) == moment
    assert datetime.fromisoformat(plain_time(moment) or "") == moment


def test_counts() -> None:
    assert [format_count(count, "byte") for count in (None, 0, 1, 1234)] == [
        "unknown bytes", "0 bytes", "1 byte", "1,234 bytes",
    ]  # fmt: skip


def test_plain_values() -> None:
    noon = datetime(2026, 2, 22, 12, tzinfo=UTC)
    values = [noon, ip_address("2001:db8::1"), b"\x20\x00", 7, "a", None]
    assert [plain_value(value) for value in values] == [
        "2026-02-22T12:00:00.000000Z", "2001:db8::1", "2000", 7, "a", None,
    ]  # fmt: skip
