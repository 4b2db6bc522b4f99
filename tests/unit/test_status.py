"""What status and schema say, from rows as the store would return them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from ctaudit.database.schema import Done, Maintained, SchemaStatus
from ctaudit.database.schema_text import format_installed, format_maintained, format_schema
from ctaudit.query.status import Gap, Status, Stream
from ctaudit.query.status_text import format_status, plain_status
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
GAP = Gap("gw1", STREAM.stream, NOW, None, "overrun", None, True, True, {})


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
        "  dropped    0 events, and 3 by the kernel",
        "  gaps       2, none open",
    ]


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


def test_status_for_machines() -> None:
    plain = plain_status(Status((STREAM,), (GAP,)))
    (stream,), (gap,) = plain["streams"], plain["open_gaps"]
    assert stream["lag_seconds"] == 1.234
    assert stream["stream"] == gap["stream"] == str(STREAM.stream)
    assert stream["covered_until"] == "2026-02-22T11:59:43.000000Z"
    assert (gap["gap_from"], gap["gap_until"]) == ("2026-02-22T11:59:43.000000Z", None)


@pytest.mark.parametrize(
    ("version", "until", "says"),
    [
        (None, None, "No ctaudit schema is installed; this program expects version 2: run "),
        (1, None, "version 1, this program expects 2: run ctaudit schema upgrade (0002_more)."),
        (3, None, "version 3, this program expects 2: upgrade ctaudit."),
        (2, date(2026, 3, 1), "version 2, as this program expects, and has partitions up to 2026"),
        (2, None, "has no partitions: run ctaudit maintain."),
    ],
)
def test_schema_is_told_in_one_sentence(version: int | None, until: date | None, says: str) -> None:
    pending = ("0002_more",) if version == 1 else ()
    sentence = format_schema(SchemaStatus(version, 2, pending, until))
    assert says in sentence
    assert sentence.endswith(".")


def test_what_an_installation_and_upkeep_did() -> None:
    assert format_installed(Done(1, ("0001_store",), ("a", "b"))) == (
        "The schema is version 1: applied 0001_store, made 2 partitions."
    )
    done = [Maintained("dropped", "opening_p20260101", None), Maintained("moved", "x", 3)]
    assert list(format_maintained(done)) == ["dropped opening_p20260101", "moved x, 3 rows"]
    assert list(format_maintained([])) == ["nothing to do"]
