"""The record procedures under two recorders, a site's own in their place, and the plan of who."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ctaudit.database import schema, steps
from lab.cluster import Cluster
from tests.store.flushing import flush_statistics
from tests.store.gateway import STEP, Gateway, ended, opened, tuples

NOW = datetime.now(UTC)
CONNECTION = {
    **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
    "proto": 6, "status": 0x198,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    cluster.create_database("record")
    schema.install(cluster.dsn("record"))
    return "record"


def test_two_recorders_of_one_stream(cluster: Cluster, place: str) -> None:
    """Both commit the same batches; each batch is there once, and the counters agree."""
    dsn = cluster.dsn(place, user="rex")
    first, second = Gateway(dsn, "twice"), Gateway(dsn, "twice")
    second.stream = first.stream
    first.listen(NOW)
    second.position = first.position

    def record(gateway: Gateway) -> None:
        for number in range(100):
            gateway.record([opened({**CONNECTION, "ct_id": number}, NOW)], NOW)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(record, (first, second)))
    with psycopg.connect(cluster.dsn(place)) as connection:
        assert connection.execute(
            "SELECT count(*), count(DISTINCT ct_id) FROM ctaudit.opening WHERE node = 'twice'"
        ).fetchone() == (100, 100)
        assert connection.execute(
            "SELECT position, received, stored FROM ctaudit.stream WHERE node = 'twice'"
        ).fetchone() == (first.position, 100, 100)
    first.close()
    second.close()


@pytest.mark.parametrize("never", ["-infinity", "infinity", "0044-03-15 12:00 BC", "2300-01-01"])
@pytest.mark.parametrize("column", ["received_at", "event_at", "start_sent", "stop_sent"])
@pytest.mark.parametrize("mode", ["live", "history"])
def test_a_time_that_no_clock_has(
    cluster: Cluster, place: str, mode: str, column: str, never: str
) -> None:
    """One gateway's batch with it would make the lists of all gateways unreadable."""
    gateway = Gateway(cluster.dsn(place, user="rex"), f"{mode} {column} {never}", mode=mode)
    gateway.listen(NOW)
    known = ended(CONNECTION, NOW - timedelta(seconds=9), NOW) | {"event_at": NOW}
    times = {name: str(value) for name, value in known.items() if isinstance(value, datetime)}
    with pytest.raises(psycopg.errors.DatetimeFieldOverflow, match="no clock of a gateway has"):
        gateway.record([known | times, known | times | {column: never}], NOW)
    gateway.connection.rollback()
    gateway.position -= STEP
    gateway.record([known], NOW)
    gateway.close()
    with psycopg.connect(cluster.dsn(place)) as connection:
        assert connection.execute(
            "SELECT received FROM ctaudit.stream WHERE node = %s", [gateway.node]
        ).fetchone() == (1,)


def test_a_procedure_of_the_site(cluster: Cluster, place: str) -> None:
    """docs/sql.md's example: only what was translated is kept."""
    text = (steps.find_sql().parent / "docs" / "sql.md").read_text()
    example = text.split("```sql\n-- site.record_translated")[1].split("```")[0]
    with psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        owner.execute("-- site.record_translated" + example)  # type: ignore[arg-type]
    gateway = Gateway(cluster.dsn(place, user="rex"), "site", mode="nat")
    gateway.listen(NOW)
    with psycopg.connect(cluster.dsn(place, user="rex"), autocommit=True) as recorder:
        gateway.connection.close()
        gateway.connection = _Renamed(recorder)  # type: ignore[assignment]
        plain = {**CONNECTION, "status": 0x8, "ct_id": 2}
        gateway.record([opened({**CONNECTION, "ct_id": 1}, NOW), opened(plain, NOW)], NOW)
    with psycopg.connect(cluster.dsn(place)) as connection:
        assert connection.execute(
            "SELECT array_agg(ct_id) FROM ctaudit.opening WHERE node = 'site'"
        ).fetchone() == ([1],)
        assert connection.execute(
            "SELECT received, stored, filtered FROM ctaudit.stream WHERE node = 'site'"
        ).fetchone() == (2, 1, 1)


class _Renamed:
    """A connection that calls the site's procedure wherever record_live is called."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, query: str, values: tuple[object, ...]) -> None:
        named = re.sub(r"ctaudit\.record_(live|nat)\b", "site.record_translated", query)
        self._connection.execute(named, values)  # type: ignore[arg-type]


FILL = """
INSERT INTO ctaudit.{table}_row (
    received_at, started_at, started_source, ct_id, status, proto, node_id, orig_src, orig_dst,
    orig_sport, orig_dport, reply_src, reply_dst, reply_sport, reply_dport {more}
)
SELECT
    t, t, 'k', i, 408, 6, node_id, inet '10.0.0.0' + i %% 5000, '19.1.16.7', 1024 + i %% 60000,
    443, '19.1.16.7', inet '1.2.3.0' + i %% 8, 443, 1024 + i %% 60000 {values}
FROM generate_series(1, 100000) AS i, LATERAL (SELECT %s + i * interval '0.5 s') AS x (t),
    (SELECT node_id FROM ctaudit.node WHERE node = 'wide') AS n
"""


def test_who_reads_by_index(cluster: Cluster, place: str) -> None:
    begin = NOW - timedelta(hours=16)
    gateway = Gateway(cluster.dsn(place, user="rex"), "wide")
    gateway.listen(begin)
    gateway.record([], NOW)
    gateway.close()
    reads = (
        "SELECT sum(pg_stat_get_tuples_returned(oid))::bigint FROM pg_class "
        "WHERE relnamespace = 'ctaudit'::regnamespace AND relname ~ '^(opening|flow)_'"
    )
    with psycopg.connect(cluster.dsn(place), autocommit=True) as connection:
        for table, more, values in (
            ("opening", "", ""),
            ("flow", ", ended_at, ended_source", ", t + interval '1 m', 'k'"),
        ):
            connection.execute(FILL.format(table=table, more=more, values=values), (begin,))  # type: ignore[arg-type]
        connection.execute("VACUUM ANALYZE ctaudit.opening_row, ctaudit.flow_row")
        at = begin + timedelta(seconds=25_000)
        flush_statistics(connection)
        before = connection.execute(reads).fetchone()
        row = connection.execute(
            "SELECT ct_id, state, exact FROM ctaudit.who(inet '1.2.3.0' + 50000 %% 8, "
            "1024 + 50000 %% 60000, %s, %s)", (at, at + timedelta(seconds=1)),
        ).fetchall()  # fmt: skip
        flush_statistics(connection)
        connection.execute("SELECT pg_stat_clear_snapshot()")
        after = connection.execute(reads).fetchone()
    assert row == [(50000, "ended", True)]
    assert before is not None and after is not None
    # Besides, a bloom filter lets by a range of 32 pages now and then.
    assert after[0] - before[0] < 5000, "rows read one by one, not a scan of 200,000"
