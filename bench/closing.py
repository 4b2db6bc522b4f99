"""What a connection takes on disk before and after its day is closed: rows by SQL, one gateway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench.store import LASTING, SETTINGS, Stream, install_functions
from ctaudit.config import RetentionSection
from ctaudit.database import schema
from ctaudit.database.maintenance import Maintained, maintain
from lab.cluster import private_cluster

TABLES = ("opening", "flow")
_HALF_HOUR = timedelta(minutes=30)
_SIZE = """
SELECT p.parent, pg_relation_size(c.oid), pg_indexes_size(c.oid)
FROM ctaudit.partitions() AS p
JOIN pg_class AS c ON c.oid = format('ctaudit.%%I', p.name)::regclass
WHERE p.day = %s AND p.parent IN ('opening', 'flow') ORDER BY p.parent DESC
"""


def run_closing(connections: int, ports: int) -> Iterator[dict[str, Any]]:
    """Sizes in bytes a connection (heap and indexes), and the seconds of each step."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = today - timedelta(days=2)
    with private_cluster(settings={**SETTINGS, "autovacuum": "off"}) as cluster:
        cluster.create_database("bench")
        schema.install(cluster.dsn("bench"))
        with psycopg.connect(cluster.dsn("bench"), autocommit=True) as connection:
            install_functions(connection, f"n * 7919 % {ports}")
            _record_day(connection, day, connections)
            yield {"what": "recorded"} | _sizes(connection, day, connections)
            spent = time.monotonic()
            for done in maintain(cluster.dsn("bench"), RetentionSection(days=30)):
                now = time.monotonic()
                if isinstance(done, Maintained) and done.action in ("summed", "closed"):
                    yield {"what": f"{done.action} {done.object}", "seconds": round(now - spent, 1)}
                spent = now
            yield {"what": "closed"} | _sizes(connection, day, connections)


def _record_day(connection: psycopg.Connection[Any], day: datetime, connections: int) -> None:
    for table in (*TABLES, "dump_entry"):
        connection.execute("SELECT ctaudit.make_partition(%s, %s)", (table, day.date()))
    stream = Stream("gw1", connection)
    stream.note(day, "start", mode="live", timestamp=1)
    stream.note(day, "dump begin", cause="bench")
    stream.note(day + timedelta(seconds=1), "dump end", entries=0)
    connection.execute(
        "CALL bench.fill('gw1', 1, %s::bigint, %s, '23 hours', %s::bigint, %s)",
        (connections + 1, day + timedelta(seconds=2), connections + 2, LASTING),
    )
    for half_hour in range(49):
        stream.send(day + half_hour * _HALF_HOUR)
    after = day + timedelta(days=1, seconds=1)
    stream.note(after, "dump begin", cause="bench")
    stream.note(after, "dump end", entries=0)
    for half_hour in range(1, 6):
        stream.send(after + half_hour * _HALF_HOUR)


def _sizes(connection: psycopg.Connection[Any], day: datetime, connections: int) -> dict[str, Any]:
    connection.execute("VACUUM ANALYZE ctaudit.opening_row, ctaudit.flow_row")
    return {
        parent: [round(size / connections, 1) for size in sizes]
        for parent, *sizes in connection.execute(_SIZE, (day.date(),))
    }
