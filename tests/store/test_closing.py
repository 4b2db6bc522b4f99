"""A day is closed: the answers stay, late rows are not lost, nobody waits, questions notice it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from bench.closing import run_closing
from ctaudit.config import RetentionSection
from ctaudit.conntrack.event import Kind
from ctaudit.database import locks, maintenance, schema
from ctaudit.database.connection import connect
from ctaudit.database.maintenance import Maintained, Waiting, maintain
from ctaudit.errors import DatabaseError
from ctaudit.query import lookup
from ctaudit.query.question import read_who
from lab.cluster import Cluster
from lab.waiting import comes_true
from tests.markers import torture
from tests.store.closed_histories import compare, settle_all
from tests.store.gateway import Event, Gateway, ended, opened, tuples
from tests.store.histories.features import FEATURES
from tests.store.histories.recording import record
from tests.store.histories.sending import Store, open_store
from tests.store.histories.timeline import format_history
from tests.store.histories.world import make_history

DAY = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
NOON = DAY + timedelta(hours=12)
CONNECTION = {
    **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
    "proto": 6, "status": 0x198, "ct_id": 5,
}  # fmt: skip
SECOND = timedelta(seconds=1)
# With one of these all openings of a gateway stay.
WHOLE = {
    "unstamped", "stamped later", "nat", "history", "mode change", "late reading", "clock step",
    "wrong boot", "step in restart",
}  # fmt: skip


@pytest.fixture(scope="module")
def histories(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "closed_histories") as opened_store:
        settle_all(opened_store.connection)
        yield opened_store


@pytest.mark.parametrize(("count", "questions"), [(12, 10), torture(400, 25)])
@pytest.mark.parametrize("midway", [False, True])
def test_answers_stay(histories: Store, count: int, questions: int, midway: bool) -> None:
    """Every column of every answer, the coverage and the verdict.

    ``midway``: rows, dumps and their reconciling follow after a day was closed, which maintain
    waits for.
    """
    left_out = 0
    for seed in range(count):
        history = make_history(seed, FEATURES - WHOLE if seed % 3 else FEATURES)
        calls = len(record(history))
        left, compared = compare(
            histories, history, questions, (seed * 7919) % calls if midway else None
        )
        left_out += left
        for one in compared:
            assert one.are_equal, f"{format_history(history)}\n{one}"
    assert left_out > count / 2


@pytest.fixture
def dsn(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A gateway that recorded a day with one connection of ten minutes, and the day after."""
    name = request.node.name.replace("[", "_").replace("]", "").replace("-", "_")[:60]
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = begin(cluster.dsn(name))
    gateway.record(lived(CONNECTION, NOON), NOON + timedelta(minutes=11))
    end(gateway)
    yield cluster.dsn(name)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def begin(dsn: str, node: str = "gw1", mode: str = "live", **detail: object) -> Gateway:
    gateway = Gateway(dsn, node, mode)
    gateway.note("start", NOON - timedelta(minutes=30), {"mode": mode, "timestamp": 1, **detail})
    gateway.dump(NOON - timedelta(minutes=30) + SECOND)
    return gateway


def end(gateway: Gateway) -> None:
    """The rest of the day, with a dump after it; and the day's partitions."""
    at = NOON
    while at < DAY + timedelta(hours=24):
        at += timedelta(minutes=30)
        gateway.record([], at)
    gateway.dump(at + SECOND)
    for _ in range(6):
        at += timedelta(minutes=30)
        gateway.record([], at)
    for table in ("opening", "flow", "dump_entry"):
        gateway.connection.execute("SELECT ctaudit.make_partition(%s, %s)", (table, DAY.date()))
    gateway.close()


def lived(
    connection: Event, at: datetime, lasting: timedelta = timedelta(minutes=10)
) -> list[Event]:
    start = at + timedelta(microseconds=10)
    return [opened(connection, at), ended(connection, start, at + lasting)]


def keep(dsn: str, days: int = 30) -> list[Maintained | Waiting]:
    return list(maintain(dsn, RetentionSection(days=days)))


def closed(done: list[Maintained | Waiting]) -> list[Maintained]:
    return [one for one in done if isinstance(one, Maintained) and one.action == "closed"]


def fetch(dsn: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def name(table: str) -> str:
    return f"{table}_p{DAY:%Y%m%d}"


def ask(dsn: str, at: datetime = NOON + timedelta(minutes=5)) -> list[tuple[Any, ...]]:
    return fetch(
        dsn, "SELECT * FROM ctaudit.who('1.2.3.4', NULL, %s, %s) ORDER BY ct_id", at, at + SECOND
    )


def openings(dsn: str) -> list[int]:
    return [row[0] for row in fetch(dsn, "SELECT ct_id FROM ctaudit.opening ORDER BY 1")]


_CALLED = "SELECT indexname FROM pg_indexes WHERE tablename = %s AND indexdef LIKE %s"
_OWN = "%USING btree (orig_dport, orig_dst) WITH (fillfactor='100') WHERE%"
# Rows of a quarter of a page.
_MANY = """INSERT INTO ctaudit.flow_row SELECT (jsonb_populate_record(f, jsonb_build_object(
    'ct_id', n, 'orig_sport', n, 'helper', repeat('x', 1800)
))).* FROM ctaudit.flow_row AS f, generate_series(1, 34000) AS n"""


def test_a_large_day_gets_an_index_of_what_is_not_translated(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(_MANY)
    keep(dsn)
    assert len(fetch(dsn, _CALLED, name("flow"), _OWN)) == 1
    assert fetch(dsn, _CALLED, name("opening"), _OWN) == []


def test_a_day_is_closed_once(dsn: str) -> None:
    before = ask(dsn)
    assert len(before) == 1
    done = keep(dsn)
    assert closed(done) == [
        Maintained("closed", name("flow"), None),
        Maintained("closed", name("opening"), 1),
    ]
    assert Maintained("summed", f"{DAY.date()} of gw1", 4) in done
    assert Maintained("to be frozen", name("flow")) not in done
    assert ask(dsn) == before
    assert openings(dsn) == []
    assert closed(keep(dsn)) == []
    options = "SELECT options @> '{autovacuum_freeze_table_age=0}' FROM ctaudit.partitions() "
    assert fetch(dsn, options + "WHERE name = %s", name("flow")) == [(True,)]
    indexes = (
        "SELECT count(*) FROM pg_index AS i JOIN pg_inherits AS p ON p.inhrelid = i.indexrelid "
        "WHERE i.indrelid = %s::regclass"
    )
    for table in ("opening", "flow"):
        of_parent = "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass"
        assert fetch(dsn, indexes, f"ctaudit.{name(table)}") == fetch(
            dsn, of_parent, f"ctaudit.{table}_row"
        )
        assert fetch(dsn, _CALLED, name(table), _OWN) == []
    assert fetch(dsn, "SELECT FROM pg_class WHERE relname ~ 'p[0-9]{8}_copy$'") == []
    assert Maintained("dropped", name("flow")) in keep(dsn, 1)
    assert fetch(dsn, "SELECT FROM ctaudit.closed_partition WHERE day = %s", DAY.date()) == []


OTHER = {**CONNECTION, "ct_id": 6}
LONG = lived(OTHER, NOON, timedelta(hours=2, seconds=1))
KEPT: dict[str, list[Event]] = {
    "without an end": lived(OTHER, NOON)[:1],
    "ended two hours later": LONG,
    "another reply tuple": [LONG[0], {**lived(OTHER, NOON)[1], "reply_sport": 444}],
    "translated otherwise": [LONG[0], {**lived(OTHER, NOON)[1], "status": 0x1A8}],
    "opened twice": [opened(OTHER, NOON), *lived(OTHER, NOON + timedelta(minutes=30))],
    "ended twice": [*lived(OTHER, NOON), lived(OTHER, NOON + timedelta(hours=1))[1]],
    "no start in the end": [LONG[0], {**lived(OTHER, NOON)[1], "start_sent": None}],
    "no id": [{**event, "ct_id": None} for event in lived(OTHER, NOON)],
    "an end before it was opened": [LONG[0], ended(OTHER, NOON - 9 * SECOND, NOON - SECOND)],
}


@pytest.mark.parametrize("case", KEPT)
def test_openings_that_stay(cluster: Cluster, case: str) -> None:
    database = "stays_" + case.replace(" ", "_")
    cluster.create_database(database)
    dsn = cluster.dsn(database)
    schema.install(dsn)
    gateway = begin(dsn)
    gateway.record(lived(CONNECTION, NOON), NOON + timedelta(minutes=11))
    gateway.record(KEPT[case], NOON + timedelta(minutes=12))
    end(gateway)
    times = [NOON + timedelta(minutes=minutes) for minutes in (0, 5, 20, 59, 119, 121)]
    before = [ask(dsn, at) for at in times]
    assert len(openings(dsn)) == 1 + sum(event["kind"] == Kind.NEW for event in KEPT[case])
    assert len(closed(keep(dsn))) == 2
    assert openings(dsn) == [event["ct_id"] for event in KEPT[case] if event["kind"] == Kind.NEW]
    assert [ask(dsn, at) for at in times] == before


def test_nodes_of_which_all_openings_stay(dsn: str) -> None:
    """Nat mode, no stamps, a clock that was wrong, a late reading."""
    for number, node in enumerate(("nat", "unstamped", "stepped", "late")):
        gateway = begin(
            dsn, node, "nat" if node == "nat" else "live", timestamp=int(node != "unstamped")
        )
        if node == "stepped":
            detail = {"step_seconds": -5, "synchronised": True, "estimated_error_us": 1}
            gateway.note("clock", NOON - SECOND, detail)
        events = lived({**CONNECTION, "ct_id": 10 + number}, NOON)
        later = NOON + timedelta(hours=1 + (node == "late"))
        gateway.record(events[:1] if node == "nat" else events, later)
        end(gateway)
    before = ask(dsn)
    assert len(before) == 5
    assert len(closed(keep(dsn))) == 2
    assert openings(dsn) == [10, 11, 12, 13]
    assert ask(dsn) == before


def test_history_mode(cluster: Cluster) -> None:
    """There are no openings; the day is rewritten all the same."""
    cluster.create_database("closed_history")
    dsn = cluster.dsn("closed_history")
    schema.install(dsn)
    gateway = begin(dsn, mode="history")
    gateway.record(lived(CONNECTION, NOON)[1:], NOON + timedelta(minutes=11))
    end(gateway)
    before = ask(dsn)
    assert len(before) == 1
    assert closed(keep(dsn)) == [Maintained("closed", name("flow"), None)]
    assert ask(dsn) == before


@pytest.mark.parametrize("cause", ["no dump after it", "an hour after the dump", "silent", "today"])
def test_too_early(cluster: Cluster, cause: str) -> None:
    database = "early_" + cause.replace(" ", "_")
    cluster.create_database(database)
    dsn = cluster.dsn(database)
    schema.install(dsn)
    gateway = begin(dsn)
    gateway.record(lived(CONNECTION, NOON), NOON + timedelta(minutes=11))
    if cause == "an hour after the dump":
        for hour in range(1, 13):
            gateway.record([], NOON + timedelta(hours=hour))
        gateway.dump(DAY + timedelta(days=1, seconds=1))
        gateway.record([], DAY + timedelta(days=1, hours=1))
        gateway.close()
    elif cause == "no dump after it":
        for hour in range(1, 20):
            gateway.record([], NOON + timedelta(hours=hour))
        gateway.close()
    else:
        end(gateway)
    if cause == "silent":
        begin(dsn, "gw2").close()
    day = datetime.now(UTC).date() if cause == "today" else DAY.date()
    assert fetch(dsn, "SELECT ctaudit.is_settled(%s)", day) == [(False,)]
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="cannot be closed"):
        fetch(dsn, "SELECT ctaudit.begin_copy('flow', %s)", day)
    if cause != "today":
        assert closed(keep(dsn)) == []
        assert len(openings(dsn)) == 1


def test_a_comparison_that_nobody_ends(dsn: str) -> None:
    """The gateway's power failed between a dump and the end of its comparison."""
    before = Gateway(dsn, "gw1")
    before.note("start", NOON - timedelta(hours=2), {"mode": "live", "timestamp": 1})
    before.note("dump begin", NOON - timedelta(hours=1), {"cause": "test"})
    before.note("dump end", NOON - timedelta(hours=1), {"entries": 0})
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO ctaudit.search (dump_id, gone_dump_id, tells)"
            " SELECT pending_dump_id, pending_dump_id, false FROM ctaudit.stream"
            " WHERE pending_dump_id IS NOT NULL"
        )
    assert closed(keep(dsn)) == []
    now = datetime.now(UTC) - timedelta(hours=5)
    after = Gateway(dsn, "gw1")
    after.listen(now)
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE ctaudit.stream SET committed_at = now() - interval '1 hour'"
            " WHERE pending_dump_id IS NOT NULL"
        )
    for hours in (1, 2, 3, 4):
        after.dump(now + timedelta(hours=hours))
        after.record([], now + timedelta(hours=hours, minutes=40))
    before.close()
    after.close()
    assert closed(keep(dsn)) != []


def test_a_held_day_stays_as_it_is(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT ctaudit.set_hold('2026-17', %s, %s)", (NOON, NOON + SECOND))
    assert closed(keep(dsn)) == []
    assert openings(dsn) == [5]
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT ctaudit.lift_hold('2026-17')")
    assert len(closed(keep(dsn))) == 2


@pytest.mark.parametrize("what", ["rows", "hold"])
def test_what_comes_while_a_day_is_copied(dsn: str, what: str) -> None:
    """A batch with rows of the day does not wait, and the copy is made anew."""
    place = ("flow", DAY.date())
    with psycopg.connect(dsn, autocommit=True) as closer, psycopg.connect(dsn) as other:
        assert call(closer, "begin_copy", place) is True
        late = Gateway(dsn, "gw2")
        late.connection.execute("SET statement_timeout = '5s'")
        late.note("start", NOON, {"mode": "live", "timestamp": 1})
        closer.execute("BEGIN")
        assert call(closer, "copy_partition", place) == 0
        if what == "rows":
            late.record(lived({**CONNECTION, "ct_id": 7}, NOON), NOON + timedelta(hours=1))
        else:
            other.execute("SELECT ctaudit.set_hold('x', %s, %s)", (NOON, NOON + SECOND))
            other.commit()
        closer.execute("COMMIT")
        late.close()
        assert call(closer, "exchange_partition", place) is False
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="has no copy"):
            call(closer, "exchange_partition", place)
    if what == "rows":
        assert fetch(dsn, f"SELECT count(*) FROM ctaudit.{name('flow')}") == [(2,)]
    assert fetch(dsn, "SELECT FROM pg_class WHERE relname ~ 'p[0-9]{8}_copy$'") == []
    assert fetch(dsn, "SELECT FROM pg_trigger WHERE tgname = 'spoil_copy'") == []


def test_a_batch_that_had_begun_before(dsn: str) -> None:
    """Its rows are not committed when the copying begins: the first step waits for them."""
    with psycopg.connect(dsn) as writer, psycopg.connect(dsn, autocommit=True) as closer:
        writer.execute(
            "INSERT INTO ctaudit.flow_row (received_at, node_id, proto, orig_src, orig_dst, "
            "reply_src, reply_dst) VALUES (%s, 1, 6, %s, %s, %s, %s)",
            (NOON, *["10.0.0.1"] * 4),
        )
        with pytest.raises(psycopg.errors.LockNotAvailable):
            call(closer, "begin_copy", ("flow", DAY.date()))
        writer.commit()
    assert len(closed(keep(dsn))) == 2
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.flow") == [(2,)]


def test_copying_needs_new_snapshots(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            call(connection, "copy_partition", ("flow", DAY.date()))


def call(connection: psycopg.Connection[Any], function: str, place: tuple[str, date]) -> object:
    row = connection.execute(f"SELECT ctaudit.{function}(%s, %s)", place).fetchone()  # type: ignore[arg-type]
    return row and row[0]


def test_a_reader_keeps_a_day_open(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.0)
    before = ask(dsn)
    with psycopg.connect(dsn, application_name="a report") as reader:
        reader.execute(f"SELECT count(*) FROM ctaudit.{name('opening')}")  # type: ignore[arg-type]
        done: list[Maintained | Waiting] = []
        with pytest.raises(DatabaseError, match=r"^1 step waits for locks"):
            done.extend(maintain(dsn, RetentionSection(days=30)))
        assert ask(dsn) == before
    assert openings(dsn) == [5]
    assert closed(keep(dsn)) == [Maintained("closed", name("opening"), 1)]
    assert ask(dsn) == before


def test_another_maintenance_closes_it_meanwhile(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    once = maintenance._try
    others: list[Maintained] = []

    def after_the_other(connection: Any, statement: str, *rest: Any) -> list[tuple[Any, ...]]:
        if statement == "exchange" and not others:
            monkeypatch.setattr(maintenance, "_try", once)
            others.extend(closed(keep(dsn)))
        return once(connection, statement, *rest)

    monkeypatch.setattr(maintenance, "_try", after_the_other)
    mine = closed(keep(dsn))
    assert mine == []
    assert {one.object for one in others} == {name("opening"), name("flow")}
    assert len(ask(dsn)) == 1


def test_a_question_that_began_before(dsn: str) -> None:
    """In REPEATABLE READ, and by the command's own way, which asks again."""
    asked = NOON + timedelta(minutes=5)
    question = "SELECT count(*) FROM ctaudit.who('1.2.3.4', 53500, %s, %s)"
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM ctaudit.node")
        assert len(closed(keep(dsn))) == 2
        with pytest.raises(psycopg.errors.SerializationFailure, match="rows of the record"):
            connection.execute(question, (asked, asked + SECOND))
        connection.rollback()
        assert connection.execute(question, (asked, asked + SECOND)).fetchone() == (1,)


def test_questions_while_days_are_closed(dsn: str) -> None:
    """Sessions that ask all the time; the day is closed again and again."""
    asked = read_who(
        "1.2.3.4:53500", (NOON + timedelta(minutes=5)).isoformat(), to=None, proto=None, node=None,
        within="0",
    )  # fmt: skip
    stop = threading.Event()
    found: list[tuple[str, int]] = []

    def work() -> None:
        with connect(dsn, "auditor") as connection:
            while not stop.is_set():
                reply = lookup.ask_who(connection, asked)
                found.append((reply.verdict.name, len(reply.answers)))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(5):
            keep(dsn)
            with psycopg.connect(dsn) as connection:
                connection.execute("DELETE FROM ctaudit.closed_partition")
        assert comes_true(lambda: len(found) > 20, 20)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert set(found) == {("one", 1)}


def test_a_closed_day_takes_less_room() -> None:
    """What ``bench close`` measures, of few connections."""
    figures = list(run_closing(20_000, 100))
    recorded, done = (one for one in figures if "flow" in one)
    assert sum(recorded["opening"]) > 150
    assert sum(done["opening"]) < 20
    assert sum(done["flow"]) < min(190, sum(recorded["flow"]))
    assert {one["what"].split("_")[0] for one in figures} >= {"closed opening", "closed flow"}
