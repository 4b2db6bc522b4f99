"""Situations made with real packets: what the kernel does, and what who may say of it.

Their kin without a kernel, in greater number: tests/store/test_situations.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab import addresses as a
from lab.cluster import Cluster
from lab.listener import listening
from lab.namespaces import Lab, feed_in, run_in
from lab.packet_queue import holding_packets
from lab.rig import Rig, rigging
from lab.service import Service, listening_rig, started
from lab.traffic import holding, make_traffic
from lab.witness import delete_all, list_table
from lab.witness.compare import Row, name_public

ONE, NONE, SEVERAL, UNKNOWN = 0, 1, 3, 4
SECOND = timedelta(seconds=1)
HELD_BACK = timedelta(milliseconds=20)


@pytest.fixture
def rig(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    with listening_rig(lab, cluster) as made:
        yield made


def verdict(rig: Rig, row: Row, at: datetime) -> int:
    status: int = rig.who(name_public(row), at)["exit_status"]
    return status


def verdict_of(rig: Rig, public: str, at: datetime) -> int:
    status: int = rig.who([public], at)["exit_status"]
    return status


def test_a_queue_holds_the_first_packet(rig: Rig, lab: Lab) -> None:
    """The event's time is of the first packet's arrival, the start of its leaving the queue."""
    match = ("-s", a.CLIENT, "-p", "tcp", "--syn")
    with holding_packets(lab, match, HELD_BACK.total_seconds()), holding(lab) as held:
        opened = rig.wait_until_read()
        (opening,) = rig.rows_of("opening", held.sent["sport"])
        assert verdict(rig, opening, opened) == ONE
    delete_all(lab)
    ended = rig.wait_until_read()
    (flow,) = rig.rows_of("flow", held.sent["sport"])
    if opening["started_source"] == "event":
        assert flow["started_at"] - opening["started_at"] >= HELD_BACK
    assert verdict(rig, flow, opened) == ONE
    assert verdict(rig, flow, ended) == NONE, "the opening has found its end"
    assert rig.query("SELECT count(*) FROM ctaudit.live('gw1')") == [(0,)]
    begun = rig.who(name_public(flow), flow["started_at"] - HELD_BACK / 2)
    assert [answer for answer in begun["answers"] if answer["exact"]] == []


def test_who_outlives_a_stop_of_the_receiver(lab: Lab, cluster: Cluster) -> None:
    """The dump that ends the gap shows it; nothing is known inside the gap."""
    delete_all(lab)
    with rigging(lab, cluster) as rig, started(rig, "record"):
        receiver: Service
        with started(rig, "receive") as receiver:
            rig.wait_until_listening()
            with holding(lab, source_port=40610) as before:
                rig.wait_until_read()
                receiver.stop()
                with holding(lab, source_port=40611) as meanwhile:
                    short = make_traffic(lab, "udp-answered", source_port=40612)
                    inside = datetime.now(UTC)
                    time.sleep(3)
                    receiver.start()
                    rig.wait_until(lambda: rig.count("coverage") > 1)
                    after = rig.wait_until_read()
                    (row,) = rig.rows_of("opening", before.sent["sport"])
                    assert verdict(rig, row, after) == ONE
                    assert verdict(rig, row, inside) == UNKNOWN
                    late = rig.rows_of("opening", meanwhile.sent["sport"])
                    assert [row["provenance"] for row in late] == ["dump"]
                    assert verdict(rig, late[0], after) == ONE
                    assert verdict(rig, late[0], inside) == UNKNOWN
                    assert rig.who([f"{a.GATEWAY}:{short['sport']}"], inside)["exit_status"] == (
                        UNKNOWN
                    )


def zone_rule(zone: int) -> str:
    return (
        "table inet ctaudit_lab_tenants\ndelete table inet ctaudit_lab_tenants\n"
        "table inet ctaudit_lab_tenants {\nchain zones {\n"
        "type filter hook prerouting priority raw\n"
        f"ip saddr {a.PLAIN_CLIENTS[3]} ct original zone set {zone}\n}}\n}}\n"
    )


def test_tenants_with_one_tuple(rig: Rig, lab: Lab) -> None:
    """Two entries of one orig tuple, each in the original zone of its tenant, both alive."""
    client = {"source": a.PLAIN_CLIENTS[3], "source_port": 40620}
    try:
        for zone in (1, 2):
            feed_in(lab.gateway, ["nft", "-f", "-"], zone_rule(zone))
            sent = make_traffic(lab, "udp-unanswered", **client)
        moment = rig.wait_until_read()
    finally:
        feed_in(lab.gateway, ["nft", "-f", "-"], "delete table inet ctaudit_lab_tenants")
    openings = rig.rows_of("opening", sent["sport"])
    assert [row["orig_zone"] for row in openings] == [1, 2]
    live = rig.query("SELECT ct_id FROM ctaudit.live('gw1') WHERE orig_sport = %s", sent["sport"])
    listed = [entry.id or 0 for entry in list_table(lab) if entry.orig.sport == sent["sport"]]
    assert sorted(row[0] for row in live) == sorted(listed)
    assert len(listed) == 2
    reply = rig.who([a.GATEWAY], moment, "--to", f"{a.SERVER}:{sent['dport']}")
    assert (reply["exit_status"], len(reply["answers"])) == (SEVERAL, 2)
    for row in openings:
        answered = rig.who(name_public(row), moment)
        assert [answer["ct_id"] for answer in answered["answers"]] == [row["ct_id"]]


def test_an_entry_is_made_anew_in_the_middle(rig: Rig, lab: Lab) -> None:
    """A flush ends it; the next packet of the connection begins another entry of the tuple."""
    with holding(lab, source_port=40630) as held:
        first = rig.wait_until_read()
        delete_all(lab)
        between = rig.wait_until_read()
        held.exchange(1000)
        second = rig.wait_until_read()
        openings = rig.rows_of("opening", held.sent["sport"])
        assert len(openings) == 2
        assert len(rig.rows_of("flow", held.sent["sport"])) == 1
        assert verdict(rig, openings[0], first) == ONE
        assert verdict(rig, openings[0], between) == NONE
        assert verdict(rig, openings[1], second) == ONE


def test_hairpin(rig: Rig, lab: Lab) -> None:
    """An internal client reaches an internal server by the public address."""
    feed_in(
        lab.gateway,
        ["nft", "-f", "-"],
        "insert rule inet ctaudit_lab sources "
        f"ip saddr 192.168.1.0/24 ip daddr {a.FORWARD_TARGET} masquerade",
    )
    sent = make_traffic(lab, "dnat-tcp", role="client", source=a.CLIENT, source_port=40640)
    moment = rig.wait_until_read()
    (row,) = rig.rows_of("opening", sent["sport"])
    assert (str(row["orig_dst"]), str(row["reply_src"])) == (a.GATEWAY, a.FORWARD_TARGET)
    at = max(row["started_at"], moment - 10 * SECOND)
    reply: dict[str, Any] = rig.who([f"{a.GATEWAY}:{a.FORWARD_PORT}"], at)
    assert [answer["host"] for answer in reply["answers"]] == [a.FORWARD_TARGET]


def test_an_icmp_error_is_of_the_connection_it_answers(rig: Rig, lab: Lab) -> None:
    sent = make_traffic(lab, "udp-unanswered", source_port=40650, destination_port=40000)
    moment = rig.wait_until_read()
    (row,) = rig.rows_of("opening", sent["sport"])
    assert verdict(rig, row, moment) == ONE
    assert rig.query("SELECT count(*) FROM ctaudit.opening WHERE proto = 1") == [(0,)]


def test_ipv6_opened_from_outside(rig: Rig, lab: Lab) -> None:
    """Nothing is translated: the host is the end that was called, found by its own address."""
    port, where = 51413, {"source": a.SERVER6, "destination": a.CLIENT6}
    with (
        listening(lab.client, a.CLIENT6, port),
        holding(lab, role="server", source_port=40660, destination_port=port, **where) as held,
    ):
        moment = rig.wait_until_read()
    (row,) = rig.rows_of("opening", held.sent["sport"])
    assert (str(row["orig_src"]), str(row["orig_dst"])) == (a.SERVER6, a.CLIENT6)
    reply = rig.who([f"[{a.CLIENT6}]:{port}"], moment, "--to", a.SERVER6)
    assert reply["exit_status"] == ONE
    (answer,) = reply["answers"]
    assert (answer["host"], answer["host_port"], answer["public"]) == (a.CLIENT6, port, a.CLIENT6)
    assert (answer["remote"], answer["remote_port"]) == (a.SERVER6, 40660)
    assert verdict_of(rig, f"[{a.CLIENT6}]:{port + 1}", moment) == NONE
    listed = rig.ask("flows", "--host", a.CLIENT6, "--format", "json").stdout.splitlines()
    rows = [json.loads(line) for line in listed]
    assert [row["host"] for row in rows if "host" in row] == [a.CLIENT6]


def test_ipv6_made_anew_by_a_reply(rig: Rig, lab: Lab) -> None:
    """After a flush the server sends first: the new entry's orig tuple is the server's."""
    port, where = 40670, {"source": a.CLIENT6, "destination": a.SERVER6}
    question = [f"[{a.CLIENT6}]:{port}", "--to", f"[{a.SERVER6}]:4022"]
    with (
        listening(lab.server, a.SERVER6, 4022) as server,
        holding(lab, source_port=port, destination_port=4022, **where),
    ):
        first = rig.wait_until_read()
        delete_all(lab)
        between = rig.wait_until_read()
        server.say("first")
        second = rig.wait_until_read()
        rows = [
            row for row in rig.rows("opening") if 4022 in (row["orig_sport"], row["orig_dport"])
        ]
        assert sorted(str(row["orig_src"]) for row in rows) == sorted([a.SERVER6, a.CLIENT6])
        for moment, expected in ((first, ONE), (between, NONE), (second, ONE)):
            reply = rig.who(question, moment)
            assert (reply["exit_status"], reply["hosts"]) == (
                expected, [a.CLIENT6] if expected == ONE else [],
            )  # fmt: skip


def test_routed_ipv4_opened_from_outside(rig: Rig, lab: Lab) -> None:
    """Without translation the internal server is found by its own address."""
    target = a.FORWARD_TARGET
    way = ["via", a.GATEWAY, "dev", "wan", "onlink"]
    run_in(lab.server, ["ip", "route", "add", f"{target}/32", *way], check=True)
    try:
        with holding(
            lab, role="server", source=a.SERVER, source_port=40680, destination=target,
            destination_port=a.HTTPS_PORT,
        ) as held:  # fmt: skip
            moment = rig.wait_until_read()
    finally:
        run_in(lab.server, ["ip", "route", "delete", f"{target}/32"], check=True)
    assert len(rig.rows_of("opening", held.sent["sport"])) == 1
    reply = rig.who([f"{target}:{a.HTTPS_PORT}"], moment, "--to", f"{a.SERVER}:40680")
    assert (reply["exit_status"], reply["hosts"]) == (ONE, [target])
