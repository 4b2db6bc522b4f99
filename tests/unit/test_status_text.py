"""The status, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ctaudit.query.status import Gap, Pair, Status, Stream
from ctaudit.query.status_text import format_status, plain_status
from ctaudit.query.value_text import format_time
from tests.unit.answers import local_zone

NOW = datetime(2026, 2, 22, 11, 59, 43, tzinfo=UTC)
STREAM = Stream(
    node="gw1",
    stream=UUID(int=1),
    mode="live",
    started_at=NOW - timedelta(days=1),
    stopped_at=None,
    committed_at=NOW,
    position=123_456,
    covered_from=NOW - timedelta(days=1),
    covered_until=NOW,
    lag=timedelta(milliseconds=1234),
    received=1010,
    stored=1000,
    filtered=7,
    undecodable=3,
    dropped=0,
    kernel_drops=3,
    gaps=2,
    open_gaps=0,
    detail={},
)
GAP = Gap("gw1", STREAM.stream, NOW, None, "overrun", None, True, True, None, {})


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def test_status_word_for_word() -> None:
    assert list(format_status(Status((STREAM,), ()))) == [
        "gw1 (live, stream 00000000-0000-0000-0000-000000000001)",
        "  running    since 2026-02-21 12:59:43+01:00",
        "  covered    from 2026-02-21 12:59:43+01:00 until 2026-02-22 12:59:43+01:00",
        "  behind     1.234 s",
        "  position   123,456 bytes, committed 2026-02-22 12:59:43+01:00",
        "  received   1,010 events = 1,000 stored + 7 filtered + 3 undecodable",
        "  dropped    0 events by the receiver, 3 by the kernel",
        "  gaps       2, none open",
    ]


def test_a_canary_that_was_found() -> None:
    sent = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    watched = replace(STREAM, detail={"canary": int(sent.timestamp()) * 1_000_000_000})
    [line] = [line for line in format_status(Status((watched,), ())) if "canary" in line]
    assert line.startswith("  canary     found, 3 min ")
    assert line.endswith(f" s old: sent {format_time(sent, trim=True)}")


def test_status_of_a_stopped_stream_and_of_earlier_ones() -> None:
    stopped = replace(STREAM, stopped_at=NOW, covered_from=None, lag=None)
    lines = list(format_status(Status((stopped, STREAM, replace(STREAM, node="gw2")), (GAP,))))
    assert (
        "  stopped    at 2026-02-22 12:59:43+01:00, started at 2026-02-21 12:59:43+01:00" in lines
    )
    assert not [line for line in lines[:5] if "behind" in line]
    assert (
        "  open gap   overrun since 2026-02-22 12:59:43+01:00, an unknown number of events lost"
    ) in lines
    assert (
        "  before     1 earlier stream since 2026-02-21 12:59:43+01:00: "
        "1,010 events received, 0 dropped"
    ) in lines
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["gw1", "gw2"]


def test_a_gap_of_one_protocol_that_ends_later() -> None:
    clashes = replace(
        GAP, cause="clashes", proto=17, lost=3, gap_until=NOW + timedelta(seconds=121)
    )
    assert (
        "  open gap   clashes of udp since 2026-02-22 12:59:43+01:00 "
        "until 2026-02-22 13:01:44+01:00, 3 events lost"
    ) in format_status(Status((STREAM,), (clashes,)))
    assert plain_status(Status((STREAM,), (clashes,)))["open_gaps"][0]["proto"] == 17


def test_status_for_machines() -> None:
    plain = plain_status(Status((STREAM,), (GAP,)))
    (stream,), (gap,) = plain["streams"], plain["open_gaps"]
    assert stream["lag_seconds"] == 1.234
    assert stream["stream"] == gap["stream"] == str(STREAM.stream)
    assert stream["covered_until"] == "2026-02-22T11:59:43.000000Z"
    assert (gap["gap_from"], gap["gap_until"]) == ("2026-02-22T11:59:43.000000Z", None)


@pytest.mark.parametrize(
    ("pair", "line"),
    [
        (Pair("gw1", "gw2", True, True), "  pair       gw2"),
        (
            Pair("gw1", "gw2", True, False),
            "  pair       gw2, which does not name gw1: it does not count",
        ),
        (
            Pair("gw1", "gw9", False, False),
            "  pair       gw9, which is no gateway here: it does not count",
        ),
    ],
)
def test_a_declared_pair(pair: Pair, line: str) -> None:
    status = Status((STREAM, replace(STREAM, node="gw3")), (), (pair,))
    assert [told for told in format_status(status) if "pair" in told] == [line]
    (plain,) = plain_status(status)["pairs"]
    assert (plain["node"], plain["is_mutual"]) == ("gw1", pair.is_mutual)
