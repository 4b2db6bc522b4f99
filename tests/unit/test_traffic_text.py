"""traffic and its durations as tables, JSON lines and CSV; what of a call is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ctaudit.errors import UsageError
from ctaudit.query import durations_text, traffic_text
from ctaudit.query.bars import ASCII, BLOCKS
from ctaudit.query.durations_text import format_bins, format_length, timeouts_in
from ctaudit.query.traffic import DurationBin, Share, TrafficQuestion, read_traffic
from ctaudit.query.traffic_text import format_shares
from tests.unit.answers import local_zone

NOON = datetime(2026, 2, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = TrafficQuestion(NOON, NOON + 3 * HOUR, HOUR, "total", 10)
KNOWN = Share(
    NOON, NOON + HOUR, 1, None, None, None, None, None, 2, 1, 0, 20, 4_000_000, 0, 0, 0, 0
)
SPREAD = replace(
    KNOWN, bucket_from=NOON + 2 * HOUR, bucket_until=NOON + 3 * HOUR, bytes=2_000_000,
    interpolated_bytes=1_000_000, bytes_error=1_500_000, uncounted=1,
)  # fmt: skip
HOST = replace(KNOWN, address=ip_address("192.168.1.129"), node="gw1", zone=0)


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def table(question: TrafficQuestion, *shares: Share, width: int | None = 90) -> list[str]:
    return list(format_shares(question, shares, "table", width, BLOCKS))


def test_a_terminal_has_bars_and_says_what_they_mean() -> None:
    head, first, empty, last, *said = table(ALL, KNOWN, SPREAD)
    assert head.split() == [
        "FROM", "+01:00", "BYTES", "+-", "PACKETS", "CONNECTIONS", "BEGAN",
    ]  # fmt: skip
    assert first.split()[:4] == ["2026-02-22", "13:00:00", "4,000,000", "0"]
    assert empty.split() == ["2026-02-22", "14:00:00", "0", "0", "0", "0", "0"]
    assert last.split()[2:4] == [">=2,000,000", "1,500,000"]
    bars = [line.split()[-1] for line in (first, last)]
    assert bars == ["█" * len(bars[0]), "█" * 4 + "░" * 4]
    assert len(bars[0]) == 16
    assert max(map(len, (head, first, empty, last))) <= 90
    assert [line[:7] for line in said] == ["In all ", "- and >", "░ and +"]
    assert said[0] == "In all 6,000,000 bytes in 40 packets."


def test_a_pipe_gets_nothing_but_data() -> None:
    lines = table(ALL, KNOWN, SPREAD, width=None)
    assert [line.split()[2:] for line in lines[1:]] == [
        ["4000000", "0", "20", "2", "1"],
        ["0", "0", "0", "0", "0"],
        [">=2000000", "1500000", ">=20", "2", "1"],
    ]


def test_a_narrow_terminal_has_no_bars() -> None:
    lines = table(ALL, KNOWN, width=70)
    assert not any("█" in line for line in lines)
    assert lines[-1].startswith("In all")


def test_what_is_not_counted_is_no_zero() -> None:
    unknown = replace(KNOWN, packets=None, bytes=None, uncounted=2)
    assert table(ALL, unknown, width=None)[1].split()[2:] == ["-", "-", "2", "1"]
    assert table(ALL, width=None) == ["No traffic."]


def test_hosts_are_told_apart_and_the_others_come_last() -> None:
    by_host = replace(ALL, by="host")
    other = replace(HOST, rank=2, address=ip_address("2001:db8::1"), node="gw2")
    rest = replace(HOST, rank=None, address=None, node=None, zone=None)
    lines = table(by_host, rest, other, HOST, replace(HOST, bucket_from=NOON + HOUR), width=None)
    assert lines[0].split()[2:4] == ["HOST", "NODE"]
    assert [line.split()[2] for line in lines[1:]] == [
        "192.168.1.129", "192.168.1.129", "2001:db8::1", "others",
    ]  # fmt: skip
    assert table(by_host, HOST, width=None)[0].split()[2:4] == ["HOST", "BYTES"]


@pytest.mark.parametrize(
    ("proto", "port", "name"), [(6, 443, "tcp/443"), (1, None, "icmp"), (99, None, "99")]
)
def test_services(proto: int, port: int | None, name: str) -> None:
    by_service = replace(ALL, by="service")
    (line,) = format_shares(
        by_service, [replace(KNOWN, proto=proto, port=port)], "json", None, ASCII
    )
    assert json.loads(line)["party"] == name


def test_json_lines_and_csv_hold_the_same() -> None:
    by_host = replace(ALL, by="host")
    shares = [HOST, replace(HOST, rank=None, address=None, bytes=None)]
    objects = [json.loads(line) for line in format_shares(by_host, shares, "json", None, ASCII)]
    header, *rows = csv.reader(format_shares(by_host, shares, "csv", None, ASCII))
    assert tuple(header) == traffic_text.PLAIN_KEYS
    for plain, row in zip(objects, rows, strict=True):
        assert row == ["" if value is None else str(value) for value in plain.values()]
    assert objects[0]["from"] == "2026-02-22T12:00:00.000000Z"
    assert [item["party"] for item in objects] == ["192.168.1.129", "others"]


def ask(**words: Any) -> TrafficQuestion:
    return read_traffic(**words, now=NOON + timedelta(minutes=20))


def test_without_a_span_the_last_day() -> None:
    asked = ask()
    assert (asked.begin, asked.end, asked.bucket) == (NOON - 24 * HOUR, None, HOUR)
    asked = ask(begin="2026-02-22 12:00", until="2026-02-22 13:00", host="10.0.0.0/8")
    assert (asked.bucket, asked.host) == (timedelta(minutes=5), ip_network("10.0.0.0/8"))
    assert ask(begin="2025-02-22").bucket == timedelta(days=30)
    assert ask(bucket="90 min").bucket == timedelta(minutes=90)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"bucket": "1s"}, "--bucket '1s': makes 87600 buckets of this span, and at most 10000"),
        ({"bucket": "0s"}, "--bucket '0s': must be a length of time from 1s on"),
        ({"bucket": "1 month"}, "must be a length of time from 1s on, such as 20s, 5min, 1h or 7d"),
        ({"bucket": "999999999d"}, "must be a length of time from 1s on"),
        ({"begin": "2030-01-01"}, "is in the future"),
        ({"until": "2030-01-01"}, "--until '2030-01-01': is in the future"),
        ({"begin": "2026-02-02", "until": "2026-02-01"}, "must be later than --from"),
        ({"top": 0}, "--top 0: must be a number from 1 to 1000"),
        ({"host": "10.0.0.1/8"}, "did you mean 10.0.0.0/8"),
        ({"durations": True, "bucket": "1h"}, "--durations: takes neither --bucket nor --by"),
        ({"durations": True, "by": "host"}, "--durations: takes neither --bucket nor --by"),
    ],
)
def test_what_is_refused(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        ask(**words)
    assert sentence in str(refused.value)


BINS = (
    DurationBin(6, 6.3, 10.0, 3),
    DurationBin(6, 10.0, 15.8, 4000),
    DurationBin(6, 100.0, 158.5, 40),
    DurationBin(17, 25.1, 39.8, 7),
    DurationBin(17, None, None, 2),
    DurationBin(132, 398.1, 631.0, 1),
)


def test_time_outs_are_marked() -> None:
    assert [timeouts_in(item) for item in BINS] == [
        {}, {10: "CLOSE"}, {120: "TIME_WAIT"}, {30: "not answered"}, {}, {600: "generic"},
    ]  # fmt: skip
    # An edge belongs to the bin that begins there; what ends by a time-out lasts longer than it.
    assert timeouts_in(DurationBin(6, 6.3, 10.000000000000002, 1)) == {}


def test_durations_on_a_terminal() -> None:
    lines = list(format_bins(BINS, "table", 120, ASCII))
    assert lines[0].endswith("TIME-OUT OF THE KERNEL, BY DEFAULT")
    assert lines[1].split() == ["tcp", "6.3", "s", "10", "s", "3", "#"]
    assert lines[2].endswith("#  <- 10 s CLOSE")
    assert "4,000  " + "#" * 20 in lines[2]
    assert lines[5].split()[:4] == ["udp", "unknown", "unknown", "2"]
    assert max(map(len, lines)) <= 120
    assert list(format_bins([], "table", 120, ASCII)) == ["No connections ended."]


def test_durations_in_a_pipe() -> None:
    lines = list(format_bins(BINS, "table", None, ASCII))
    assert lines[0].split() == ["PROTO", "FROM", "UNTIL", "CONNECTIONS"]
    assert not any("#" in line for line in lines)
    header, *rows = csv.reader(format_bins(BINS, "csv", None, ASCII))
    objects = [json.loads(line) for line in format_bins(BINS, "json", None, ASCII)]
    assert list(objects[0]) == header
    assert rows[2] == ["6", "tcp", "100.0", "158.5", "40", "120 TIME_WAIT"]
    assert objects[2]["timeouts"] == [{"seconds": 120, "name": "TIME_WAIT"}]
    assert durations_text.plain_bin(BINS[4])["seconds_from"] is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0"), (0.001, "1 ms"), (0.0158, "16 ms"), (1, "1 s"), (39.8, "40 s"), (60, "1 min"),
        (158.5, "2.6 min"), (3600, "1 h"), (398107.2, "4.6 d"),
    ],
)  # fmt: skip
def test_lengths(seconds: float, text: str) -> None:
    assert format_length(seconds) == text
