"""What who and flows say where the remote end was not stored (privacy.remote = false)."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import DST_NAT, SRC_NAT, Gateway, ended, opened, tuples
from tests.store.scenario import after, run, who

NOWHERE = "0.0.0.0"  # noqa: S104
OUT = tuples("192.168.1.129 4000 > 0.0.0.0 0", "0.0.0.0 0 > 1.2.3.4 53500") | {
    "proto": 17, "status": SRC_NAT,
}  # fmt: skip
ALONE = OUT | {"orig_sport": 4001, "reply_dport": 53501, "ct_id": 3}
IN = tuples("0.0.0.0 0 > 1.2.3.4 8443", "192.168.1.130 443 > 0.0.0.0 0") | {
    "proto": 6, "status": DST_NAT, "ct_id": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def dsn(cluster: Cluster) -> str:
    """One socket that speaks to two remotes, one to one, and a server behind the gateway."""
    name = f"privacy_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = Gateway(cluster.dsn(name, "rex"), "gw1")
    gateway.listen(after(0))
    events = [
        opened({**OUT, "ct_id": 1}, after(10)),
        opened({**OUT, "ct_id": 2}, after(20)),
        opened(ALONE, after(20)),
        opened(IN, after(20)),
        ended({**OUT, "ct_id": 2}, after(20), after(40)),
        ended(ALONE, after(20), after(60)),
        ended(IN, after(20), after(60)),
    ]
    gateway.record(events, after(1000))
    gateway.close()
    return cluster.dsn(name, "audrey")


def ask(dsn: str, port: int, seconds: float, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = who(dsn, f"1.2.3.4:{port}", seconds, "--json", *words).json
    return found


def test_by_public_address_and_port_as_before(dsn: str) -> None:
    reply = ask(dsn, 53501, 30)
    assert (reply["verdict"], reply["hosts"]) == ("one", ["192.168.1.129"])
    (answer,) = reply["answers"]
    assert (answer["state"], answer["remote"], answer["remote_port"]) == ("ended", NOWHERE, 0)
    inward = ask(dsn, 8443, 30)
    assert (inward["verdict"], inward["hosts"]) == ("one", ["192.168.1.130"])
    assert ask(dsn, 53502, 30)["verdict"] == "none"
    text = who(dsn, "1.2.3.4:53501", 30).out
    assert "was behind 1.2.3.4:53501 (udp to a remote end that is not stored)" in text


def test_one_port_to_several_remotes(dsn: str) -> None:
    """The second connection has the tuple of the first, and does not end it."""
    assert ask(dsn, 53500, 15)["verdict"] == "one"
    both = ask(dsn, 53500, 30)
    assert (both["verdict"], len(both["answers"])) == ("several", 2)
    later = ask(dsn, 53500, 500)
    assert (later["verdict"], later["answers"][0]["ct_id"]) == ("one", 1)
    assert later["answers"][0]["state"] == "open"


def test_what_is_open_and_what_flowed_at_that_port(cluster: Cluster) -> None:
    """The second connection of a port does not end the first, nor stand in its place."""
    name = f"privacy_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = Gateway(cluster.dsn(name, "rex"), "gw1")
    gateway.listen(after(0))
    both = [{**OUT, "ct_id": 1}, {**OUT, "ct_id": 2}]
    gateway.record([opened(both[0], after(10)), opened(both[1], after(20))], after(1000))
    with psycopg.connect(cluster.dsn(name), autocommit=True) as owner:

        def find_open() -> list[int]:
            found = owner.execute("SELECT ct_id FROM ctaudit.live('gw1') ORDER BY 1").fetchall()
            return [row[0] for row in found]

        assert find_open() == [1, 2]
        assert owner.execute(
            "SELECT connections FROM ctaudit.traffic(%s, %s, '10 s')", [after(0), after(40)]
        ).fetchall() == [(1,), (2,), (2,)]
        gateway.dump(after(1001), both)
        gateway.record([ended(both[0], after(10), after(1010))], after(1020))
        assert find_open() == [2]
    gateway.close()


@pytest.mark.parametrize("to", ["19.1.16.7", "19.1.16.7:443"])
@pytest.mark.parametrize("port", [53501, 8443])
def test_to_is_unknown_and_never_none(dsn: str, port: int, to: str) -> None:
    reply = ask(dsn, port, 30, "--to", to)
    assert (reply["verdict"], len(reply["answers"])) == ("unknown", 1)
    assert reply["reasons"] == [
        "gw1: stores no remote ends (privacy.remote = false), so --to cannot be compared"
    ]
    assert ask(dsn, 53502, 30, "--to", to)["verdict"] == "none"


def test_flows_says_how_many_may_be_others(dsn: str) -> None:
    span = ["--from", after(5).isoformat(), "--until", after(900).isoformat()]
    done = run("flows", "--remote", "19.1.16.0/24", "--format", "csv", "--dsn", dsn, *span)
    assert len(done.out.splitlines()) == 5
    assert "4 connections of these have no stored remote end (privacy.remote = false)" in done.err
    assert "no stored remote end" not in run("flows", "--dsn", dsn, *span).err


def test_traffic_says_what_it_leaves_out(dsn: str) -> None:
    span = ["--from", after(5).isoformat(), "--until", after(900).isoformat(), "--dsn", dsn]
    done = run("traffic", "--remote", "19.1.16.0/24", *span)
    assert (done.status, done.out) == (0, "No traffic.\n")
    assert "4 connections of that time have no stored remote end (privacy.remote" in done.err
    parties = run("traffic", "--by", "remote", "--bucket", "895s", *span)
    assert (parties.out.count("not stored"), parties.err) == (1, "")
    assert "not counted here" not in run("traffic", "--remote", "0.0.0.0/0", *span).err


def test_a_host_that_asks_for_its_address_hides_nothing(cluster: Cluster) -> None:
    """DHCP comes from 0.0.0.0, which is no remote end that was not stored."""
    name = f"privacy_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = Gateway(cluster.dsn(name, "rex"), "gw1")
    gateway.listen(after(0))
    asking = tuples("0.0.0.0 68 > 255.255.255.255 67", "255.255.255.255 67 > 0.0.0.0 68")
    gateway.record(
        [opened(asking | {"proto": 17, "status": 0, "ct_id": 1}, after(10)),
         opened(IN | {"status": 0, "reply_src": "1.2.3.4", "reply_sport": 8443}, after(10))],
        after(1000),
    )  # fmt: skip
    gateway.close()
    with psycopg.connect(cluster.dsn(name)) as owner:
        found = owner.execute(
            "SELECT host(host) FROM ctaudit.flows(p_remote => '19.1.16.0/24')"
        ).fetchall()
    assert found == [("1.2.3.4",)], "of which the remote end was not stored"


def test_an_inner_gateway_s_is_not_taken_for_the_same_connection(cluster: Cluster) -> None:
    """Both hide whom they spoke to: that 0.0.0.0 is 0.0.0.0 says nothing."""
    name = f"privacy_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    inner = tuples("10.0.0.5 4000 > 0.0.0.0 0", "0.0.0.0 0 > 192.168.1.129 4000")
    for node, event in (
        ("gw1", {**OUT, "ct_id": 1}),
        ("inner", inner | {"proto": 17, "status": SRC_NAT, "ct_id": 2}),
    ):
        gateway = Gateway(cluster.dsn(name, "rex"), node)
        gateway.listen(after(0))
        gateway.record([opened(event, after(10))], after(1000))
        gateway.close()
    (answer,) = ask(cluster.dsn(name, "audrey"), 53500, 30)["answers"]
    assert (answer["node"], len(answer["seen_by"])) == ("gw1", 1)
