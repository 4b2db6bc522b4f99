"""ctaudit.record_aggregate: similar connections as one row, and what who still knows of them."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema, steps
from lab.cluster import Cluster
from tests.store.aggregating import Aggregating, begin, finish, flow, forget_all, second
from tests.store.gateway import DST_NAT, SEEN, Gateway, ended, tuples
from tests.store.scenario import run


@pytest.fixture(scope="module")
def owner_dsn(cluster: Cluster) -> str:
    cluster.create_database("aggregate")
    schema.install(cluster.dsn("aggregate"))
    return cluster.dsn("aggregate")


@pytest.fixture
def dsn(owner_dsn: str) -> str:
    forget_all(owner_dsn)
    return owner_dsn


def fetch(dsn: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


ROWS = (
    "SELECT host(client), connections, orig_bytes, public_ports::text FROM ctaudit.aggregate_row "
    "ORDER BY client, connections"
)


def who(dsn: str, port: int, at: float) -> Any:
    return run(
        "who", f"1.2.3.4:{port}", "--at", second(at).isoformat(), "--dsn", dsn, "--json"
    ).json


def test_similar_connections_are_one_row(dsn: str) -> None:
    gateway = Aggregating(dsn)
    begin(gateway)
    gateway.record(
        [
            *(ended(flow(port), second(1), second(5)) for port in (5000, 5001, 5002, 6000)),
            ended(flow(7000, client=130), second(1), second(5)),
            ended(flow(5003), second(61), second(65)),
            ended(flow(8000, status=DST_NAT | SEEN), second(1), second(5)),
            ended(flow(8001, orig_bytes=None), second(1), second(5)),
        ],
        second(70),
    )
    finish(gateway)
    assert fetch(dsn, ROWS) == [
        ("192.168.1.129", 1, 300, "{[5003,5004)}"),
        ("192.168.1.129", 4, 1200, "{[5000,5003),[6000,6001)}"),
        ("192.168.1.130", 1, 300, "{[7000,7001)}"),
    ]
    assert fetch(dsn, "SELECT reply_dport FROM ctaudit.flow ORDER BY 1") == [(8000,), (8001,)]
    assert fetch(dsn, "SELECT received, stored, filtered FROM ctaudit.stream") == [(8, 8, 0)]
    assert fetch(
        dsn,
        "SELECT seconds_from IS NULL, sum(connections)::integer"
        " FROM ctaudit.durations(%s) GROUP BY 1 ORDER BY 1",
        second(-60),
    ) == [(False, 4), (True, 4)], "how long each of several had lasted is not known"
    first = who(dsn, 6000, 3)
    assert (first["verdict"], first["complete"], first["hosts"]) == (
        "unknown", True, ["192.168.1.129"],
    )  # fmt: skip
    (answer,) = first["answers"]
    assert (answer["exact"], answer["counters"], answer["orig_bytes"]) == (False, "unknown", None)
    assert answer["counters_cause"] == (
        "one of 4 connections of this host that are stored as one row"
    )
    alone = who(dsn, 7000, 3)
    assert (alone["verdict"], alone["answers"][0]["orig_bytes"]) == ("one", 300)
    assert who(dsn, 5500, 3)["verdict"] == "none"
    assert who(dsn, 6000, 7)["verdict"] == "none", "it was over"
    assert who(dsn, 8001, 3)["verdict"] == "one"


def test_what_a_dump_may_have_shown_is_a_flow(dsn: str) -> None:
    gateway = Aggregating(dsn)
    begin(gateway)
    shown = flow(5000)
    gateway.note("dump begin", second(10), {"cause": "test"})
    entry = {**shown, "kind": 4, "received_at": second(10), "start_sent": second(1)}
    gateway.record([entry, ended(flow(5001), second(9), second(10))], second(10))
    gateway.note("dump end", second(11), {"entries": 1})
    gateway.record([ended(shown, second(1), second(20))], second(20))
    gateway.record([ended(flow(5002), second(12), second(20))], second(20))
    finish(gateway)
    assert fetch(dsn, "SELECT reply_dport FROM ctaudit.flow ORDER BY 1") == [(5000,), (5001,)]
    assert fetch(dsn, "SELECT connections FROM ctaudit.aggregate_row") == [(1,)]
    assert fetch(dsn, "SELECT cause FROM ctaudit.gap") == []
    for port, at in ((5000, 15), (5001, 9), (5002, 15)):
        assert who(dsn, port, at)["verdict"] == "one"


def test_a_canary_is_found(dsn: str) -> None:
    gateway = Aggregating(dsn)
    begin(gateway)
    own = tuples("127.0.0.1 4000 > 127.0.0.1 9", "127.0.0.1 9 > 127.0.0.1 4000")
    canary = flow(4000) | own | {"proto": 17, "status": 0}
    gateway.record([ended(canary, second(1), second(31))], second(40))
    gateway.close()
    found = fetch(dsn, "SELECT ctaudit.canary('gw1', %s, %s, 4000, 9)", gateway.stream, second(1))
    assert found == [(True,)]


def test_a_batch_that_comes_again_changes_nothing(dsn: str) -> None:
    gateway = Aggregating(dsn)
    begin(gateway)
    batch = [ended(flow(port), second(1), second(5)) for port in (5000, 5001)]
    place = gateway.position
    gateway.record(batch, second(70))
    gateway.position = place
    gateway.record(batch, second(70))
    gateway.close()
    assert [row[1] for row in fetch(dsn, ROWS)] == [2]
    assert fetch(dsn, "SELECT received, stored, filtered FROM ctaudit.stream") == [(2, 2, 0)]


def test_another_bucket(dsn: str) -> None:
    gateway = Aggregating(dsn)
    begin(gateway)
    gateway.connection.execute("SET ctaudit.aggregate_bucket = '5 s'")
    gateway.record([ended(flow(5000 + at), second(at), second(40)) for at in range(20)], second(70))
    gateway.close()
    assert [row[1] for row in fetch(dsn, ROWS)] == [5, 5, 5, 5]


def test_it_never_knows_more_than_the_flows(dsn: str) -> None:
    """Where all flows would give one host, it is among the candidates; none is none of both."""
    rng = random.Random(7)
    events = []
    for number in range(300):
        start = rng.uniform(0, 600)
        port = rng.randrange(5000, 5040)
        client = 129 + rng.randrange(2)
        event = flow(port, client, rng.choice(["19.1.16.7", "68.232.35.139"]), ct_id=number)
        events.append(ended(event, second(start), second(start + rng.uniform(0, 9))))
    events.sort(key=lambda event: event["received_at"])
    for node, gateway in (("gw1", Aggregating(dsn)), ("gw2", Gateway(dsn, "gw2", "history"))):
        gateway.node = node
        begin(gateway)
        for place in range(0, 300, 50):
            gateway.record(
                events[place : place + 50], events[place : place + 50][-1]["received_at"]
            )
        finish(gateway)
    told = {"exact": 0, "none": 0, "candidates": 0}
    with psycopg.connect(dsn, autocommit=True) as asking:
        for _ in range(300):
            at, port = rng.uniform(0, 620), rng.randrange(5000, 5042)
            asked = (port, second(at), second(at + 0.01))
            rows = {
                node: asking.execute(
                    "SELECT host(host), host(remote), exact, started_at, ended_at, orig_bytes "
                    "FROM ctaudit.who('1.2.3.4', %s, %s, %s, p_node => %s)",
                    [*asked, node],
                ).fetchall()
                for node in ("gw1", "gw2")
            }
            true = {row[:2] for row in rows["gw2"]}
            assert true <= {row[:2] for row in rows["gw1"]}
            exact = [row for row in rows["gw1"] if row[2]]
            assert set(exact) <= set(rows["gw2"])
            told["exact"] += bool(exact)
            told["none"] += not rows["gw1"]
            told["candidates"] += len(rows["gw1"]) > len(exact)
    assert all(told.values()), told
    sums = [
        fetch(
            dsn,
            "SELECT sum(bytes), sum(packets), sum(began) FROM ctaudit.traffic(%s, %s, '10 min', "
            "'host', p_node => %s)",
            second(0), second(3000), node,
        )
        for node in ("gw1", "gw2")
    ]  # fmt: skip
    assert sums[0] == sums[1]
    listed = fetch(
        dsn, "SELECT host(host) FROM ctaudit.flows(p_node => 'gw1', p_remote => '19.1.16.7')"
    )
    assert {row[0] for row in listed} == {"192.168.1.129", "192.168.1.130"}


def test_only_what_is_large(dsn: str) -> None:
    """docs/sql.md's example: the others are counted, and nothing is taken for complete."""
    text = (steps.find_sql().parent / "docs" / "sql.md").read_text()
    example = text.split("```sql\n-- site.record_large")[1].split("```")[0]
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(f"-- site.record_large{example}".encode())

    class Site(Aggregating):
        procedure = "site.record_large"

    gateway = Site(dsn)
    begin(gateway)
    gateway.record(
        [
            ended(flow(5000, orig_bytes=10**7), second(1), second(5)),
            ended(flow(5001), second(1), second(5)),
            ended(flow(5002), second(1), second(5)),
        ],
        second(60),
    )
    gateway.dump(second(90), [flow(5003)])
    finish(gateway)
    assert fetch(dsn, "SELECT reply_dport FROM ctaudit.flow") == [(5000,)]
    assert fetch(dsn, "SELECT connections, bytes::bigint FROM site.small") == [(2, 1000)]
    assert fetch(dsn, "SELECT received, stored, filtered FROM ctaudit.stream") == [(4, 1, 3)]
    assert fetch(dsn, "SELECT cause FROM ctaudit.gap") == []
    large, small = who(dsn, 5000, 3), who(dsn, 5001, 3)
    assert (large["verdict"], large["hosts"]) == ("unknown", ["192.168.1.129"])
    assert (small["verdict"], small["hosts"]) == ("unknown", [])
