"""Case and reason as they are typed, and which questions are broad."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from ctaudit.errors import UsageError
from ctaudit.query.purpose import (
    UNSAID,
    Purpose,
    find_breadth,
    format_notice,
    read_purpose,
)

NOW = datetime(2026, 2, 22, 12, tzinfo=UTC)
HOST, WIDE = ip_network("192.168.1.129"), ip_network("192.168.1.128/31")
DAY = timedelta(days=1)


def test_what_is_typed() -> None:
    assert read_purpose(None, None) == UNSAID
    said = read_purpose(" 2026-17 ", "a letter")
    assert said == Purpose("2026-17", "a letter")
    assert said.is_said
    assert not Purpose("2026-17").is_said
    assert not Purpose(reason="a letter").is_said


@pytest.mark.parametrize(
    ("case", "reason", "sentence"),
    [
        (" ", "x", "--case ' ': must not be empty"),
        ("1", "", "--reason '': must not be empty"),
        ("1" * 201, "x", "--case of 201 characters: at most 200"),
        ("1", "a\nb", "--reason 'a\\nb': has a control character"),
    ],
)
def test_what_is_refused(case: str, reason: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_purpose(case, reason)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("networks", "begin", "end", "breadth"),
    [
        ({}, NOW - DAY, NOW, None),
        ({}, NOW - DAY - timedelta(seconds=1), NOW, "more than a day"),
        ({"--host": HOST}, NOW - DAY, None, None),
        ({"--host": HOST}, NOW - 2 * DAY, None, "more than a day"),
        ({"--host": HOST}, None, NOW, "more than a day"),
        ({"--host": WIDE}, NOW, NOW, "a whole network"),
        ({"--host": WIDE, "--nat": HOST}, NOW, NOW, None),
        ({"--host": None, "--nat": None}, NOW, NOW, "every host"),
        ({"--host": None, "--nat": WIDE}, NOW, NOW, "a whole network"),
    ],
)
def test_breadth(networks: dict[str, object], begin: datetime, end: datetime, breadth: str) -> None:
    assert find_breadth(networks, begin, end, NOW) == breadth  # type: ignore[arg-type]


def test_the_notice_says_the_way_out() -> None:
    assert format_notice("every host", UNSAID) == (
        "this asked for every host without a case and a reason (--case, --reason), and is so on "
        "record"
    )
    half = format_notice("every host", Purpose(case="2026-17"))
    assert "without a reason (--reason), and" in half
