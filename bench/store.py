"""What a CALL and a question cost in a store that is full: rows by SQL, then dumps, ends, live().

All is one private cluster, two gateways, and a third that joins when the store is full. The
gateways' time is made up: it begins some hours ago and ends about now.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from ctaudit.database import schema
from lab.cluster import private_cluster

SETTINGS = {"fsync": "off", "shared_buffers": "1GB", "max_wal_size": "8GB"}
SETTINGS |= {"max_locks_per_transaction": "1024", "autovacuum_naptime": "20s"}
BATCH = 2000
STANDING = 16_000  # connections that are alive all the time, in each dump
KEPT = 50  # one connection in so many goes on
# Of relations, but for pg_locks, which this locks itself.
LOCKS = """SELECT count(*) FROM pg_locks
WHERE pid = pg_backend_pid() AND relation <> 'pg_catalog.pg_locks'::regclass"""
PORTS = "n * 7919 % 64000"  # in store.sql: the public ports are taken in turn
HOSTS = "n * 31 % 4000"  # in store.sql: of a gateway
PAST = 2_000  # connections of each earlier day, of each gateway
LASTING = timedelta(seconds=30)
TABLES = ("opening", "flow", "dump_entry")


@dataclass(frozen=True)
class Size:
    """``days``: partitions with rows; ``empty``: without; ``openings``: between two dumps."""

    days: int
    empty: int
    openings: Sequence[int]


@dataclass
class Stream:
    """A stream and its next position."""

    node: str
    connection: psycopg.Connection[Any]
    uuid: str = field(default_factory=lambda: str(uuid4()))
    position: int = 0
    spent: list[float] = field(default_factory=list)  # milliseconds of each CALL
    locks: int = 0  # relations locked by a CALL, at most
    used: float = 0.0  # the server's process, milliseconds of CPU, at the last figures

    def note(self, at: datetime, note: str, **detail: object) -> None:
        first, self.position = self.position, self.position + 1000
        with self._measured():
            began = time.monotonic()
            self.connection.execute(
                "CALL ctaudit.record_note(%s, %s, %s::bigint, %s::bigint, %s, %s, %s)",
                (self.node, self.uuid, first, self.position, at, note, Jsonb(detail)),
            )
            self.spent.append(1000 * (time.monotonic() - began))

    def send(self, covered: datetime, name: str = "", number: int = 0) -> None:
        """A batch of bench.batch, or coverage alone."""
        first, self.position = self.position, self.position + 1000
        with self._measured():
            row = self.connection.execute(
                "CALL bench.send(%s, %s, %s::bigint, %s, %s, %s, NULL)",
                (self.node, self.uuid, first, covered, name, number),
            ).fetchone()
            self.spent.append(row[0] if row else 0.0)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        with self.connection.transaction():
            yield
            self.locks = max(self.locks, one(self.connection, LOCKS))

    def figures(self) -> dict[str, Any]:
        """Of the CALLs since the last figures: milliseconds of the longest and of all."""
        spent, self.spent = self.spent, []
        locks, self.locks = self.locks, 0
        used = self.cpu() - self.used
        return {"calls": len(spent), "longest_ms": round(max(spent), 1),
                "all_ms": round(sum(spent), 1), "cpu_ms": round(used), "locks": locks}  # fmt: skip

    def begin_figures(self) -> None:
        self.spent.clear()
        self.used = self.cpu()

    def cpu(self) -> float:
        """Milliseconds that the server's process has used."""
        spent = Path(f"/proc/{self.connection.info.backend_pid}/schedstat")
        return int(spent.read_text().split()[0]) / 1e6


class Store:
    """The database under measurement, and the gateways' time."""

    def __init__(self, dsn: str, now: datetime) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.now = now
        self.next = 0  # number of the next connection
        self.standing = 0  # number of the first one that is alive all the time

    def start(self, node: str, at: datetime, **detail: object) -> Stream:
        stream = Stream(node, psycopg.connect(self.dsn, autocommit=True))
        stream.note(at, "start", mode="live", timestamp=1, events=1, **detail)
        return stream

    def make_partitions(self, days: Iterable[date], tables: Sequence[str] = TABLES) -> None:
        for table in tables:
            for day in days:
                self.connection.execute("SELECT ctaudit.make_partition(%s, %s)", (table, day))

    def fill(
        self, node: str, count: int, since: datetime, span: timedelta, kept: int = KEPT
    ) -> None:
        self.connection.execute(
            "CALL bench.fill(%s, %s::bigint, %s::bigint, %s, %s, %s::bigint, %s)",
            (node, self.next, self.next + count, since, span, kept, LASTING),
        )
        self.next += count

    def batches(self, name: str, node: str, query: str) -> int:
        """How many there are."""
        self.connection.execute(
            "CALL bench.make_batches(%s, %s, %s::bigint, %s)", (name, node, BATCH, query)
        )
        return one(self.connection, "SELECT count(*) FROM bench.batch WHERE name = %s", name)

    def dump(self, stream: Stream, entries: str) -> dict[str, Any]:
        """A dump of the connections that a query for (n, started_at) gives, until reconciled."""
        began = self.now = self.now + timedelta(seconds=1)
        name = f"{stream.node} {began}"
        count = self.batches(
            name, stream.node,
            f"SELECT n, 4, timestamptz '{began}' + n / 100 % 500 * interval '1 ms', started_at"
            f" FROM ({entries}) AS e (n, started_at)",
        )  # fmt: skip
        stream.begin_figures()
        stream.note(began, "dump begin", cause="bench")
        for number in range(count):
            stream.send(began, name, number)
        stream.note(began + timedelta(seconds=1), "dump end", entries=count * BATCH)
        while True:
            self.now += timedelta(seconds=1)
            stream.send(self.now + timedelta(seconds=1))
            row = self.connection.execute(
                "SELECT pending_dump_id FROM ctaudit.stream WHERE stream = %s", (stream.uuid,)
            ).fetchone()
            if row == (None,):
                return stream.figures()

    def ask(self, question: str) -> dict[str, Any]:
        """Milliseconds of the first and the second answer, rows, locks."""
        spent = []
        for _ in range(2):
            with self.connection.transaction():
                began = time.monotonic()
                rows = one(self.connection, f"SELECT count(*) FROM {question}")
                spent.append(round(1000 * (time.monotonic() - began), 1))
                locks = one(self.connection, LOCKS)
        return {"ms": spent, "rows": rows, "locks": locks}


def install_functions(
    connection: psycopg.Connection[Any], ports: str = PORTS, hosts: str = HOSTS
) -> None:
    """store.sql in the schema bench. ``ports``, ``hosts``: in SQL, which connection ``n`` has."""
    text = (Path(__file__).parent / "store.sql").read_text()
    connection.execute(text.replace(PORTS, ports).replace(HOSTS, hosts).encode())


def one(connection: psycopg.Connection[Any], query: str, *values: object) -> int:
    """The number that a query returns."""
    row = connection.execute(query, values or None).fetchone()
    return int(row[0]) if row else 0


def run_store(size: Size, live: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and figures, as they come. ``live``: questions about gw1's open connections."""
    with private_cluster(settings=SETTINGS) as cluster:
        cluster.create_database("ctaudit")
        schema.install(cluster.dsn())
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2 * len(size.openings) + 2)
        store = Store(cluster.dsn(), now)
        install_functions(store.connection)
        gateways = _fill_past(store, size)
        alive = (
            f"SELECT n, timestamptz '{now}' - interval '1 day'"
            f" FROM generate_series({store.next}, {store.next + STANDING - 1}) AS n"
        )
        store.next += STANDING
        yield "filled", store.ask("pg_class WHERE relkind = 'r'")
        for name in ("first dump", "second dump, all that came before it", "dump of known entries"):
            yield name, store.dump(gateways[0], alive)
            store.now += timedelta(minutes=3)
        for count in size.openings:
            since = store.now + timedelta(seconds=1)
            begun = store.next
            store.now = since + timedelta(hours=1)
            store.fill("gw1", count, since, timedelta(hours=1))
            store.fill("gw2", count // 2, since, timedelta(hours=1))
            gateways[0].send(store.now)
            kept = (
                f"SELECT n, timestamptz '{since}' + interval '1 hour'"
                f" * ((n - {begun})::float8 / {count}) + interval '10 us'"
                f" FROM generate_series({begun}, {begun + count - 1}) AS n WHERE n % {KEPT} = 0"
            )
            yield f"live, {count} openings since the dump", store.ask("ctaudit.live('gw1')")
            for question in live:
                yield f"{question}, {count} openings", store.ask(question)
            alive = f"{alive} UNION ALL {kept}"
            yield f"dump after {count} openings", store.dump(gateways[0], alive)
            yield f"live after the dump of {count}", store.ask("ctaudit.live('gw1')")
            store.now += timedelta(minutes=3)
            yield f"the next dump after {count} openings", store.dump(gateways[0], alive)
        joined = store.start("gw3", store.now)
        yield "first dump of a gateway that joins", store.dump(joined, alive)
        for reliable in (False, True):
            yield from _measure_ends(store, reliable=reliable)
        yield "index bytes a row", dict(store.connection.execute(_INDEX_BYTES).fetchall())


def _fill_past(store: Store, size: Size) -> list[Stream]:
    today = store.now.replace(hour=0, minute=0, second=0)
    days = range(-size.days - size.empty, 3)
    store.make_partitions([(today + timedelta(days=day)).date() for day in days])
    gateways = [store.start(n, today - timedelta(days=size.days)) for n in ("gw1", "gw2")]
    for day in range(-size.days, 0):
        for stream in gateways:
            store.fill(stream.node, PAST, today + timedelta(days=day), timedelta(days=1), PAST * 99)
    store.connection.execute("VACUUM ANALYZE")
    return gateways


def _measure_ends(store: Store, *, reliable: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """CALLs with ends whose openings are recorded, late in today's partition."""
    node = "reliable" if reliable else "unreliable"
    stream = store.start(node, store.now, reliable=reliable)
    stream.note(store.now, "dump begin")
    begun, count = store.next, 10 * BATCH
    store.connection.execute(
        "INSERT INTO ctaudit.opening_row SELECT o.* FROM generate_series(%s::bigint, %s) AS n,"
        " LATERAL bench.opening((SELECT node_id FROM ctaudit.node WHERE node = %s), n, %s) AS o",
        (begun, begun + count - 1, node, store.now),
    )
    store.next += count
    store.now += timedelta(seconds=30)
    started = store.now - timedelta(seconds=30) + timedelta(microseconds=10)
    calls = store.batches(
        node, node,
        f"SELECT n, 3, timestamptz '{store.now}', timestamptz '{started}'"
        f" FROM generate_series({begun}, {begun + count - 1}) AS n",
    )  # fmt: skip
    stream.begin_figures()
    for number in range(calls):
        stream.send(store.now, node, number)
    figures = stream.figures()
    figures["events_per_second"] = round(1000 * count / figures["all_ms"])
    late = "SELECT count(*) FROM ctaudit.opening_row WHERE provenance = 'l'"
    figures["late"] = one(store.connection, late)
    yield f"ends, reliable = {reliable}", figures


_INDEX_BYTES = """
SELECT regexp_replace(i.relname, '_2.*?_([a-z])', '_\\1'), round(
    sum(pg_relation_size(i.oid))::numeric / sum(t.reltuples)::numeric, 1)::float8
FROM pg_class AS t JOIN pg_index AS x ON x.indrelid = t.oid
JOIN pg_class AS i ON i.oid = x.indexrelid
WHERE t.relnamespace = 'ctaudit'::regnamespace AND t.relispartition AND t.reltuples > 100000
GROUP BY 1 ORDER BY 1
"""


def print_store(size: Size, live: Sequence[str]) -> list[dict[str, Any]]:
    """Each figure as a line of JSON, as soon as it is there."""
    told = []
    for name, figures in run_store(size, live):
        told.append({"what": name} | figures)
        print(json.dumps(told[-1], default=str), flush=True)
    return told
