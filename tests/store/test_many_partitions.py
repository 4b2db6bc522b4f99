"""Maintenance of three years of days, on the default settings of PostgreSQL; and freezing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ctaudit.config import RetentionSection
from ctaudit.database import locks, schema
from ctaudit.database.maintenance import Maintained, Waiting, maintain
from ctaudit.errors import DatabaseError
from lab.cluster import Cluster, private_cluster
from lab.waiting import comes_true
from tests.markers import torture

TABLES = ("opening", "flow", "dump_entry")


@pytest.fixture(scope="module")
def small() -> Iterator[Cluster]:
    """A server as it comes, but for few connections: the locks of all share one table."""
    with private_cluster(
        settings={"fsync": "off", "autovacuum_naptime": "1s", "max_connections": 20}
    ) as made:
        yield made


@pytest.fixture
def dsn(small: Cluster) -> Iterator[str]:
    small.create_database("many")
    schema.install(small.dsn("many"))
    yield small.dsn("many")
    with psycopg.connect(small.dsn("postgres"), autocommit=True) as connection:
        connection.execute('DROP DATABASE "many" WITH (FORCE)')


def fetch(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def make_days(dsn: str, first: int, last: int) -> None:
    """The partitions of the days so long ago, by a step each."""
    today = datetime.now(UTC).date()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in TABLES:
            for ago in range(first, last, -1):
                connection.execute(
                    "SELECT ctaudit.make_partition(%s, %s)", (table, today - timedelta(ago))
                )


# 200 days of three tables with their indexes are more than the 64 x 20 locks of that server.
@pytest.mark.parametrize("days", [200, torture(1095)])
def test_years_become_a_month(dsn: str, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody reads one of the tables all the time: what he does not read is dropped."""
    monkeypatch.setattr(locks, "_PATIENCE", 0.0)
    make_days(dsn, days, 1)
    assert fetch(dsn, "SHOW max_locks_per_transaction") == [("64",)]
    names = [f"ctaudit.{name}" for (name,) in fetch(dsn, "SELECT name FROM ctaudit.partitions()")]
    with psycopg.connect(dsn) as at_once, pytest.raises(psycopg.errors.OutOfMemory):
        at_once.execute(f"DROP TABLE {', '.join(names)}")  # type: ignore[arg-type]
    done: list[Maintained | Waiting] = []
    with psycopg.connect(dsn, application_name="a report") as reader:
        reader.execute("SELECT count(*) FROM ctaudit.flow_default")
        reader.execute("SELECT FROM ctaudit.flow WHERE received_at > now() - interval '1 day'")
        with pytest.raises(DatabaseError, match=f"^{days - 30} steps wait for locks"):
            done.extend(maintain(dsn, RetentionSection(30)))
    dropped = [item for item in done if isinstance(item, Maintained) and item.action == "dropped"]
    assert len(dropped) == 2 * (days - 30)
    (waiting,) = [item for item in done if isinstance(item, Waiting)]
    assert [holder.application for holder in waiting.holders] == ["a report"]
    assert len(list(maintain(dsn, RetentionSection(30)))) == days - 30
    left = fetch(dsn, "SELECT count(*), min(day) FROM ctaudit.partitions()")
    assert left == [(3 * (30 + 1 + 7) + 9, datetime.now(UTC).date() - timedelta(30))]


def test_a_day_that_is_over_is_frozen_once(dsn: str) -> None:
    make_days(dsn, 3, 1)
    name = f"opening_p{datetime.now(UTC) - timedelta(2):%Y%m%d}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ctaudit.opening_row (received_at, started_at, node_id, proto, "  # type: ignore[arg-type]
            "started_source, orig_src, orig_dst, reply_src, reply_dst) SELECT "
            "now() - interval '2 days', now(), 1, 6, 'k', '10.0.0.1', '10.0.0.2', '10.0.0.2', "
            "'10.0.0.1' FROM generate_series(1, 500)"
        )
        statistics = (
            "SELECT autovacuum_count, relallvisible = relpages, "
            "c.relfrozenxid::text::bigint > %s FROM pg_class AS c "
            "JOIN pg_stat_user_tables AS s ON s.relid = c.oid WHERE c.relname = %s"
        )
        (xid,) = connection.execute("SELECT txid_current()").fetchone() or (0,)
        done = list(maintain(dsn, RetentionSection(30)))
        assert Maintained("to be frozen", name) in done
        wanted = (1, True, True)
        assert comes_true(
            lambda: connection.execute(statistics, (xid, name)).fetchone() == wanted, 60
        ), connection.execute(statistics, (xid, name)).fetchone()
        # Neither set again nor vacuumed again.
        assert list(maintain(dsn, RetentionSection(30))) == []
        connection.execute("SELECT pg_sleep(3)")
        assert connection.execute(statistics, (xid, name)).fetchone() == wanted
