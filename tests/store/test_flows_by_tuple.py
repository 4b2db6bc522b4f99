"""flows takes a portion of tuples at a time: each answer is as if it had taken all rows at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from bench.paging import watched
from bench.store import Store as Filled
from bench.store import install_functions
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.markers import torture
from tests.store.closed_histories import close_days, settle_all
from tests.store.histories.recording import record
from tests.store.histories.sending import Store, open_store
from tests.store.histories.timeline import format_history
from tests.store.histories.world import make_history

Values = dict[str, Any]
_TIMES = """
SELECT DISTINCT t FROM (
    SELECT unnest(ARRAY[received_at, started_at, started_after]) FROM ctaudit.opening_row
    UNION ALL SELECT unnest(ARRAY[received_at, started_at, ended_at, ended_before])
    FROM ctaudit.flow_row
    UNION ALL SELECT unnest(ARRAY[began_at, ended_at]) FROM ctaudit.dump
    UNION ALL SELECT unnest(ARRAY[doubt_from, doubt_until]) FROM ctaudit.clock_doubt
) AS x (t) WHERE isfinite(t) ORDER BY t
"""
_ENDS = """
SELECT orig_src, reply_dst, reply_src FROM ctaudit.opening_row
UNION SELECT orig_src, reply_dst, reply_src FROM ctaudit.flow_row
UNION SELECT orig_src, reply_dst, reply_src FROM ctaudit.dump_entry_row ORDER BY 1, 2, 3
"""
_ASK = """
SELECT f.started_at, f::text FROM ctaudit.{}(
    %(host)s::inet, %(nat)s::inet, %(remote)s::inet, %(begin)s::timestamptz, %(until)s::timestamptz,
    %(only_open)s::boolean, %(node)s::text, %(limit)s::integer, %(zone)s::integer
) AS f
"""
_AROUND = [
    timedelta(), timedelta(microseconds=1), timedelta(microseconds=-1), timedelta(seconds=1),
    timedelta(seconds=-1), timedelta(minutes=5), timedelta(hours=-1), timedelta(hours=2),
]  # fmt: skip


@pytest.fixture(scope="module")
def histories(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "by_tuple") as opened:
        settle_all(opened.connection)
        change(
            opened.connection, "flows", "flows_at_once", ("ctaudit.ask(", "ctaudit.ask_at_once(")
        )
        change(opened.connection, "ask", "ask_at_once", ("v_rows IS NULL AND NOT", "false AND NOT"))
        change(
            opened.connection, "ask_by_tuple", "ask_by_tuple", ("integer := 4000", "integer := 1")
        )
        yield opened


def change(
    connection: psycopg.Connection[Any], name: str, other: str, words: tuple[str, str]
) -> None:
    """Makes the function ``other`` of ``name``, with one place changed."""
    [(text,)] = connection.execute(
        "SELECT pg_get_functiondef(('ctaudit.' || %s)::regproc)", (name,)
    ).fetchall()
    assert text.count(words[0]) == 1
    text = text.replace(*words).replace(f"ctaudit.{name}(", f"ctaudit.{other}(", 1)
    connection.execute(text)


@pytest.mark.parametrize("count", [8, torture(250)])
@pytest.mark.parametrize("closed", [False, True])
def test_answers_are_those_of_all_rows_at_once(histories: Store, count: int, closed: bool) -> None:
    """Every column and the order of starts; spans of all lengths, of all modes."""
    connection, found = histories.connection, 0
    for seed in range(count):
        history = make_history(seed)
        refused: set[UUID] = set()
        connection.execute("BEGIN")
        histories.send_each(record(history), refused)
        if closed:
            close_days(connection)
        for values in make_questions(connection, random.Random(seed), 8):
            by_tuple, at_once = (
                connection.execute(_ASK.format(name), values).fetchall()
                for name in ("flows", "flows_at_once")
            )
            assert [at for at, _ in by_tuple] == [at for at, _ in at_once], values
            # Which of those that began at once are within a limit is open.
            if values["limit"] is None:
                said = f"{format_history(history)}\n{values}"
                assert sorted(map(str, by_tuple)) == sorted(map(str, at_once)), said
            found += len(by_tuple)
        histories.forget()
    assert found > 10 * count


def make_questions(
    connection: psycopg.Connection[Any], chance: random.Random, count: int
) -> Iterator[Values]:
    times: list[datetime] = [at for (at,) in connection.execute(_TIMES).fetchall()]
    ends = connection.execute(_ENDS).fetchall()
    nodes = [name for (name,) in connection.execute("SELECT node FROM ctaudit.node").fetchall()]
    if not times or not ends:
        return
    everything: Values = dict.fromkeys(("host", "nat", "remote", "node", "limit", "zone"))
    for begin, until in ((None, None), (times[0], times[-1])):
        yield everything | {"begin": begin, "until": until, "only_open": False}

    def sometimes(share: float, value: Any) -> Any:
        return value if chance.random() < share else None

    for _ in range(count):
        begin, until = sorted(chance.choice(times) + chance.choice(_AROUND) for _ in range(2))
        if chance.random() < 0.3:
            until = begin + timedelta(seconds=chance.choice([0, 1, 60, 3600]))
        host, nat, remote = (
            sometimes(0.25, f"{end}/{chance.choice([16, end.max_prefixlen])}")
            for end in chance.choice(ends)
        )
        yield {
            "host": host, "nat": nat, "remote": remote, "begin": sometimes(0.85, begin),
            "until": sometimes(0.85, until), "only_open": chance.random() < 0.2,
            "node": sometimes(0.25, chance.choice(nodes)),
            "limit": sometimes(0.25, chance.choice([1, 3, 10])),
            "zone": sometimes(0.1, chance.choice([0, 1, 2])),
        }  # fmt: skip


@pytest.mark.parametrize("connections", [60_000, torture(600_000)])
def test_the_server_keeps_a_portion_in_memory(cluster: Cluster, connections: int) -> None:
    cluster.create_database("portions")
    dsn = cluster.dsn("portions")
    schema.install(dsn)
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    store = Filled(dsn, begun)
    install_functions(store.connection)
    gateway = store.start("gw1", begun - timedelta(minutes=1))
    store.fill("gw1", connections, begun, timedelta(hours=1))
    gateway.send(begun + timedelta(hours=2))
    store.connection.close()
    gateway.connection.close()
    with (
        psycopg.connect(dsn) as connection,
        watched({"server": connection.info.backend_pid}) as most,
    ):
        [(rows,)] = connection.execute(
            "SELECT count(*) FROM ctaudit.flows(p_from => %s, p_until => %s)",
            (begun, begun + timedelta(hours=2)),
        ).fetchall()
    assert rows == connections
    # With all rows at once it was 160 MB, of so few.
    assert most["server"] < 110e6
