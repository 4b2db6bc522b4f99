"""ctaudit.excluded never overlooks a connection that the rules exclude and a question is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ctaudit.conntrack.filter import RuleSet, plain_rules
from ctaudit.conntrack.filter_match import Matcher
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.unit.filter_rules import is_denied, rule_sets_about
from tests.unit.messages import ICMP, ICMPV6, Entry, build, entries


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    cluster.create_database("excluded")
    schema.install(cluster.dsn("excluded"))
    with psycopg.connect(cluster.dsn("excluded")) as opened:
        opened.execute("INSERT INTO ctaudit.node (node, first_seen) VALUES ('gw1', now())")
        opened.execute(
            "INSERT INTO ctaudit.stream (node, node_id, stream, mode, started_at, committed_at,"
            " position, covered_until, sent_after) SELECT node, node_id, %s, 'live', now(), now(),"
            " 0, now(), now() FROM ctaudit.node",
            (uuid4(),),
        )
        yield opened


def excluded(
    connection: psycopg.Connection[Any], rules: RuleSet, asked: dict[str, Any]
) -> tuple[str | None, list[int]]:
    held = [{"from": 0, "digest": rules.digest, "where": "kernel", "rules": plain_rules(rules)}]
    connection.execute("UPDATE ctaudit.stream SET detail = %s", (json.dumps({"filters": held}),))
    found = connection.execute(
        "SELECT why, protocols FROM ctaudit.excluded('gw1', now(), now() + interval '1 s', "
        "%(address)s, %(port)s, %(remote)s, %(remote_port)s, %(proto)s::smallint, %(zone)s)",
        asked,
    ).fetchone()
    assert found
    why, protocols = found
    return why, protocols


@st.composite
def questions(draw: st.DrawFn, entry: Entry) -> dict[str, Any]:
    """One that the connection is an answer to, by ctaudit.who's rule, with what is said of it."""
    is_icmp = entry.proto in (ICMP, ICMPV6)
    if draw(st.booleans()):
        near, far = (entry.reply.dst, entry.reply.ports, 1), (entry.reply.src, entry.reply.ports, 0)
        identity = entry.reply.icmp
    else:
        near, far = (entry.orig.dst, entry.orig.ports, 1), (entry.orig.src, entry.orig.ports, 0)
        identity = entry.orig.icmp
    # Nobody asks for an address of IPv4 in an IPv6 packet: ctaudit.who takes it for one of IPv4.
    assume(not any(getattr(address, "ipv4_mapped", None) for address in (near[0], far[0])))
    port = identity[0] if is_icmp and identity else near[1][1] if near[1] else None
    zones = [zone for zone in (entry.zone, entry.orig.zone, entry.reply.zone) if zone is not None]
    said = {
        "address": str(near[0]),
        "port": port,
        "remote": str(far[0]),
        "remote_port": far[1][0] if far[1] else None,
        "proto": entry.proto,
        "zone": draw(st.sampled_from([*zones, *([] if entry.zone else [0])])),
    }
    for name in ("port", "remote", "remote_port", "proto", "zone"):
        if draw(st.booleans()):
            said[name] = None
    return said


def with_one_zone(entry: Entry) -> Entry:
    """As the kernel has it (nf_conntrack_zones.h): of both directions, or of one."""
    orig, reply = entry.orig, entry.reply
    if entry.zone is not None or orig.zone is not None:
        reply = replace(reply, zone=None)
    if entry.zone is not None:
        orig = replace(orig, zone=None)
    return replace(entry, orig=orig, reply=reply)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_an_excluded_connection_is_never_none(
    connection: psycopg.Connection[Any], data: st.DataObject
) -> None:
    entry = with_one_zone(data.draw(entries()))
    rules = data.draw(rule_sets_about(entry))
    if not is_denied(Matcher(rules), build(entry)):
        return
    asked = data.draw(questions(entry))
    why, protocols = excluded(connection, rules, asked)
    assert why is not None
    # One protocol after the other: its own, and that of all that have no rule of their own.
    if asked["proto"] is None:
        own = entry.proto if entry.proto in protocols else -1
        assert excluded(connection, rules, {**asked, "proto": own})[0] is not None


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_a_rule_is_written_as_the_configuration_has_it(
    connection: psycopg.Connection[Any], data: st.DataObject
) -> None:
    rules = data.draw(rule_sets_about(data.draw(entries()), most=3))
    for rule, plain in zip(rules.rules, plain_rules(rules), strict=True):
        row = connection.execute("SELECT ctaudit.format_rule(%s)", (json.dumps(plain),)).fetchone()
        assert row is not None
        assert read_rule(row[0]) == rule


def test_rules_that_an_older_schema_has_recorded(connection: psycopg.Connection[Any]) -> None:
    """It keeps the start note's detail as it came."""
    plain = [{"action": "deny", "proto": [17]}]
    told = {"filter": {"digest": "7", "where": "kernel", "rules": plain}}
    connection.execute("UPDATE ctaudit.stream SET detail = %s", (json.dumps(told),))
    ask = (
        "SELECT why FROM ctaudit.excluded('gw1', now(), now() + interval '1 s', '1.2.3.4', 7,"
        " NULL, NULL, %s::smallint, NULL)"
    )
    assert connection.execute(ask, (17,)).fetchone() == ("not recorded by rule 1 (deny proto udp)",)
    assert connection.execute(ask, (6,)).fetchone() == (None,)
