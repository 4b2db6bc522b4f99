"""No CALL does work that grows: dumps are reconciled in portions, and few relations are locked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Event, Gateway, ended, numbered, opened

SECOND = timedelta(seconds=1)
PORTION = 10_000  # rows, sql/functions/reconcile.sql
# At noon, so that a question two hours around needs one day.
BEGIN = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def gateway(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """One that has a start note and nothing else, in a database of its own."""
    name = f"bounded_{abs(hash(request.node.name)) % 10**8}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    made = Gateway(cluster.dsn(name), "gw1")
    made.note("start", BEGIN, {"mode": "live", "timestamp": 1, "events": 1})
    yield made
    made.close()


def one(gateway: Gateway, query: str) -> Any:
    row = gateway.connection.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def entries(numbers: range) -> list[Event]:
    start = BEGIN - timedelta(hours=1)
    return [{**numbered(number), "start_sent": start} for number in numbers]


RELIABLE = """UPDATE ctaudit.stream SET detail = detail || '{"reliable": true}'"""
OPENINGS = "SELECT count(*) FROM ctaudit.opening"
PENDING = "SELECT count(*) FROM ctaudit.stream WHERE pending_dump_id IS NOT NULL"
UNOBSERVED = "SELECT count(*) FROM ctaudit.flow WHERE provenance = 'unobserved'"
LEFT = """SELECT (SELECT count(*) FROM ctaudit.unmatched_entry)
    + (SELECT count(*) FROM ctaudit.unended_row) + (SELECT count(*) FROM ctaudit.search)"""


def test_a_first_dump_is_taken_in_portions(gateway: Gateway) -> None:
    at = BEGIN + timedelta(seconds=1)
    gateway.dump(at, entries(range(2 * PORTION + 500)))
    seen = [0]
    while one(gateway, PENDING):
        gateway.record([], BEGIN + timedelta(seconds=1 + len(seen)))
        seen.append(one(gateway, OPENINGS))
    assert seen[-1] == 2 * PORTION + 500
    *taken, last = [later - before for before, later in pairwise(seen)]
    assert all(0 < rows <= PORTION for rows in taken), taken
    # Where 0.2 s are over as the last entry is taken, one more CALL finds that none is left.
    assert 0 <= last <= PORTION
    assert one(gateway, LEFT) == 0


def test_a_dump_without_entries_copies_nothing(gateway: Gateway) -> None:
    """A gateway whose table is empty as it begins, and has much to record when that is compared."""
    gateway.dump(BEGIN + timedelta(seconds=1))
    begun = BEGIN + timedelta(seconds=2)
    gateway.record([opened(numbered(n), begun) for n in range(100)], begun + SECOND)
    gateway.record([], begun + 2 * SECOND)
    assert one(gateway, PENDING) == 0
    assert one(gateway, "SELECT count(*) FROM ctaudit.live_copy") == 0
    assert one(gateway, "SELECT matched_until = 'infinity' FROM ctaudit.dump")


def test_silent_ends_are_found_in_portions(gateway: Gateway) -> None:
    """An overrun; the dump after it does not show what had begun before."""
    gateway.dump(BEGIN + timedelta(seconds=1))
    begun = BEGIN + timedelta(minutes=1)
    for first in range(0, PORTION + 600, 100):
        events = [opened(numbered(n), begun) for n in range(first, first + 100)]
        gateway.record(events, begun + timedelta(seconds=1))
    gateway.note("overrun", BEGIN + timedelta(minutes=5), {"lost": 7})
    kept = [{**numbered(n), "start_sent": begun} for n in range(100)]
    gateway.dump(BEGIN + timedelta(minutes=6), kept)
    calls = 0
    while one(gateway, PENDING):
        calls += 1
        gateway.record([], BEGIN + timedelta(minutes=7, seconds=calls))
    assert calls > 1
    assert one(gateway, UNOBSERVED) == PORTION + 500
    assert one(gateway, LEFT) == 0
    assert one(gateway, "SELECT count(*) FROM ctaudit.live('gw1')") == 100


def test_a_recorder_that_is_behind_takes_few_portions(gateway: Gateway) -> None:
    """Each large batch of the past took one before: with it the recorder fell behind further."""
    gateway.dump(BEGIN + timedelta(seconds=1), entries(range(3 * PORTION)))
    gateway.record([], BEGIN + timedelta(seconds=2))
    first = one(gateway, OPENINGS)
    assert 0 < first <= PORTION
    gateway.connection.execute(
        "UPDATE ctaudit.stream SET next_portion_at = clock_timestamp() + interval '1 h'"
    )
    begun = BEGIN + timedelta(seconds=3)
    many = [opened(numbered(n), begun) for n in range(40_000, 40_500)]
    gateway.record(many, begun)
    assert one(gateway, OPENINGS) == first + 500
    gateway.connection.execute("UPDATE ctaudit.stream SET next_portion_at = clock_timestamp()")
    gateway.record(many, begun + timedelta(seconds=1))
    second = one(gateway, OPENINGS)
    assert first + 1000 < second <= first + 1000 + PORTION
    waits = "SELECT next_portion_at > clock_timestamp() FROM ctaudit.stream"
    assert one(gateway, waits)
    gateway.record(many, datetime.now(UTC))
    assert second + 500 < one(gateway, OPENINGS) <= second + 500 + PORTION


def test_what_an_abandoned_dump_left_is_deleted(gateway: Gateway) -> None:
    gateway.note("dump begin", BEGIN + timedelta(seconds=1), {})
    rows = [{**entry, "kind": 4, "received_at": BEGIN} for entry in entries(range(10))]
    gateway.record(rows, BEGIN + timedelta(seconds=1))
    gateway.connection.execute(HALF_DONE)
    assert one(gateway, LEFT) == 21
    gateway.note("overrun", BEGIN + timedelta(seconds=2), {"lost": 1})
    gateway.note("dump begin", BEGIN + timedelta(seconds=3), {})
    assert one(gateway, LEFT) == 0


HALF_DONE = """
INSERT INTO ctaudit.unmatched_entry SELECT * FROM ctaudit.dump_entry_row;
INSERT INTO ctaudit.unended_row SELECT e.*, 'k', NULL, true, true FROM ctaudit.dump_entry_row AS e;
INSERT INTO ctaudit.search (dump_id, gone_dump_id, tells)
    SELECT dump_id, dump_id, true FROM ctaudit.dump
"""
MATCH = """
SELECT ctaudit.match_entries(s, d, (SELECT min(dump_id) FROM ctaudit.dump), 10000)
FROM ctaudit.stream AS s JOIN ctaudit.dump AS d ON d.dump_id = s.pending_dump_id
"""


@pytest.mark.parametrize("by_rows", [False, True])
def test_an_entry_that_is_known_is_not_looked_at_again(gateway: Gateway, by_rows: bool) -> None:
    gateway.dump(BEGIN + timedelta(seconds=1), entries(range(10)))
    gateway.record([], BEGIN + timedelta(seconds=5))
    begun = BEGIN + timedelta(seconds=6)
    gateway.record([opened(numbered(n), begun) for n in range(10, 20)], begun)
    new = [{**numbered(n), "start_sent": begun} for n in range(10, 20)]
    gateway.dump(BEGIN + timedelta(minutes=3), [*entries(range(11)), *new])
    if by_rows:
        gateway.connection.execute("UPDATE ctaudit.dump SET by_rows = true")
    assert one(gateway, MATCH) < 10000
    # Connection 10 of the earlier hour is not the one that began since: their starts differ.
    assert one(gateway, LEFT) == 1
    assert one(gateway, "SELECT bool_and(by_rows) FROM ctaudit.dump") == by_rows


def test_a_small_node_beside_a_busy_one_is_compared_by_rows(gateway: Gateway) -> None:
    """The ends of all nodes are read for a copy."""
    busy = Gateway(gateway.connection.info.dsn, "gw2")
    busy.note("start", BEGIN, {"mode": "live", "timestamp": 1, "events": 1})
    busy.close()
    by_rows = "SELECT by_rows FROM ctaudit.dump ORDER BY dump_id DESC LIMIT 1"
    for stored, expected in ((60, False), (600, True)):
        gateway.connection.execute(
            "UPDATE ctaudit.stream SET stored = %s, received = %s, covered_until = started_at"
            " WHERE node = 'gw2'",
            (stored, stored),
        )
        gateway.dump(BEGIN + timedelta(seconds=stored), entries(range(1)))
        gateway.record([], BEGIN + timedelta(seconds=stored + 1))
        assert one(gateway, by_rows) == expected


def test_an_entry_that_ends_before_it_is_compared_is_known(gateway: Gateway) -> None:
    """A busy gateway ends within seconds all that a dump shows."""
    gateway.dump(BEGIN + timedelta(seconds=1))
    gateway.record([], BEGIN + timedelta(seconds=5))
    begun, seen = BEGIN + timedelta(seconds=6), BEGIN + timedelta(minutes=3)
    gateway.record([opened(numbered(n), begun) for n in range(10)], begun)
    gateway.note("dump begin", seen, {})
    rows = [{**numbered(n), "start_sent": begun, "kind": 4, "received_at": seen} for n in range(10)]
    gateway.record(rows, seen)
    gateway.record([ended(numbered(n), begun, seen) for n in range(10)], seen)
    gateway.note("dump end", seen + timedelta(seconds=1), {"entries": 10})
    gateway.connection.execute("UPDATE ctaudit.stream SET covered_until = %s", (seen + 5 * SECOND,))
    assert one(gateway, MATCH) < 10000
    assert one(gateway, LEFT) == 0


@pytest.fixture
def year(gateway: Gateway) -> Gateway:
    """With partitions of 90 days before today."""
    for table in ("opening", "flow", "dump_entry"):
        for days in range(-90, 3):
            gateway.connection.execute(
                "SELECT ctaudit.make_partition(%s, %s)",
                (table, (BEGIN + timedelta(days=days)).date()),
            )
    return gateway


def test_few_relations_are_locked(year: Gateway) -> None:
    """By a CALL with entries, one that reconciles, one with late openings, and live()."""
    locked = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL"
    most = 110
    year.dump(BEGIN + timedelta(seconds=1), entries(range(5)))
    year.record([], BEGIN + timedelta(seconds=5))
    year.dump(BEGIN + timedelta(minutes=4), entries(range(5)))
    with year.connection.transaction():
        year.record([], BEGIN + timedelta(minutes=5))
        assert 0 < one(year, locked) < most
    with year.connection.transaction():
        year.dump(BEGIN + timedelta(minutes=8), entries(range(4)))
        assert 0 < one(year, locked) < most
    with year.connection.transaction():
        assert one(year, "SELECT count(*) FROM ctaudit.live('gw1')") == 4
        assert 0 < one(year, locked) < most
    year.connection.execute(RELIABLE)
    year.note("overrun", BEGIN + timedelta(minutes=9), {"lost": None})
    start, stop = BEGIN + timedelta(minutes=9), BEGIN + timedelta(minutes=10)
    with year.connection.transaction():
        year.record([ended(numbered(900), start, stop)], stop)
        assert 0 < one(year, locked) < most
    assert one(year, "SELECT provenance FROM ctaudit.opening WHERE ct_id = 900") == "late"


def test_a_question_locks_few_relations(year: Gateway) -> None:
    """In a new session: of a connection that ended, and of one that has not, which dumps showed."""
    year.dump(BEGIN + timedelta(seconds=1), entries(range(5)))
    begun = BEGIN + timedelta(minutes=1)
    lived = [opened(numbered(7), begun), ended(numbered(7), begun, begun + 2 * SECOND)]
    year.record(lived, BEGIN + timedelta(minutes=2))
    year.dump(BEGIN + timedelta(minutes=4), entries(range(5)))
    year.record([], BEGIN + timedelta(minutes=5))
    locked = """SELECT count(*) FROM pg_locks
        WHERE pid = pg_backend_pid() AND relation <> 'pg_catalog.pg_locks'::regclass"""
    # From 16 on the server locks the indexes of partitioned tables as well. What has not ended may
    # be in the partitions of the days to come.
    few = 64 if year.connection.info.server_version < 160_000 else 72
    for number, most in ((7, few), (0, 200)):
        with psycopg.connect(year.dsn) as session:
            asked = "SELECT count(*) FROM ctaudit.who('1.2.3.4', %s, %s, %s)"
            at = begun + SECOND
            assert session.execute(asked, (10_000 + number, at, at)).fetchone() == (1,)
            [count] = session.execute(locked).fetchone() or [0]
            assert 0 < count <= most


LATE = "SELECT array_agg(ct_id ORDER BY ct_id) FROM ctaudit.opening WHERE provenance = 'late'"


def test_a_late_opening_is_one_that_is_nowhere_recorded(gateway: Gateway) -> None:
    """Openings of an hour and of three days ago are found; without a start, entries count too."""
    gateway.connection.execute(RELIABLE)
    gateway.dump(BEGIN, entries(range(5)))
    gateway.record([], BEGIN + timedelta(seconds=5))
    old = BEGIN + timedelta(seconds=10)
    gateway.note("overrun", old, {"lost": None})
    gateway.record([opened(numbered(20), old), opened(numbered(21), old, timed=False)], old)
    late = old + timedelta(days=3)
    known = [
        ended(numbered(20), old, late),
        ended(numbered(21), old, late),
        ended(numbered(1), BEGIN - timedelta(hours=1), late),
        {**ended(numbered(2), BEGIN, late), "start_sent": None},
    ]
    gateway.record(known, late)
    assert one(gateway, LATE) is None
    again = late + timedelta(seconds=1)
    unknown = {**ended(numbered(22), again, again), "start_sent": None}
    gateway.record([ended(numbered(20), again, again), unknown], again)
    assert one(gateway, LATE) == [20, 22]


def test_where_nothing_was_lost_a_stored_end_makes_no_opening(gateway: Gateway) -> None:
    """It says all that the opening would; a gap that was over before its start changes nothing."""
    gateway.connection.execute(RELIABLE)
    gateway.note("overrun", BEGIN + timedelta(seconds=5), {"lost": None})
    gateway.dump(BEGIN + timedelta(seconds=10))
    gateway.dump(BEGIN + timedelta(seconds=20))
    after = BEGIN + timedelta(minutes=1)
    unknown = {**ended(numbered(2), after, after), "start_sent": None}
    gateway.record([ended(numbered(1), after, after), unknown], after)
    assert one(gateway, LATE) is None
    hidden = BEGIN + timedelta(seconds=7)
    gateway.record([ended(numbered(3), hidden, after)], after)
    assert one(gateway, LATE) == [3]


def test_where_ends_are_not_stored_each_makes_the_opening_it_lacks(gateway: Gateway) -> None:
    nat = Gateway(gateway.connection.info.dsn, "gw2", "nat")
    nat.note("start", BEGIN, {"mode": "nat", "timestamp": 1, "events": 1, "reliable": True})
    nat.record([opened(numbered(1), BEGIN)], BEGIN)
    stop = BEGIN + timedelta(seconds=9)
    nat.record([ended(numbered(1), BEGIN, stop), ended(numbered(2), BEGIN, stop)], stop)
    assert one(nat, LATE) == [2]
    nat.close()


def test_live_of_one_host_and_of_one_port(gateway: Gateway) -> None:
    gateway.dump(BEGIN + timedelta(seconds=1), entries(range(3)))
    begun = BEGIN + timedelta(seconds=10)
    gateway.record([opened(numbered(n), begun) for n in (3, 4, 5)], begun)
    gateway.record([ended(numbered(4), begun, begun + timedelta(seconds=1))], begun)
    live = "SELECT array_agg(ct_id ORDER BY ct_id) FROM ctaudit.live('gw1'%s)"
    assert one(gateway, live % "") == [0, 1, 2, 3, 5]
    assert one(gateway, live % ", p_host => '10.0.0.1'") == [1]
    assert one(gateway, live % ", p_host => '10.0.0.2/31'") == [2, 3]
    assert one(gateway, live % ", p_port => 10005") == [5]
    assert one(gateway, live % ", p_port => 10004") is None
    asked = "SELECT arguments FROM ctaudit.inquiry ORDER BY inquiry_id DESC LIMIT 1"
    assert one(gateway, asked) == {"node": "gw1", "port": 10004}


@pytest.mark.parametrize(("mode", "lacks"), [("nat", "ends"), ("history", "openings")])
def test_live_refuses_other_modes(gateway: Gateway, mode: str, lacks: str) -> None:
    gateway.connection.execute("UPDATE ctaudit.stream SET mode = %s", (mode,))
    with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        gateway.connection.execute("SELECT * FROM ctaudit.live('gw1')")
    assert str(refused.value).startswith(
        f"gateway gw1 records in mode {mode}, which does not store {lacks}: what is open now"
    )


def test_live_refuses_whom_it_knows_nothing_of(gateway: Gateway) -> None:
    """An empty answer would say that nothing is open."""
    gateway.connection.execute("SELECT ctaudit.begin_import('old', 'ulogd2', 'a file', '{}')")
    for name, sentence in (
        ("gw9", "no gateway is named gw9"),
        ("old", "gateway old was imported: what is open now is not known"),
    ):
        with pytest.raises(psycopg.Error) as refused:
            gateway.connection.execute("SELECT * FROM ctaudit.live(%s)", (name,))
        assert str(refused.value).startswith(sentence)


ASKED = """INSERT INTO ctaudit.inquiry
    (asked_at, on_behalf_of, case_reference, question, arguments)
SELECT now() - (20000 - n) * interval '1 min',
    CASE n % 2 WHEN 0 THEN 'alice' ELSE 'web for alice' END, 'case ' || n % 1000, 'who',
    jsonb_build_object('address', '1.2.3.4', 'host', '10.' || n % 4 || '.0.1')
FROM generate_series(1, 20000) AS n"""
CALLED = """INSERT INTO ctaudit.inquiry_call (number, question, place, arguments_hash, inquiry_id)
SELECT gen_random_uuid(), 'who', 0, 1, q.inquiry_id FROM ctaudit.inquiry AS q"""
READ = """SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables
WHERE relname IN ('inquiry', 'inquiry_call')"""


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ("inquiries('case 77')", 20),
        ("inquiries(p_from => now() - interval '100 min', p_address => '10.1.0.0/16')", 25),
        ("latest_inquiries('alice')", 100),
        ("latest_inquiries('alice', p_number => 5000)", 1),
        ("latest_inquiries('alice', p_address => '10.2.0.1')", 100),
        ("front_inquiries('case 77')", 20),
        ("front_latest_inquiries('web', 'alice', p_limit => 100)", 100),
        ("front_latest_inquiries('web', 'alice', p_number => 5001)", 1),
        ("front_latest_inquiries('web', 'alice', p_address => '10.3.0.0/16', p_limit => 9)", 9),
    ],
)
def test_inquiries_are_found_by_an_index(gateway: Gateway, asked: str, rows: int) -> None:
    """Nothing reads all that was asked in years, as a page of the newest and a number need not."""
    with gateway.connection.transaction():
        for statement in (ASKED, CALLED):
            gateway.connection.execute(statement)
    gateway.connection.execute("ANALYZE ctaudit.inquiry, ctaudit.inquiry_call")
    with gateway.connection.transaction():
        # What this session has not reported yet counts, too.
        before = one(gateway, READ)
        assert one(gateway, f"SELECT count(*) FROM ctaudit.{asked}") == rows
        assert one(gateway, READ) - before < 1000
