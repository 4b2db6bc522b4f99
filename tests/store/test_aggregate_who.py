"""Who is named of what record_aggregate stored, whichever end or gateway is asked for."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.query.lookup import ask_who
from ctaudit.query.question import read_who
from ctaudit.query.reply import Reply
from lab.cluster import Cluster
from tests.store.aggregating import Aggregating, begin, finish, flow, forget_all, second
from tests.store.gateway import SEEN, Event, Gateway, ended, tuples


@pytest.fixture(scope="module")
def owner_dsn(cluster: Cluster) -> str:
    cluster.create_database("aggregate_who")
    schema.install(cluster.dsn("aggregate_who"))
    return cluster.dsn("aggregate_who")


@pytest.fixture
def dsn(owner_dsn: str) -> str:
    forget_all(owner_dsn)
    return owner_dsn


def ask(connection: psycopg.Connection[Any], public: str, to: str | None = None) -> Reply:
    """In the third second."""
    return ask_who(connection, read_who(public, second(3).isoformat(), to=to), with_hints=False)


def tell(reply: Reply) -> tuple[str, set[str]]:
    return reply.verdict.name, {str(host) for host in reply.hosts}


def begun_outside(port: int, server: str = "2.2.2.2") -> Event:
    """Nothing is translated."""
    caller = "61.174.51.209"
    ends = tuples(f"{caller} {port} > {server} 443", f"{server} 443 > {caller} {port}")
    return {**flow(port), **ends, "status": SEEN}


@pytest.mark.parametrize("scope", [None, ["2.2.2.2/32"]], ids=["no scope", "scope"])
def test_what_began_outside_has_the_server_as_its_host(dsn: str, scope: list[str] | None) -> None:
    """Of two rows one is of one connection: either end may be asked for, as of flows."""
    gateway = Aggregating(dsn)
    begin(gateway)
    if scope:
        detail = {"public": scope, "internal": ["2.2.2.3/32"], "hidden": [], "source": "learned"}
        gateway.note("scope", second(-5), detail)
    events = [begun_outside(6000), begun_outside(7000, "2.2.2.3"), begun_outside(7001, "2.2.2.3")]
    gateway.record([ended(event, second(1), second(5)) for event in events], second(70))
    finish(gateway)

    with psycopg.connect(dsn) as asking:
        one = ask(asking, "2.2.2.2:443")
        (answer,) = one.answers
        assert tell(one) == ("one", {"2.2.2.2"})
        assert (answer.direction, answer.host_port, answer.remote_port) == ("inward", 443, 6000)
        assert tell(ask(asking, "2.2.2.2:443", "61.174.51.209:6000")) == ("one", {"2.2.2.2"})
        assert tell(ask(asking, "2.2.2.2:443", "61.174.51.209:6001")) == ("none", set())
        assert tell(ask(asking, "2.2.2.2:444")) == ("none", set())
        several = ask(asking, "2.2.2.3:443")
        assert tell(several) == ("unknown", {"2.2.2.3"})
        assert [answer.remote_port for answer in several.answers] == [None]
        caller = ask(asking, "61.174.51.209:6000")
        if scope is None:
            assert tell(caller) == ("one", {"61.174.51.209"})
            assert caller.answers[0].host_port == 6000
        else:
            assert caller.answers == (), "nobody is behind the caller's address"
        assert asking.execute(
            "SELECT host(host) FROM ctaudit.flows(p_host => '2.2.2.2')"
        ).fetchall() == [("2.2.2.2",)]


@pytest.mark.parametrize("is_scoped", [False, True], ids=["no scope", "scope"])
@pytest.mark.parametrize(
    ("outer", "inner", "verdict", "hosts"),
    [
        (Gateway, Gateway, "one", {129}),
        (Gateway, Aggregating, "unknown", {129}),
        (Aggregating, Gateway, "unknown", {129, 130}),
        (Aggregating, Aggregating, "unknown", {129, 130}),
    ],
)
def test_gateways_in_a_row(
    dsn: str, outer: Any, inner: Any, verdict: str, hosts: set[int], is_scoped: bool
) -> None:
    """Whatever is stored of each, the inner one's address is not taken for the host."""
    seen = {"outer": [(5000, "10.0.0.2", "1.2.3.4", 5000)], "inner": [
        (port, f"192.168.1.{host}", "10.0.0.2", port)
        for port, host in ((5000, 129), (5001, 129), (6000, 130))
    ]}  # fmt: skip
    for node, kind, public in (("outer", outer, "1.2.3.4"), ("inner", inner, "10.0.0.2")):
        gateway = kind(dsn, node) if kind is Aggregating else kind(dsn, node, "history")
        begin(gateway)
        if is_scoped:
            own = {"public": [f"{public}/32"], "internal": ["192.168.1.0/24"]}
            gateway.note("scope", second(-5), own | {"hidden": [], "source": "learned"})
        events = [
            flow(port) | tuples(f"{host} {port} > 19.1.16.7 443", f"19.1.16.7 443 > {address} {to}")
            for port, host, address, to in seen[node]
        ]
        gateway.record([ended(event, second(1), second(5)) for event in events], second(70))
        finish(gateway)
    with psycopg.connect(dsn) as asking:
        reply = ask(asking, "1.2.3.4:5000")
        assert tell(reply) == (verdict, {f"192.168.1.{host}" for host in hosts})
        assert all(each.seen_by[-1].node == "outer" for each in reply.connections)
        each = asking.execute(
            "SELECT host((connection).host) FROM ctaudit.who_batch('{1.2.3.4}', '{5000}', %s, %s,"
            " NULL, NULL, NULL, NULL, NULL)",
            [[second(3)], [second(4)]],
        ).fetchall()
        single = asking.execute(
            "SELECT host(host) FROM ctaudit.who('1.2.3.4', 5000, %s, %s)", [second(3), second(4)]
        ).fetchall()
        assert sorted(each) == sorted(single)


READ = """SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer
    FROM pg_stat_xact_user_tables WHERE relname LIKE 'aggregate%'"""


def test_a_question_reads_the_rows_of_its_address(dsn: str) -> None:
    """Whether it was called, or is the public one of what is translated."""
    gateway = Aggregating(dsn)
    begin(gateway)
    events = [
        event
        for number in range(2000)
        for event in (
            begun_outside(6000, f"2.2.{2 + number // 250}.{number % 250}"),
            {**flow(5000, remote=f"19.1.{number // 250}.{number % 250}"), "reply_dst": "1.2.3.4"},
        )
    ]
    gateway.record([ended(event, second(1), second(5)) for event in events], second(70))
    finish(gateway)
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("ANALYZE ctaudit.aggregate_row")
        assert owner.execute("SELECT count(*) FROM ctaudit.aggregate_row").fetchone() == (4000,)
    for public, host in (("2.2.3.7:443", "2.2.3.7"), ("1.2.3.5:5000", None)):
        with psycopg.connect(dsn) as asking, asking.transaction():
            address, port = public.split(":")
            found = asking.execute(
                "SELECT host(host) FROM ctaudit.who(%s::inet, %s, %s, %s)",
                (address, int(port), second(3), second(3)),
            ).fetchall()
            assert found == ([(host,)] if host else [])
            [read] = asking.execute(READ).fetchone() or [None]
            assert read is not None
            assert read < 10
