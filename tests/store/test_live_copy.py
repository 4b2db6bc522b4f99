"""The copy of what is open: ctaudit.live() says the same with it and without it."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.record.procedures import to_time
from lab.cluster import Cluster, private_cluster
from tests.store.closed_histories import TABLES, close_day, settle_all
from tests.store.gateway import Event, Gateway, ended, opened, tuples
from tests.store.histories.recording import Call, record
from tests.store.histories.sending import Store, open_store
from tests.store.histories.truth import History
from tests.store.histories.world import make_history
from tests.store.snapshot import can_dump

HISTORIES = 8
BEGIN = (datetime.now(UTC) - timedelta(days=20)).replace(hour=12, minute=0, second=0, microsecond=0)
REFRESH = "SELECT ctaudit.refresh_live_copy(%s, %s, %s::bigint)"
USABLE = """
SELECT count(*) FROM ctaudit.live_copy AS c JOIN ctaudit.node AS n USING (node_id)
WHERE ctaudit.is_usable(c, n.node, ctaudit.last_dump(n.node))
    AND NOT EXISTS (SELECT FROM ctaudit.stream AS s WHERE s.node = n.node AND s.mode <> 'live')
"""
_LAST = "dump_id = (SELECT max(d.dump_id) FROM ctaudit.dump AS d WHERE d.ended_at IS NOT NULL)"
COPY = f"SELECT copied_until FROM ctaudit.live_copy WHERE {_LAST}"
COPIES = f"SELECT count(*) FROM ctaudit.live_copy WHERE {_LAST}"
PLACES = f"SELECT coalesce(sum(cardinality(places)), 0) FROM ctaudit.live_place WHERE {_LAST}"


def connection(number: int) -> Event:
    host = f"10.0.{number // 250}.{number % 250} 4000 > 19.1.16.7 443"
    reply = f"19.1.16.7 443 > 1.2.3.4 {10_000 + number}"
    return {**tuples(host, reply), "proto": 6, "ct_id": number, "status": 0x18E}


def make_days(connection: psycopg.Connection[Any], days: set[Any]) -> None:
    for table in TABLES:
        for day in sorted(days):
            connection.execute("SELECT ctaudit.make_partition(%s, %s)", (table, day))


def one(connection: psycopg.Connection[Any], query: str, *values: object) -> Any:
    row = connection.execute(query, values or None).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


_ROWS = "SELECT coalesce(array_agg(l::text ORDER BY l::text), '{}') FROM ctaudit.live(%s) AS l"
_HOST = "SELECT l.host FROM ctaudit.live(%s) AS l ORDER BY l::text LIMIT 1"
_PORT = """
SELECT CASE l.direction WHEN 'inward' THEN l.orig_dport ELSE l.reply_dport END
FROM ctaudit.live(%s) AS l ORDER BY l::text LIMIT 1
"""


def ask_live(connection: psycopg.Connection[Any], node: str) -> list[list[str]]:
    """What is open; then of this what one host has, and what has one port."""
    said = [one(connection, _ROWS, node)]
    if said[0]:
        for name, found in (("p_host", _HOST), ("p_port", _PORT)):
            value = one(connection, found, node)
            said.append(one(connection, _ROWS.replace("(%s)", f"(%s, {name} => %s)"), node, value))
    return said


def ask_without(connection: psycopg.Connection[Any], node: str) -> list[list[str]]:
    with connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM ctaudit.live_copy")
        return ask_live(connection, node)


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "live_histories") as made:
        yield made


def days_of(calls: Sequence[Call]) -> set[Any]:
    times = [call.wall for call in calls if call.wall]
    times += [received for call in calls for _, received in call.messages]
    return {to_time(time).date() for time in times}


def compare(store: Store, history: History) -> tuple[int, int]:
    """How many answers rested on a copy, and how many of these on one with rows."""
    calls = record(history)
    used = filled = 0
    store.begin()
    make_days(store.connection, days_of(calls))
    refused: set[uuid.UUID] = set()
    for number, call in enumerate(calls):
        store.send_each([call], refused)
        if call.mode != "live" or call.stream in refused:
            continue
        if number % 2 == 0:
            store.connection.execute(REFRESH, (call.node, call.stream, 1 + number % 5))
        if number % 3 == 0 and one(store.connection, USABLE):
            used += 1
            filled += one(store.connection, PLACES) > 0
            said = ask_live(store.connection, call.node)
            assert said == ask_without(store.connection, call.node), (history.seed, number)
    store.forget()
    return used, filled


def test_histories_say_the_same(store: Store) -> None:
    compared = [compare(store, make_history(seed)) for seed in range(HISTORIES)]
    assert sum(used for used, _ in compared) > 6 * HISTORIES
    assert sum(filled for _, filled in compared) > 4 * HISTORIES


@pytest.fixture
def gateway(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """With a dump of ten connections, compared, and partitions of two days."""
    name = f"live_copy_{abs(hash(request.node.name)) % 10**8}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    made = begin(cluster.dsn(name))
    yield made
    made.close()


def begin(dsn: str) -> Gateway:
    made = Gateway(dsn, "gw1")
    make_days(made.connection, {BEGIN.date(), (BEGIN + timedelta(days=1)).date()})
    made.note("start", BEGIN, {"mode": "live", "timestamp": 1, "events": 1})
    start = BEGIN - timedelta(hours=1)
    made.dump(at(1), [{**connection(n), "start_sent": start} for n in range(10)])
    made.record([], at(2))
    return made


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def refresh(gateway: Gateway, rows: int = 1000) -> datetime | None:
    found = one(gateway.connection, REFRESH, gateway.node, gateway.stream, rows)
    return found if isinstance(found, datetime) else None


def live_ids(gateway: Gateway) -> list[int]:
    asked = "SELECT array_agg(ct_id::integer ORDER BY ct_id) FROM ctaudit.live('gw1')"
    found = one(gateway.connection, asked)
    return list(found or [])


def fill(gateway: Gateway, first: int, second: float) -> None:
    """Three connections begin, the second of them ends, a fourth second has only an opening."""
    begun = at(second)
    gateway.record([opened(connection(n), begun) for n in range(first, first + 3)], at(second + 1))
    gateway.record(
        [
            ended(connection(first + 1), begun, at(second + 6)),
            opened(connection(first + 3), at(second + 7)),
        ],
        at(second + 8),
    )


def test_the_copy_is_brought_further(gateway: Gateway) -> None:
    fill(gateway, 10, 10)
    assert refresh(gateway) == at(17.001)
    # Of the first dump's ten both the entries and the openings that were made from them.
    assert one(gateway.connection, PLACES) == 20 + 2
    assert live_ids(gateway) == [*range(10), 10, 12, 13]
    fill(gateway, 20, 30)
    assert refresh(gateway) == at(37.001)
    # Nothing that was received before is read again.
    gateway.connection.execute("DELETE FROM ctaudit.flow_row WHERE received_at < %s", (at(17),))
    assert live_ids(gateway) == [*range(10), 10, 12, 13, 20, 22, 23]


def test_much_is_taken_in_portions(gateway: Gateway) -> None:
    for second in range(10, 60, 10):
        fill(gateway, second, second)
    times = [refresh(gateway, 4) for _ in range(6)]
    assert times == sorted(times)  # type: ignore[type-var]
    assert len(set(times)) >= 4
    assert times[-1] == at(57.001)


def test_the_next_dump_takes_its_place(gateway: Gateway) -> None:
    fill(gateway, 10, 10)
    refresh(gateway)
    gateway.dump(at(60), [{**connection(n), "start_sent": at(10)} for n in (10, 12)])
    assert one(gateway.connection, USABLE) == 0
    assert live_ids(gateway) == [10, 12]
    # Its entries are not compared yet.
    assert refresh(gateway) is None
    gateway.record([], at(70))
    assert refresh(gateway) is not None
    assert one(gateway.connection, USABLE) == 1
    assert live_ids(gateway) == [10, 12]


def test_a_clock_that_was_ahead_hides_nothing(gateway: Gateway) -> None:
    """By its time the dump is still to come; what begins after the step is open all the same."""
    gateway.note("clock", at(-7200), {"step_seconds": -7210, "synchronised": True})
    fill(gateway, 10, -3600)
    assert live_ids(gateway) == [*range(10), 10, 12, 13]
    gateway.dump(at(-1800), [{**connection(n), "start_sent": at(-3600)} for n in (10, 12)])
    gateway.record([opened(connection(30), at(-1700))], at(-1600))
    # What was received by the clock that was ahead is still taken for later than this dump.
    assert {10, 12, 30} <= set(live_ids(gateway))


def test_an_unobserved_end_that_is_found_late(gateway: Gateway) -> None:
    """It bears the time of the dump, which the copy has passed already."""
    fill(gateway, 10, 10)
    assert refresh(gateway)
    late = """INSERT INTO ctaudit.flow_row (received_at, node_id, ct_id, proto, orig_src, orig_dst,
        orig_sport, orig_dport, reply_src, reply_dst, reply_sport, reply_dport, started_at,
        started_source, provenance)
        SELECT d.ended_at, o.node_id, o.ct_id, o.proto, o.orig_src, o.orig_dst, o.orig_sport,
            o.orig_dport, o.reply_src, o.reply_dst, o.reply_sport, o.reply_dport, o.started_at,
            o.started_source, 'u' FROM ctaudit.opening_row AS o, ctaudit.dump AS d
        WHERE o.ct_id = 12"""
    gateway.connection.execute(late)
    assert live_ids(gateway) == [*range(10), 10, 13]
    refresh(gateway)
    fill(gateway, 20, 30)
    refresh(gateway)
    assert live_ids(gateway) == [*range(10), 10, 13, 20, 22, 23]


def test_a_tuple_that_begins_twice_on_either_side(gateway: Gateway) -> None:
    """Within a millisecond, with one id: one end ends one of them."""
    host = connection(50)
    gateway.record([opened(host, at(10)), opened(connection(51), at(10.0001))], at(11))
    assert refresh(gateway) == at(10.0011)
    gateway.record([opened(host, at(10.0005)), ended(host, at(10.0001), at(10.0003))], at(12))
    assert live_ids(gateway) == [*range(10), 50, 51]
    gateway.record([opened(connection(52), at(20))], at(21))
    refresh(gateway)
    assert live_ids(gateway) == [*range(10), 50, 51, 52]


def test_rows_that_may_be_moved_make_no_copy(gateway: Gateway) -> None:
    fill(gateway, 10, 10)
    assert refresh(gateway)
    fill(gateway, 20, 2.5 * 86400)
    assert refresh(gateway) is None
    assert one(gateway.connection, COPIES) == 0
    assert live_ids(gateway) == [*range(10), 10, 12, 13, 20, 22, 23]


@pytest.mark.parametrize("change", ["rewritten", "another stream", "clock", "restarted"])
def test_a_copy_that_does_not_fit_is_not_used(gateway: Gateway, change: str) -> None:
    fill(gateway, 10, 10)
    other = Gateway(gateway.connection.info.dsn, "gw1")
    if change == "another stream":
        other.note("start", at(-60), {"mode": "live"})
    fill(gateway, 20, 30)
    assert refresh(gateway)
    assert one(gateway.connection, USABLE) == 1
    match change:
        case "rewritten":
            gateway.connection.execute("DELETE FROM ctaudit.opening_row WHERE ct_id = 13")
            name = f"opening_p{BEGIN:%Y%m%d}"
            gateway.connection.execute(f"VACUUM FULL ctaudit.{name}")  # type: ignore[arg-type]
        case "another stream":
            other.record([opened(connection(40), at(5))], at(6))
        case "clock":
            gateway.note("clock", at(40), {"step_seconds": -5, "synchronised": True})
        case _:
            other.note("start", at(50), {"mode": "live"})
            other.record([opened(connection(40), at(55))], at(56))
    other.close()
    ids = {*range(10), 10, 12, 13, 20, 22, 23}
    if change == "rewritten":
        ids.remove(13)
    elif change != "clock":
        ids.add(40)
    assert live_ids(gateway) == sorted(ids)
    usable = one(gateway.connection, USABLE)
    assert usable == (1 if change == "clock" else 0)
    # After a step of the clock times of receipt are no order until the next dump.
    assert (refresh(gateway) is None) == (change == "clock")
    if change == "clock":
        assert one(gateway.connection, COPIES) == 0
    assert live_ids(gateway) == sorted(ids)


def test_a_closed_day_makes_it_useless(gateway: Gateway) -> None:
    fill(gateway, 10, 10)
    refresh(gateway)
    told = live_ids(gateway)
    settle_all(gateway.connection)
    assert close_day(gateway.connection, ("opening", BEGIN.date())) is not None
    assert one(gateway.connection, USABLE) == 0
    assert live_ids(gateway) == told
    assert refresh(gateway)
    assert one(gateway.connection, USABLE) == 1
    assert live_ids(gateway) == told


def test_rows_that_move_during_the_question(gateway: Gateway) -> None:
    """The partition is written anew between the snapshot and the reading."""
    fill(gateway, 10, 10)
    refresh(gateway)
    name = f"opening_p{BEGIN:%Y%m%d}"
    with psycopg.connect(gateway.connection.info.dsn) as asking:
        asking.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        asking.execute("SELECT count(*) FROM ctaudit.node")
        gateway.connection.execute(f"CLUSTER ctaudit.{name} USING {name}_expr_date_bin_idx")  # type: ignore[arg-type]
        assert one(asking, "SELECT count(*) FROM ctaudit.live('gw1')") == 13


def test_an_old_copy_goes_with_the_rows(gateway: Gateway) -> None:
    fill(gateway, 10, 10)
    refresh(gateway)
    gateway.connection.execute("SELECT * FROM ctaudit.trim_before(30)")
    assert one(gateway.connection, COPIES) == 1
    old = "UPDATE ctaudit.live_copy SET copied_until = now() - interval '40 days'"
    gateway.connection.execute(old)
    gateway.connection.execute("SELECT * FROM ctaudit.trim_before(30)")
    assert one(gateway.connection, "SELECT count(*) FROM ctaudit.live_place") == 0


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A cluster that may crash."""
    with private_cluster() as made:
        yield made


def test_a_crash(own: Cluster) -> None:
    """What was not committed is in neither; the copy that was is used."""
    own.create_database("crashed")
    schema.install(own.dsn("crashed"))
    gateway = begin(own.dsn("crashed"))
    fill(gateway, 10, 10)
    refresh(gateway)
    told = live_ids(gateway)
    gateway.connection.execute("BEGIN")
    fill(gateway, 20, 30)
    assert refresh(gateway) == at(37.001)
    own.crash(hard=False)
    gateway.close()
    own.start_again()
    with psycopg.connect(own.dsn("crashed"), autocommit=True) as again:
        gateway.connection = again
        assert one(again, USABLE) == 1
        assert one(again, COPY) == at(17.001)
        assert live_ids(gateway) == told


def test_a_restored_database(own: Cluster) -> None:
    """Rows stand elsewhere in it, in tables that may have the same names and numbers."""
    if not can_dump(own):
        pytest.skip("pg_dump is older than the server")
    own.create_database("saved")
    schema.install(own.dsn("saved"))
    gateway = begin(own.dsn("saved"))
    fill(gateway, 10, 10)
    refresh(gateway)
    told = live_ids(gateway)
    gateway.connection.execute("DELETE FROM ctaudit.opening_row WHERE ct_id < 5")
    told = live_ids(gateway)
    own.create_database("restored")
    text = subprocess.run(
        [own.client("pg_dump"), f"--dbname={own.dsn('saved')}"], check=True, capture_output=True
    ).stdout
    restore = [own.client("psql"), "-q", "-v", "ON_ERROR_STOP=1", f"--dbname={own.dsn('restored')}"]
    subprocess.run(restore, check=True, input=text, stdout=subprocess.DEVNULL)
    gateway.close()
    with psycopg.connect(own.dsn("restored"), autocommit=True) as restored:
        gateway.connection = restored
        assert one(restored, COPIES) == 1
        assert one(restored, USABLE) == 0
        assert live_ids(gateway) == told
        assert refresh(gateway)
        assert one(restored, USABLE) == 1
        assert live_ids(gateway) == told
