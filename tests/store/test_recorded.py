"""What is recorded of a span, and what is missing: spans, causes, latest gaps, and the basis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ctaudit.database import schema
from ctaudit.database.connection import TooLongError, asking, connect
from ctaudit.errors import UsageError
from ctaudit.query.recorded import GAPS_MAX, Recorded, ask_record, read_record
from lab.cluster import Cluster
from tests.store.gateway import Gateway, nanoseconds

NAME = "recorded"
NOW = datetime.now(UTC).replace(microsecond=0)
BASE = NOW - timedelta(hours=6)


def after(seconds: float) -> datetime:
    return BASE + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def owner(cluster: Cluster) -> Iterator[str]:
    cluster.create_database(NAME)
    schema.install(cluster.dsn(NAME))
    fill(cluster.dsn(NAME))
    yield cluster.dsn(NAME)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')


@pytest.fixture(scope="module")
def auditor(owner: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(make_conninfo(owner, user="audrey"), "auditor") as connection:
        yield connection


def fill(dsn: str) -> None:
    """gw1: recorded for four hours, an overrun of ten seconds after one; gw2: stopped, restarted.

    gw3 has 100,000 gaps of a second, one in 340 s.
    """
    one = Gateway(dsn, "gw1")
    one.listen(after(0))
    one.note("clock", after(60), {"synchronised": True, "estimated_error_us": 400})
    one.record([], after(3600))
    one.note("overrun", after(3610), {"last_read_at": nanoseconds(after(3600)), "lost": 123})
    one.dump(after(3610))
    one.note("clock", after(7200), {"synchronised": False, "estimated_error_us": 90_000})
    one.record([], after(14_400))
    one.close()
    two = Gateway(dsn, "gw2")
    two.listen(after(0))
    two.record([], after(1000))
    two.note("stop", after(1000), {})
    two.close()
    again = Gateway(dsn, "gw2", "nat")
    again.listen(after(2000))
    again.record([], after(3000))
    again.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "WITH old AS (INSERT INTO ctaudit.node (node, first_seen)"
            " VALUES ('gw3', now() - interval '34000000 s') RETURNING *)"
            ", stream AS (INSERT INTO ctaudit.stream (node, node_id, stream, mode, started_at,"
            " stopped_at, committed_at, position, covered_until, sent_after)"
            " SELECT node, node_id, gen_random_uuid(), 'live', first_seen, now(), now(), 0, now(),"
            " now() FROM old RETURNING *)"
            ", covered AS (INSERT INTO ctaudit.coverage SELECT s.node, s.stream,"
            " s.started_at + n * interval '340 s' + interval '1 s',"
            " s.started_at + (n + 1) * interval '340 s', true, true"
            " FROM stream AS s, generate_series(0, 99999) AS n)"
            "INSERT INTO ctaudit.gap (node, stream, gap_from, gap_until, cause, lost,"
            " hides_openings, hides_ends) SELECT s.node, s.stream, s.started_at + n * interval"
            " '340 s', s.started_at + n * interval '340 s' + interval '1 s',"
            " CASE n % 2 WHEN 0 THEN 'overrun' ELSE 'damaged segment: ' || n END,"
            " CASE n % 2 WHEN 0 THEN 5 END, true, true"
            " FROM stream AS s, generate_series(0, 99999) AS n"
        )
        connection.execute("ANALYZE")


def record(connection: psycopg.Connection[Any], begin: float, end: float, node: str) -> Recorded:
    question = read_record(begin=after(begin).isoformat(), until=after(end).isoformat(), node=node)
    return ask_record(connection, question)


def seconds_of(recorded: Recorded) -> dict[str, float]:
    kinds: dict[str, float] = {}
    for span in recorded.spans:
        kinds[span.kind] = kinds.get(span.kind, 0.0) + span.seconds
    return {kind: round(seconds, 3) for kind, seconds in kinds.items()}


def test_a_gap_and_what_is_not_recorded_yet(auditor: psycopg.Connection[Any]) -> None:
    found = record(auditor, 0, 21_600 + 3600, "gw1")
    length = (found.question.end - BASE).total_seconds()
    kinds = seconds_of(found)
    # Before the first dump, and from the overrun until the next dump.
    assert kinds["covered"] == pytest.approx(14_400 - 1 - 10, abs=2)
    assert kinds["gap"] == pytest.approx(10, abs=2)
    assert kinds["pending"] == pytest.approx(length - 14_400, abs=1)
    assert sum(kinds.values()) == pytest.approx(length, abs=0.1)
    [gap] = found.gaps
    assert (gap.cause, gap.lost) == ("overrun", 123)
    [cause] = found.causes
    assert (cause.cause, cause.gaps, cause.lost, cause.open) == ("overrun", 1, 123, 0)
    assert cause.seconds == cause.longest == pytest.approx(10, abs=2)


def test_a_span_cuts_what_it_has_in_part(auditor: psycopg.Connection[Any]) -> None:
    found = record(auditor, 3605, 3700, "gw1")
    [cause] = found.causes
    assert cause.seconds == pytest.approx(5, abs=2)
    assert min(span.span_from for span in found.spans) == after(3605)
    assert seconds_of(record(auditor, 5000, 6000, "gw1")) == {"covered": 1000.0}
    with pytest.raises(UsageError, match="no gateway of that name had recorded anything by then"):
        record(auditor, -1000, -500, "gw1")


def test_a_gateway_that_stood_still(auditor: psycopg.Connection[Any]) -> None:
    found = record(auditor, 0, 3000, "gw2")
    assert seconds_of(found)["gap"] == pytest.approx(1001, abs=2)
    assert {cause.cause for cause in found.causes} == {"not listening"}
    [basis] = found.bases
    assert (basis.mode, basis.dumps, basis.excludes) == ("nat", 2, False)


def test_what_the_record_rests_on(auditor: psycopg.Connection[Any]) -> None:
    [basis] = record(auditor, -10, 10_000, "gw1").bases
    assert (basis.mode, basis.dumps, basis.dropped) == ("live", 2, 0)
    assert basis.dumped_at == after(3610)
    assert (basis.clock_notes, basis.unsynchronised, basis.synchronised) == (2, 1, False)
    assert (basis.estimated_error_us, basis.largest_error_us, basis.steps) == (90_000, 90_000, 0)
    assert basis.lag is not None and basis.lag > 7000
    [earlier] = record(auditor, -10, 100, "gw1").bases
    assert (earlier.clock_notes, earlier.synchronised) == (1, True)


def test_a_clock_that_was_set(owner: str, auditor: psycopg.Connection[Any]) -> None:
    gateway = Gateway(owner, "gw4")
    gateway.listen(after(0))
    gateway.record([], after(100))
    gateway.note("clock", after(100), {"step_seconds": -50.0, "synchronised": True})
    gateway.record([], after(200))
    gateway.close()
    found = record(auditor, 0, 200, "gw4")
    assert seconds_of(found)["doubtful"] > 40
    assert (found.bases[0].steps, found.bases[0].largest_step) == (1, -50.0)


def test_a_gap_of_one_protocol_leaves_the_others_covered(
    owner: str, auditor: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ctaudit.gap (node, stream, gap_from, gap_until, cause, lost,"
            " hides_openings, hides_ends, proto) SELECT s.node, s.stream, %s, %s, 'clashes', 1,"
            " true, false, 17 FROM ctaudit.stream AS s WHERE s.node = 'gw1'",
            (after(9000), after(9100)),
        )
        found = seconds_of(record(auditor, 8000, 10_000, "gw1"))
        connection.execute("DELETE FROM ctaudit.gap WHERE cause = 'clashes'")
    assert found == {"covered": 2000.0, "partial": 100.0}


def test_many_gaps_are_merged_and_counted_in_a_time_like_that_of_reading_them(
    auditor: psycopg.Connection[Any],
) -> None:
    began = time.monotonic()
    auditor.execute("SELECT count(*) FROM ctaudit.gaps('gw3')")
    auditor.commit()
    reading = time.monotonic() - began
    began = time.monotonic()
    found = ask_record(auditor, read_record(span="year", node="gw3"))
    took = time.monotonic() - began
    count = sum(span.gaps for span in found.spans)
    assert count == found.gap_count == pytest.approx(365 * 86_400 / 340, abs=2)
    assert len(found.spans) < 4 * 161
    kinds = seconds_of(found)
    assert kinds["gap"] == pytest.approx(count, abs=2)
    assert sum(kinds.values()) == pytest.approx(365 * 86_400, abs=1)
    assert "pending" not in kinds, "its stream has stopped"
    assert {cause.cause for cause in found.causes} == {"overrun", "damaged segment"}
    assert len(found.gaps) == GAPS_MAX
    assert sorted(found.gaps, key=lambda gap: gap.gap_from, reverse=True) == list(found.gaps)
    assert took < 100 * reading, "about 10 times that; for each gap anew it would be thousands"


def test_each_gateway(auditor: psycopg.Connection[Any]) -> None:
    found = ask_record(auditor, read_record(span="week"))
    assert {basis.node for basis in found.bases} >= {"gw1", "gw2", "gw3"}
    assert [gap.gap_from for gap in found.gaps] == sorted(
        (gap.gap_from for gap in found.gaps), reverse=True
    )


def test_refused(auditor: psycopg.Connection[Any]) -> None:
    with pytest.raises(UsageError, match="--node 'gw9': no gateway of that name"):
        ask_record(auditor, read_record(node="gw9"))
    with pytest.raises(UsageError, match="--span 'month': must be day, week, year"):
        read_record(span="month")
    with pytest.raises(UsageError, match="must be later than"):
        read_record(begin="2026-02-22 12:00", until="2026-02-22 11:00")
    with pytest.raises(UsageError, match="is in the future"):
        read_record(begin="2199-01-01")
    with pytest.raises(UsageError, match="over ten years"):
        read_record(begin="1999-01-01")
    for call in (
        "recorded_spans(now() - interval '1 day', now(), '1 s')",
        "recorded_spans(now(), now() - interval '1 day', '1 h')",
        "latest_gaps(now() - interval '1 day', now(), 10001)",
    ):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            auditor.execute(f"SELECT * FROM ctaudit.{call}")  # type: ignore[arg-type]
        auditor.rollback()


def test_a_time_limit_is_a_sentence(auditor: psycopg.Connection[Any]) -> None:
    with (
        pytest.raises(TooLongError, match=r"asking the database: no answer within 0\.05 s"),
        asking(auditor, 0.05),
    ):
        auditor.execute("SELECT pg_sleep(5)")
    auditor.execute("SET statement_timeout = '40ms'")
    auditor.commit()
    with asking(auditor, 5):
        assert auditor.execute("SHOW statement_timeout").fetchone() == ("40ms",)
    auditor.execute("RESET statement_timeout")
    auditor.commit()
    with asking(auditor, 5):
        assert auditor.execute("SHOW statement_timeout").fetchone() == ("5s",)
    assert auditor.execute("SHOW statement_timeout").fetchone() == ("0",)
    auditor.commit()
