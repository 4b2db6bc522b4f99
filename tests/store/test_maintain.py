"""Partitions ahead, default partitions emptied, retention, and recording meanwhile."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit import cli
from ctaudit.config import RetentionSection
from ctaudit.database import locks, maintenance, schema
from ctaudit.database.maintenance import Maintained, Step, Waiting
from ctaudit.errors import DatabaseError
from lab.cluster import Cluster
from tests.store.gateway import Gateway, ended, opened, tuples

NOW = datetime.now(UTC)
CONNECTION = {
    **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
    "proto": 6, "status": 0x198,
}  # fmt: skip


@pytest.fixture
def dsn(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name.replace("[", "_").replace("]", "")[:60]
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    yield cluster.dsn(name)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def fetch(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def maintain(dsn: str, days: int, inquiries_days: int = 730) -> list[Maintained | Waiting]:
    """What was done, but for the freezing, which a test of its own looks at."""
    done = maintenance.maintain(dsn, RetentionSection(days, inquiries_days))
    return [
        item for item in done if item != Maintained("to be frozen", getattr(item, "object", ""))
    ]


def day(ago: int) -> datetime:
    return NOW - timedelta(days=ago)


def name(table: str, ago: int) -> str:
    return f"{table}_p{day(ago):%Y%m%d}"


def fill(dsn: str) -> None:
    """A stream 40 days old, ended connections on some days, and rows of a wrong clock."""
    gateway = Gateway(dsn, "gw1")
    gateway.listen(day(40))
    for number, ago in enumerate((39, 31, 10, 5, 0)):
        connection = {**CONNECTION, "ct_id": number}
        at = day(ago)
        gateway.record(
            [opened(connection, at), ended(connection, at, at + timedelta(microseconds=5))], at
        )
    gateway.record([opened({**CONNECTION, "ct_id": 99}, datetime(1970, 1, 1, tzinfo=UTC))], NOW)
    gateway.close()


def test_default_partitions_are_emptied_and_retention_drops(dsn: str) -> None:
    fill(dsn)
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.opening_default") == [(5,)]
    done = maintain(dsn, 30)
    assert Maintained("moved", name("opening", 10), 1) in done
    assert Maintained("moved", name("flow", 5), 1) in done
    assert Maintained("deleted", "opening_default", 2) in done
    assert Maintained("kept", "opening_default", 1) in done
    assert Maintained("trimmed", "note", 3) in done
    assert fetch(dsn, "SELECT ct_id FROM ctaudit.opening_default") == [(99,)]
    assert fetch(dsn, "SELECT ct_id FROM ctaudit.flow ORDER BY 1") == [(2,), (3,), (4,)]
    assert fetch(dsn, f"SELECT ct_id FROM ctaudit.{name('flow', 10)}") == [(2,)]
    assert maintain(dsn, 30) == [Maintained("kept", "opening_default", 1)]

    assert Maintained("dropped", name("opening", 10), None) in maintain(dsn, 7)
    assert fetch(dsn, "SELECT ct_id FROM ctaudit.opening WHERE ct_id <> 99 ORDER BY 1") == [
        (3,), (4,),
    ]  # fmt: skip


def test_the_past_beyond_retention_is_unknown(dsn: str) -> None:
    fill(dsn)
    ask = "SELECT complete, why FROM ctaudit.completeness(NULL, '{0}', '{0}'::timestamptz + '1 s')"
    assert fetch(dsn, ask.format(day(20))) == [(True, None)]
    maintain(dsn, 7)
    assert fetch(dsn, ask.format(day(3))) == [(True, None)]
    ((complete, why),) = fetch(dsn, ask.format(day(20)))
    assert (complete, str(why)[:46]) == (False, "gw1: past retention: the record is kept from 2")
    gateway_row = fetch(dsn, "SELECT covered_from = c.covered_from FROM ctaudit.stream "
        "JOIN ctaudit.coverage AS c USING (node, stream, covered_from)")  # fmt: skip
    assert gateway_row == [(True,)], "the current span goes on"


def test_sums_and_proofs_go_with_the_rows_of_their_time(dsn: str) -> None:
    fill(dsn)
    old, kept = day(40), day(5)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for at in (old, kept):
            connection.execute(
                "INSERT INTO ctaudit.traffic_sum SELECT %s, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0,"
                " n.node_id, 24 FROM ctaudit.node AS n",
                (at,),
            )
            connection.execute(
                "INSERT INTO ctaudit.summed_day SELECT n.node_id, %s::date FROM ctaudit.node AS n",
                (at,),
            )
        for until in (old + timedelta(hours=1), None):
            connection.execute(
                "INSERT INTO ctaudit.pair_proof (node, pair, stream, silent_since, dump_began_at,"
                " proved_from, proved_until) SELECT s.node, s.node, s.stream, %s, %s, %s, %s"
                " FROM ctaudit.stream AS s",
                (*(old + timedelta(minutes=minutes) for minutes in (1, 2, 3)), until),
            )
    done = maintain(dsn, 30)
    for table in ("traffic_sum", "summed_day", "pair_proof"):
        assert Maintained("trimmed", table, 1) in done
    assert fetch(dsn, "SELECT sum_from FROM ctaudit.traffic_sum WHERE hours = 24") == [(kept,)]
    assert fetch(dsn, "SELECT proved_until FROM ctaudit.pair_proof") == [(None,)]


def test_a_lock_is_waited_for(dsn: str) -> None:
    fill(dsn)
    holder = psycopg.connect(dsn)
    holder.execute("LOCK TABLE ctaudit.flow_default IN ACCESS SHARE MODE")
    release = threading.Timer(3, holder.close)
    release.start()
    assert Maintained("moved", name("flow", 5), 1) in maintain(dsn, 30)
    release.join()


def test_a_reader_that_never_ends(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days ahead are made, what can be done is done, and the reader is named."""
    monkeypatch.setattr(locks, "_PATIENCE", 0.0)
    fill(dsn)
    maintain(dsn, 30)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in ("opening", "flow", "dump_entry"):
            connection.execute(f"DROP TABLE ctaudit.{name(table, -7)}")  # type: ignore[arg-type]
    with psycopg.connect(dsn, application_name="pg_dump") as holder:
        holder.execute("SELECT count(*) FROM ctaudit.flow_row")
        time.sleep(2.1)
        done: list[Maintained | Waiting] = []
        with pytest.raises(DatabaseError) as waits:
            done.extend(maintenance.maintain(dsn, RetentionSection(7)))
        pid = holder.info.backend_pid
    assert re.search(
        r"[0-9]+ steps wait for locks that others hold; run it again", str(waits.value)
    )
    assert Maintained("made", name("opening", -7)) in done
    assert Maintained("dropped", name("opening", 10)) in done
    assert fetch(dsn, f"SELECT to_regclass('ctaudit.{name('flow', 10)}') IS NULL") == [(False,)]
    waiting = [item for item in done if isinstance(item, Waiting)]
    assert {item.step.lock for item in waiting} <= {("drop", "flow"), ("make", "flow")}
    (item,) = [item for item in waiting if item.step.step == "drop"]
    (found,) = item.holders
    assert (found.pid, found.application, found.state) == (pid, "pg_dump", "idle in transaction")
    assert found.seconds is not None
    assert found.seconds > 2
    assert Maintained("dropped", name("flow", 10)) in maintain(dsn, 7)


def test_the_command_ends_with_5(
    dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.0)
    fill(dsn)
    maintain(dsn, 30)
    file = tmp_path / "ctaudit.toml"
    file.write_text("[retention]\ndays = 7\n")
    words = ["maintain", "--config", str(file), "--dsn", dsn]
    with psycopg.connect(dsn, application_name="pg_dump") as holder:
        for table in ("opening_row", "flow_row"):
            holder.execute(f"SELECT count(*) FROM ctaudit.{table}")  # type: ignore[arg-type]
        assert cli.main(words) == 5
    said = capsys.readouterr()
    assert re.search(
        r"^waiting: cannot drop opening_p\d{8}, its lock is held by process \d+ \(postgres, "
        r"pg_dump, idle in transaction\) for \d+ s$", said.out, re.MULTILINE,
    ), said.out  # fmt: skip
    assert said.err.startswith("ctaudit: ")
    assert said.err.endswith("locks that others hold; run it again when they have ended\n")
    assert cli.main(words) == 0


def test_a_partition_that_another_session_makes_meanwhile(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a second maintenance at the same time does, or an import."""
    once = maintenance._try
    make = "SELECT ctaudit.make_partition(%s, %s)"
    with psycopg.connect(dsn) as other, ThreadPoolExecutor(1) as pool:

        def commit_later() -> None:
            time.sleep(0.5)
            other.commit()

        def after_the_other(connection: Any, statement: str, step: Step, *rest: Any) -> Any:
            if statement == "make":
                monkeypatch.setattr(maintenance, "_try", once)
                other.execute(make, (step.parent, step.day))
                pool.submit(commit_later)
            return once(connection, statement, step, *rest)

        monkeypatch.setattr(maintenance, "_try", after_the_other)
        fill(dsn)
        maintain(dsn, 30)
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.flow_default WHERE received_at < now()") == [
        (0,)
    ]


def test_a_vacuum_of_an_old_day_does_not_keep_new_ones_from_being_made(dsn: str) -> None:
    """As autovacuum against wraparound, which nobody cancels: only the parent is locked."""
    fill(dsn)
    maintain(dsn, 30)
    with psycopg.connect(dsn) as vacuum, psycopg.connect(dsn, autocommit=True) as connection:
        vacuum.execute(
            f"LOCK TABLE ctaudit.{name('flow', 10)} IN SHARE UPDATE EXCLUSIVE MODE"  # type: ignore[arg-type]
        )
        made = connection.execute(
            "SELECT ctaudit.make_partition('flow', %s)", (day(-20).date(),)
        ).fetchone()
    assert made == (0,)


def test_a_day_with_many_rows_moves_in_portions(dsn: str) -> None:
    """Each portion is a transaction, after which every question finds all rows."""
    gateway = Gateway(dsn, "gw1")
    gateway.listen(day(20))
    first = day(3).replace(hour=0, minute=0, second=0, microsecond=0)
    times = [first + timedelta(minutes=number) for number in range(1440)]
    gateway.record([opened({**CONNECTION, "ct_id": n}, at) for n, at in enumerate(times)], NOW)
    gateway.close()
    due = (
        "SELECT portion_until FROM ctaudit.due_steps(30, 7, 500) "
        f"WHERE parent = 'opening' AND counted > 0 AND day = '{first.date()}'"
    )
    portions = [row[0] for row in fetch(dsn, due)]
    hours = [8, 16, 24]
    assert portions == [first + timedelta(hours=hour) for hour in hours]
    for left, until in zip((960, 480, 0), portions, strict=True):
        move = f"SELECT ctaudit.make_partition('opening', '{first.date()}', '{until}')"
        with psycopg.connect(dsn, autocommit=True) as connection:
            assert connection.execute(move).fetchone() == (480,)  # type: ignore[call-overload]
            assert connection.execute(move).fetchone() == (None,)  # type: ignore[call-overload]
        assert fetch(dsn, "SELECT count(*) FROM ctaudit.opening_default") == [(left,)]
        assert fetch(dsn, "SELECT count(DISTINCT ct_id) FROM ctaudit.opening") == [(1440,)]
        # What is left counts anew.
        assert bool(fetch(dsn, due)) == bool(left)
    assert maintain(dsn, 30) is not None
    indexes = (
        "SELECT count(*) FROM pg_index AS i JOIN pg_inherits AS p ON p.inhrelid = i.indexrelid "
        f"WHERE i.indrelid = 'ctaudit.{name('opening', 3)}'::regclass"
    )
    of_parent = "SELECT count(*) FROM pg_index WHERE indrelid = 'ctaudit.opening_row'::regclass"
    assert fetch(dsn, indexes) == fetch(dsn, of_parent)


def test_a_clock_that_was_ahead(dsn: str) -> None:
    """Two spans of one stream reach over the horizon: the clock was ahead, and was set back."""
    gateway = Gateway(dsn, "gw1")
    gateway.listen(day(40))
    gateway.record([], day(5))
    gateway.note("overrun", day(35), {"lost": 1})
    gateway.dump(day(34))
    gateway.record([], day(3))
    gateway.close()
    over = f"covered_from < '{day(30)}' AND covered_until > '{day(29)}'"
    assert fetch(dsn, f"SELECT count(*) FROM ctaudit.coverage WHERE {over}") == [(2,)]
    maintain(dsn, 30)
    kept = fetch(dsn, "SELECT covered_from, covered_until FROM ctaudit.coverage ORDER BY 1")
    horizon = day(30).replace(hour=0, minute=0, second=0, microsecond=0)
    assert [row[0] for row in kept] == [horizon, horizon + timedelta(microseconds=1)]
    current = fetch(dsn, "SELECT c.covered_until = s.covered_until FROM ctaudit.stream AS s "
        "JOIN ctaudit.coverage AS c USING (node, stream, covered_from)")  # fmt: skip
    assert current == [(True,)]
    assert maintain(dsn, 30) == []
    maintain(dsn, 20)
    assert len(fetch(dsn, "SELECT FROM ctaudit.coverage")) == 2


def test_what_was_asked_is_kept_for_its_own_time(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO ctaudit.inquiry (asked_at, question, arguments, answers) "
            "SELECT now() - make_interval(days => d), 'who', '{}', d "
            "FROM unnest('{0, 300, 400, 729, 731, 800}'::integer[]) AS d"
        )
    assert Maintained("deleted", "inquiry", 2) in maintain(dsn, 30)
    assert maintain(dsn, 30) == []
    assert Maintained("deleted", "inquiry", 3) in maintain(dsn, 30, 30)
    assert fetch(dsn, "SELECT answers FROM ctaudit.inquiry") == [(0,)]


def test_streams_and_gaps_that_nobody_asks_about_go(dsn: str) -> None:
    for ago in (60, 50, 40):
        gateway = Gateway(dsn, "gw1")
        gateway.listen(day(ago))
        gateway.record([], day(ago - 5))
        gateway.note("stop", day(ago - 5), {})
        gateway.close()
    at = "UPDATE ctaudit.stream SET committed_at = covered_until"
    with psycopg.connect(dsn) as connection:
        connection.execute(at)
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.gap") == [(2,)]
    done = maintain(dsn, 30)
    assert Maintained("trimmed", "gap", 2) in done
    assert Maintained("trimmed", "stream", 2) in done
    # The last stream says until when it recorded.
    assert fetch(dsn, "SELECT started_at::date FROM ctaudit.stream") == [(day(40).date(),)]
    ask = f"SELECT complete FROM ctaudit.completeness(NULL, '{day(47)}', '{day(46)}')"
    assert fetch(dsn, ask) == [(False,)]
    assert maintain(dsn, 30) == []


@pytest.mark.parametrize(
    ("style", "zone"),
    [("SQL, DMY", "Asia/Kolkata"), ("Postgres, MDY", "Asia/Shanghai"), ("German", "EST5EDT")],
    ids=["sql", "postgres", "german"],
)
def test_the_steps_in_any_date_style(dsn: str, style: str, zone: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(f"SET DateStyle = '{style}'; SET TimeZone = '{zone}'")  # type: ignore[arg-type]
        connection.execute("SELECT ctaudit.make_partition('flow', '2026-02-03')")
        connection.execute("SELECT ctaudit.make_partition('flow', '2026-02-02')")
        connection.execute("SELECT ctaudit.make_partition('flow', '2026-02-04')")
        connection.execute("SELECT ctaudit.set_freezing('flow', '2026-02-03')")
        partitions = connection.execute(
            "SELECT extract(epoch FROM partition_until - day::timestamp AT TIME ZONE 'UTC') / 3600 "
            "FROM ctaudit.partitions() WHERE name ~ '2026020'"
        ).fetchall()
        assert partitions == [(24,)] * 3
        days = connection.execute(
            "SELECT day::text FROM ctaudit.due_steps(30) WHERE step = 'drop' AND parent = 'flow'"
        ).fetchall()
        assert len(days) == 3
        # The last day that is not kept, in UTC.
        connection.execute("SELECT ctaudit.make_partition('flow', %s)", (day(31).date(),))
        for old in ("2026-02-03", str(day(31).date())):
            dropped = connection.execute("SELECT ctaudit.drop_partition('flow', %s, 30)", (old,))
            assert dropped.fetchone() == (True,)
        connection.execute("SELECT * FROM ctaudit.trim_before(30)")
        connection.rollback()


def test_recording_goes_on_meanwhile(dsn: str) -> None:
    """Batches with odd and sane times against maintain: nothing is lost, nobody deadlocks."""
    gateway = Gateway(dsn, "gw1")
    gateway.listen(day(20))
    stop = threading.Event()
    count = 0
    faults: list[Exception] = []

    def record() -> None:
        nonlocal count
        try:
            while not stop.is_set():
                connection = {**CONNECTION, "ct_id": count}
                at = day(count % 20)
                gateway.record([opened(connection, at), ended(connection, at, at)], at)
                count += 1
        except psycopg.Error as error:
            faults.append(error)

    worker = threading.Thread(target=record)
    worker.start()
    try:
        for _ in range(10):
            maintain(dsn, 30)
    finally:
        stop.set()
        worker.join()
    gateway.close()
    assert faults == []
    assert count > 20
    assert fetch(dsn, "SELECT count(*), count(DISTINCT ct_id) FROM ctaudit.flow") == [
        (count, count)
    ]
    maintain(dsn, 30)
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.flow_default") == [(0,)]


def test_a_detached_partition_is_named(dsn: str) -> None:
    tomorrow = name("opening", -1)
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(f"ALTER TABLE ctaudit.opening_row DETACH PARTITION ctaudit.{tomorrow}")  # type: ignore[arg-type]
    assert maintain(dsn, 30) == [Maintained("detached", tomorrow)]
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(f"ALTER TABLE ctaudit.{tomorrow} RENAME TO kept_apart")  # type: ignore[arg-type]
    assert maintain(dsn, 30) == [Maintained("made", tomorrow)]
