"""Rows hold codes; the views and the answers give back what the kernel sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ctaudit.conntrack.event import COLUMNS, Kind
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import COUNTERS, Event, Gateway, tuples

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PORTS = tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500")
BARE = tuples("192.168.1.129 > 19.1.16.7", "19.1.16.7 > 1.2.3.4")
PING = {
    **BARE, "proto": 1, "orig_sport": 7000, "reply_dport": 7001, "orig_icmp_type": 8,
    "orig_icmp_code": 0, "reply_icmp_type": 0, "reply_icmp_code": 0,
}  # fmt: skip
PING6 = {
    **tuples("2001:db8::1 > 2001:db8::2", "2001:db8::2 > 2001:db8::1"), "proto": 58,
    "orig_sport": 65535, "reply_dport": 0, "orig_icmp_type": 128, "orig_icmp_code": 255,
    "reply_icmp_type": 129, "reply_icmp_code": 255,
}  # fmt: skip
SENT: dict[str, Event] = {
    "tcp": {**PORTS, "proto": 6, "ct_id": 4294967295, "mark": 4294967295, "status": 0xFFFF},
    "port 0": {**PORTS, "proto": 17, "orig_sport": 0, "orig_dport": 0, "reply_sport": 0},
    "no ports": {**BARE, "proto": 50, "ct_id": 1},
    "no id": {**PORTS, "proto": 6},
    "ping": {**PING, "ct_id": 2},
    "ping6": {**PING6, "ct_id": 3},
    "zone": {**PORTS, "proto": 6, "zone": 65535},
    "zone of orig": {**PORTS, "proto": 6, "orig_zone": 40000},
    "zone of reply": {**PORTS, "proto": 6, "reply_zone": 1},
    "two zones": {**PORTS, "proto": 6, "orig_zone": 1, "reply_zone": 65535},
    "gre": {**PORTS, "proto": 47, "state": None, "helper": "pptp", "labels": b"\x01"},
}
NOT_SHOWN = {"kind", "received_at", "event_at", "start_sent", "stop_sent"}
NAMES = [name for name in COLUMNS if name not in NOT_SHOWN and not name.endswith(COUNTERS)]


def shown(dsn: str, view: str) -> list[tuple[object, ...]]:
    wanted = ", ".join(f"host({c})" if c.endswith(("src", "dst")) else c for c in NAMES)
    with psycopg.connect(dsn) as connection:
        return connection.execute(f"SELECT node, {wanted} FROM ctaudit.{view}").fetchall()  # type: ignore[arg-type]


def wanted(event: Event) -> tuple[object, ...]:
    return tuple(event.get(name, 0 if name == "zone" else None) for name in NAMES)


@pytest.fixture
def place(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    name = "rows-" + re.sub(r"\W", "-", request.node.name)
    cluster.create_database(name, template="rows")
    return name


@pytest.fixture(scope="module", autouse=True)
def template(cluster: Cluster) -> None:
    cluster.create_database("rows")
    schema.install(cluster.dsn("rows"))


@pytest.mark.parametrize("name", SENT)
def test_each_view_shows_what_was_sent(cluster: Cluster, place: str, name: str) -> None:
    event = SENT[name]
    gateway = Gateway(cluster.dsn(place, user="rex"), "gw1")
    gateway.listen(AT, [event])
    for kind in (Kind.NEW, Kind.DESTROY):
        gateway.record([{**event, "kind": kind, "received_at": AT}], AT + timedelta(seconds=2))
    gateway.close()
    row = ("gw1", *wanted(event))
    for view in ("dump_entry", "flow"):
        assert shown(cluster.dsn(place), view) == [row]
    assert row in shown(cluster.dsn(place), "opening")


@pytest.mark.parametrize("name", SENT)
def test_who_answers_with_what_was_sent(cluster: Cluster, place: str, name: str) -> None:
    event = SENT[name]
    gateway = Gateway(cluster.dsn(place, user="rex"), "gw1")
    gateway.listen(AT)
    gateway.record(
        [{**event, "kind": Kind.NEW, "received_at": AT + timedelta(seconds=5)}],
        AT + timedelta(minutes=1),
    )
    gateway.close()
    wants = ", ".join(f"host({c})" if c.endswith(("src", "dst")) else c for c in NAMES)
    asked = "SELECT {} FROM ctaudit.who(%s, %s, %s, %s)".format(
        wants.replace(" state", " protocol_state")
    )
    with psycopg.connect(cluster.dsn(place), autocommit=True) as connection:
        rows = connection.execute(
            asked,  # type: ignore[arg-type]
            (event["reply_dst"], event.get("reply_dport"), AT + timedelta(seconds=9),
             AT + timedelta(seconds=10)),
        ).fetchall()  # fmt: skip
    assert rows == [wanted(event)]


def test_type_and_code_of_icmp_are_no_port(cluster: Cluster, place: str) -> None:
    """8/0 is 2048 in the row, where the port of a destination NAT would be."""
    gateway = Gateway(cluster.dsn(place, user="rex"), "gw1")
    gateway.listen(AT)
    pinged = {**PING, "orig_dst": "1.2.3.4", "reply_dst": "9.9.9.9", "status": 32, "ct_id": 5}
    gateway.record([{**pinged, "kind": Kind.NEW, "received_at": AT}], AT + timedelta(minutes=1))
    gateway.close()
    with psycopg.connect(cluster.dsn(place), autocommit=True) as connection:
        for port, remote_port, found in ((2048, None, 0), (None, 0, 0), (None, None, 1)):
            rows = connection.execute(
                "SELECT FROM ctaudit.who('1.2.3.4', %s, %s, %s, NULL, %s)",
                (port, AT, AT + timedelta(seconds=30), remote_port),
            ).fetchall()
            assert len(rows) == found


@pytest.mark.parametrize("ports", [(-1, None), (65536, None), (None, -1)])
def test_what_is_no_port_is_refused(cluster: Cluster, ports: tuple[int | None, int | None]) -> None:
    """-1 stands for "none" in the rows; asked for, it would find what has no port."""
    with (
        psycopg.connect(cluster.dsn(), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InvalidParameterValue, match="not a port"),
    ):
        connection.execute("SELECT FROM ctaudit.who('1.2.3.4', %s, now(), now(), NULL, %s)", ports)


def test_a_restart_takes_no_number(cluster: Cluster, place: str) -> None:
    for _ in range(3):
        gateway = Gateway(cluster.dsn(place, user="rex"), "gw1")
        gateway.listen(AT)
        gateway.close()
    other = Gateway(cluster.dsn(place, user="rex"), "gw2")
    other.listen(AT)
    other.close()
    with psycopg.connect(cluster.dsn(place)) as connection:
        numbers = connection.execute("SELECT node, node_id FROM ctaudit.node ORDER BY 1").fetchall()
    assert numbers == [("gw1", 1), ("gw2", 2)]
