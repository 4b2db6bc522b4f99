"""Where nothing is found: what may have been meant is looked up, within bounds and on record."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

from ctaudit.database import schema
from ctaudit.query import lookup
from ctaudit.query.hint import Hint
from ctaudit.query.question import read_who
from ctaudit.query.reply import Reply
from lab.cluster import Cluster
from tests.store.gateway import Gateway, ended, opened, tuples
from tests.store.scenario import ARTICLE, FORWARDED, after, run

SSH = [
    {
        **tuples(f"192.168.1.129 {port} > 19.1.16.7 22", f"19.1.16.7 22 > 1.2.3.4 {port + 100}"),
        "proto": 6, "ct_id": port, "status": 0x198,
    }
    for port in (40001, 40002, 40003)
]  # fmt: skip
SIX = {
    **tuples("2001:db8:1::129 51162 > 2001:db8::1 22", "2001:db8::1 22 > 2001:db8:1::129 51162"),
    "proto": 6, "ct_id": 60, "status": 0x188,
}  # fmt: skip


@pytest.fixture(scope="module")
def hinting(cluster: Cluster) -> Cluster:
    cluster.create_database("hints")
    schema.install(cluster.dsn("hints"))
    gateway = Gateway(cluster.dsn("hints", user="rex"), "gw1")
    gateway.listen(after(-600))
    events = [opened(one, after(10 + place)) for place, one in enumerate(SSH)]
    events += [opened(ARTICLE, after(20)), opened(SIX, after(21)), opened(FORWARDED, after(22))]
    gateway.record([*events, ended(ARTICLE, after(20), after(100.5))], after(1000))
    gateway.close()
    return cluster


def ask(hinting: Cluster, public: str, seconds: float, **words: str) -> Reply:
    question = read_who(public, after(seconds).isoformat(timespec="seconds"), **words)
    with psycopg.connect(hinting.dsn("hints", user="audrey")) as connection:
        return lookup.ask_who(connection, question)


def only(reply: Reply) -> Hint:
    assert (reply.verdict.name, reply.answers) == ("none", ())
    (hint,) = reply.hints
    return hint


def test_the_attacked_port(hinting: Cluster) -> None:
    hint = only(ask(hinting, "1.2.3.4:22", 50, to="19.1.16.7"))
    assert hint.text == (
        "with any port: 3 connections of 192.168.1.129 to 19.1.16.7:22; 22 may be the server's port"
    )
    assert [one.public_port for one in hint.found] == [40103, 40102, 40101]
    assert only(ask(hinting, "1.2.3.4:22", 50)).kind == "server port"
    assert ask(hinting, "1.2.3.4:22", 5, to="19.1.16.7").hints == (), "they began later"
    assert ask(hinting, "1.2.3.4:22", 50, to="19.1.16.8").hints == ()


def test_the_host_s_own_port_with_the_public_address(hinting: Cluster) -> None:
    hint = only(ask(hinting, "1.2.3.4:53400", 50))
    assert (hint.kind, hint.text) == (
        "own port",
        (
            "with 53400 as the host's own port, not the public one: "
            "192.168.1.129:53400 behind 1.2.3.4:53500 to 19.1.16.7:443"
        ),
    )
    assert only(ask(hinting, "1.2.3.4:53400", 50, to="19.1.16.7:443")).kind == "own port"
    assert ask(hinting, "1.2.3.4:53400", 50, proto="udp").hints == ()
    assert ask(hinting, "1.2.3.5:53400", 50).hints == ()
    kinds = [hint.kind for hint in ask(hinting, "1.2.3.4:443", 50).hints]
    assert kinds == ["own port", "server port"]  # of the forward, and of a server


def test_a_forward_s_own_port(hinting: Cluster) -> None:
    kinds = [hint.kind for hint in ask(hinting, "1.2.3.4:443", 50, to="61.174.51.209").hints]
    assert kinds == ["own port"]


def test_another_port_was_used(hinting: Cluster) -> None:
    hint = only(ask(hinting, "1.2.3.4:53501", 50, to="19.1.16.7:443"))
    assert hint.text == "with any port: 1 connection of 192.168.1.129 to 19.1.16.7:443"
    assert ask(hinting, "1.2.3.4:53501", 50, to="19.1.16.7:443", proto="udp").hints == ()


@pytest.mark.parametrize(
    ("public", "kind"),
    [
        ("192.168.1.129:53400", "internal address"),
        ("192.168.1.129", "internal address"),
        ("192.168.1.130:443", "internal address"),
        ("19.1.16.7:443", "remote address"),
    ],
)
def test_the_other_ends(hinting: Cluster, public: str, kind: str) -> None:
    assert only(ask(hinting, public, 50)).kind == kind
    assert ask(hinting, public, 50, zone="9").hints == ()


def test_swapped_ends(hinting: Cluster) -> None:
    reply = ask(hinting, "19.1.16.7:443", 50, to="1.2.3.4:53500")
    assert [hint.kind for hint in reply.hints] == ["swapped", "remote address"]
    assert reply.hints[0].found[0].host_port == 53400


def test_seconds_late(hinting: Cluster) -> None:
    hint = only(ask(hinting, "1.2.3.4:53500", 103))
    assert (hint.kind, hint.found[0].ended_at) == ("nearest", after(100.5))
    assert hint.text.endswith(", 2.500 s before")
    assert only(ask(hinting, "1.2.3.4:53500", 18)).text.endswith(", 1.000 s after")
    assert ask(hinting, "1.2.3.4:53500", 500).hints == ()


def test_ipv6_without_brackets(hinting: Cluster) -> None:
    done = run(
        "who", "[2001:db8:1::129]:51162", "--at", after(50).isoformat(timespec="seconds"),
        "--to", "2001:db8::1:22", "--dsn", hinting.dsn("hints", user="audrey"),
    )  # fmt: skip
    assert done.status == 1
    assert done.out.splitlines()[-3:] == [
        "The record of the connections that conntrack tracks is complete here.",
        (
            "Hint: 2001:db8::1:22 was taken for an address without a port; "
            "with [2001:db8::1]:22 there is 1 connection of 2001:db8:1::129."
        ),
        "Hint: without --to: 1 connection of 2001:db8:1::129.",
    ]


def test_json(hinting: Cluster) -> None:
    done = run(
        "who", "1.2.3.4:22", "--at", after(50).isoformat(timespec="seconds"), "--to", "19.1.16.7",
        "--json", "--dsn", hinting.dsn("hints", user="audrey"),
    )  # fmt: skip
    assert (done.status, done.json["verdict"]) == (1, "none")
    (hint,) = done.json["hints"]
    assert (hint["kind"], hint["count"], hint["hosts"]) == ("server port", 3, ["192.168.1.129"])
    assert {one["remote_port"] for one in hint["found"]} == {22}


def inquiries(hinting: Cluster) -> list[tuple[Any, ...]]:
    with psycopg.connect(hinting.dsn("hints")) as connection:
        return connection.execute(
            "SELECT question, arguments ->> 'port', answers FROM ctaudit.inquiries() "
            "ORDER BY inquiry_id"
        ).fetchall()


def test_each_look_up_is_on_record(hinting: Cluster) -> None:
    before = len(inquiries(hinting))
    ask(hinting, "1.2.3.4:22", 50, to="19.1.16.7")
    asked = inquiries(hinting)[before:]
    assert asked[0] == asked[2] == ("who", "22", 0)
    assert asked[-1] == ("nearby", "22", 4)
    assert len(asked) == 5
    before = len(inquiries(hinting))
    ask(hinting, "1.2.3.4:53500", 50)
    assert len(inquiries(hinting)) == before + 1, "no look-up where there is an answer"


def test_look_ups_take_a_bounded_time(hinting: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given up leaves the question on record and the session as it was."""
    slow = sql.SQL("(SELECT pg_sleep(30)) AS slow, {}").format(lookup._NEARBY)
    monkeypatch.setattr(lookup, "_NEARBY", slow)
    monkeypatch.setattr(lookup, "_HINTS_MAX", 0.7)
    before = len(inquiries(hinting))
    reply = ask(hinting, "1.2.3.4:22", 50)
    assert (reply.verdict.exit_status, [hint.kind for hint in reply.hints]) == (
        1, ["not looked up"],
    )  # fmt: skip
    assert inquiries(hinting)[before] == ("who", "22", 0)


def test_hosts_of_more_than_a_thousand_candidates(cluster: Cluster) -> None:
    cluster.create_database("thousands")
    schema.install(cluster.dsn("thousands"))
    gateway = Gateway(cluster.dsn("thousands", user="rex"), "gw1")
    gateway.listen(after(-600))
    ports = range(20000, 21201)
    events = [
        opened(
            {
                **tuples(
                    f"192.168.1.{131 if number else 132} {port} > 19.1.16.7 53",
                    f"19.1.16.7 53 > 1.2.3.4 {port}",
                ),
                "proto": 17, "ct_id": port, "status": 0x198,
            },
            after(10 + number / 1000),
        )
        for number, port in enumerate(ports)
    ]  # fmt: skip
    gateway.record(events, after(1000))
    gateway.close()
    question = read_who("1.2.3.4", after(10).isoformat(timespec="seconds"), within="2")
    with psycopg.connect(cluster.dsn("thousands", user="audrey")) as connection:
        reply = lookup.ask_who(connection, question)
    assert (reply.cut, len(reply.answers)) == (True, 1000)
    assert {str(answer.host) for answer in reply.answers} == {"192.168.1.131"}
    assert {str(host) for host in reply.hosts} == {"192.168.1.131", "192.168.1.132"}
