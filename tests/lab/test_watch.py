"""What the kernel does not announce, made with real packets: who never says none, complete."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pyroute2 import netns
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

from lab import addresses as a
from lab.cluster import Cluster
from lab.namespaces import Lab, call_in, changed_sysctl, feed_in, popen_in
from lab.rig import Rig, rigging
from lab.service import Service, listening_rig, started
from lab.traffic import holding
from lab.traffic.clashing import make_clashes
from lab.witness import delete_all, list_table
from tests.markers import torture

ONE, NONE, UNKNOWN = 0, 1, 4
SECOND = timedelta(seconds=1)
OTHER_CLIENT = a.PLAIN_CLIENTS[2]
EVENTS = "net.netfilter.nf_conntrack_events"
OFTEN = {"dumps": 'interval = "2s"'}
CLASH_PORT = 40555


@pytest.fixture
def rig(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    with listening_rig(lab, cluster) as made:
        yield made


def gaps(rig: Rig, cause: str) -> list[tuple[datetime, datetime | None, int | None]]:
    return [
        (row[0], row[1], row[2])
        for row in rig.query(
            "SELECT gap_from, gap_until, lost FROM ctaudit.gap WHERE cause = %s ORDER BY gap_id",
            cause,
        )
    ]


def status(rig: Rig, port: int, at: datetime, *words: str) -> int:
    found: int = rig.who([f"{a.GATEWAY}:{port}"], at, *words)["exit_status"]
    return found


def test_events_are_switched_off_and_on(rig: Rig, lab: Lab) -> None:
    before = rig.wait_until_read()
    with changed_sysctl(lab.gateway, EVENTS, 0):
        switched = datetime.now(UTC)
        held = holding(lab, source=OTHER_CLIENT, source_port=40700)
        with held as connection:
            port = connection.sent["sport"]
            assert status(rig, port, datetime.now(UTC)) == UNKNOWN, "at once"
            meanwhile = rig.wait_until_read()
            reply = rig.who([f"{a.GATEWAY}:{port}"], meanwhile)
            assert reply["exit_status"] == UNKNOWN
            assert "nf_conntrack_events = 0" in json.dumps(reply["completeness"])
            assert status(rig, port, before) == NONE
            ((gap_from, gap_until, _),) = gaps(rig, "nf_conntrack_events = 0")
            assert switched - SECOND <= gap_from <= switched
            assert gap_until is None
            log = rig.log("receive").read_text()
            assert f"sysctl -w {EVENTS}=1" in log
            call_in(lab.gateway, "sysctl", "-qw", f"{EVENTS}=1")
            rig.wait_until(lambda: gaps(rig, "nf_conntrack_events = 0")[0][1] is not None)
            after = rig.wait_until_read()
            assert status(rig, port, after) == UNKNOWN, "it will never announce its end"
            assert status(rig, 40799, after) == NONE
            assert status(rig, 40799, meanwhile) == UNKNOWN
    assert [dump["cause"] for dump in rig.rows("dump")][-1] == "settings"
    assert [gap["cause"] for gap in rig.rows("gap")] == ["nf_conntrack_events = 0"]


def test_events_were_off_before_the_start(lab: Lab, cluster: Cluster) -> None:
    """No dump ends the gap while they are."""
    delete_all(lab)
    with (
        rigging(lab, cluster, settings=OFTEN) as rig,
        changed_sysctl(lab.gateway, EVENTS, 0),
        started(rig, "record"),
        started(rig, "receive"),
        holding(lab, source=OTHER_CLIENT, source_port=40701) as held,
    ):
        rig.wait_until(lambda: rig.count("dump") > 2)
        moment = rig.wait_until_read()
        assert status(rig, held.sent["sport"], moment) == UNKNOWN
        assert status(rig, 40799, moment) == UNKNOWN
        ((_, gap_until, _),) = gaps(rig, "nf_conntrack_events = 0")
        assert gap_until is None
        assert "nf_conntrack_events is 0" in rig.log("receive").read_text()


def test_they_were_switched_while_no_receiver_ran(lab: Lab, cluster: Cluster) -> None:
    """A new stream says so from its start."""
    delete_all(lab)
    receiver: Service
    with (
        rigging(lab, cluster) as rig,
        started(rig, "record"),
        started(rig, "receive") as receiver,
    ):
        rig.wait_until_listening()
        rig.wait_until_read()
        receiver.stop()
        with changed_sysctl(lab.gateway, EVENTS, 0):
            receiver.start()
            receiver.wait_until_ready()
            moment = rig.wait_until_read()
            assert status(rig, 40799, moment) == UNKNOWN


def test_a_rule_lets_no_opening_through(lab: Lab, cluster: Cluster) -> None:
    """A dump proves it: a gap with its number, a fault in the journal, a finding of check."""
    rules = (
        "table inet ctaudit_lab_silent { chain quiet { type filter hook prerouting priority -140;"
        f" ip saddr {OTHER_CLIENT} ct event set destroy; }}; }}"
    )
    with listening_rig(lab, cluster, OFTEN) as rig:
        time.sleep(1.5)
        feed_in(lab.gateway, ["nft", "-f", "-"], rules)
        try:
            with holding(lab, source=OTHER_CLIENT, source_port=40702) as held:
                opened = datetime.now(UTC)
                rig.wait_until(lambda: bool(gaps(rig, "not announced")))
                moment = rig.wait_until_read()
                ((gap_from, _, lost),) = gaps(rig, "not announced")
                assert lost == 1
                assert gap_from < opened
                assert status(rig, 40799, opened) == UNKNOWN
                assert status(rig, held.sent["sport"], moment) in (ONE, UNKNOWN)
        finally:
            feed_in(lab.gateway, ["nft", "-f", "-"], "delete table inet ctaudit_lab_silent")
        log = rig.log("record").read_text()
        assert re.search("a table dump shows 1 connections whose opening the kernel did not", log)
        found = rig.run("check", "--config", str(rig.config), "--json")
        findings = {item["name"]: item for item in json.loads(found.stdout)["findings"]}
        assert findings["announcements"]["level"] == "warning"
        assert "1 connections began without an event" in findings["announcements"]["found"]


@contextmanager
def listening_on_the_wire(lab: Lab) -> Iterator[subprocess.Popen[str]]:
    """A server that prints the source port of each datagram, and does not answer."""
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        f"s.bind(('{a.SERVER}', {CLASH_PORT})); print('ready', flush=True)\n"
        "while True: print(s.recvfrom(100)[1][1], flush=True)"
    )
    process = popen_in(
        lab.server, [sys.executable, "-c", script], text=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_two_packets_of_one_socket_clash(rig: Rig, lab: Lab) -> None:
    """The kernel keeps two entries and announces one: UDP is unknown for a while, asked at once."""
    pairs = 100
    fully_random = (
        f'insert rule inet ctaudit_lab sources oifname "outside" ip saddr {OTHER_CLIENT} '
        "masquerade fully-random"
    )
    quiet = rig.wait_until_read()
    clashes_before = count_clashes(lab)
    with listening_on_the_wire(lab) as wire:
        feed_in(lab.gateway, ["nft", "-f", "-"], fully_random)
        make_clashes(lab, pairs, OTHER_CLIENT, a.SERVER, CLASH_PORT)
        made = datetime.now(UTC)
        rig.wait_until_recorded(made)
        moment = datetime.now(UTC) - timedelta(seconds=0.1)
        assert wire.stdout is not None
        sent_from = {int(wire.stdout.readline()) for _ in range(2 * pairs)}
        announced = {row["reply_dport"] for row in rig.rows("opening")}
        hidden = sent_from - announced
        assert hidden, "no packets have clashed"
        for port in sorted(hidden)[:5]:
            assert status(rig, port, moment, "--proto", "udp") == UNKNOWN
    clashed = count_clashes(lab) - clashes_before
    rig.wait_until(lambda: gaps(rig, "clashes")[0][2] == clashed)
    ((gap_from, gap_until, _),) = gaps(rig, "clashes")
    assert quiet <= gap_from
    assert gap_until is not None
    assert gap_until >= made + 9 * SECOND, "the lab's time-out is 10 s"
    assert rig.query("SELECT count(*) FROM ctaudit.note WHERE note = 'clashes'") == [(1,)]
    assert status(rig, 40799, quiet, "--proto", "udp") == NONE


def count_clashes(lab: Lab) -> int:
    return sum(
        map(int, re.findall(r"clash_resolve=(\d+)", call_in(lab.gateway, "conntrack", "-S")))
    )


def inject(lab: Lab, sport: int) -> None:
    """IPCTNL_MSG_CT_NEW with NLM_F_CREATE, as conntrackd commits the entries of its peer."""
    there = {"proto": 6, "saddr": OTHER_CLIENT, "daddr": a.SERVER, "sport": sport, "dport": 443}
    back = {"proto": 6, "saddr": a.SERVER, "daddr": a.GATEWAY, "sport": 443, "dport": sport}
    netns.pushns(lab.gateway)
    try:
        tool = NFCTSocket()
    finally:
        netns.popns()
    with tool:
        tool.entry(
            "add",
            timeout=600,
            tuple_orig=NFCTAttrTuple(**there),
            tuple_reply=NFCTAttrTuple(**back),
        )


def test_an_entry_made_by_a_tool_is_no_evidence(lab: Lab, cluster: Cluster) -> None:
    """The kernel announces it like any other: NEW, with the port id of the tool."""
    with listening_rig(lab, cluster, OFTEN) as rig:
        time.sleep(1.5)
        made = ("--timeout", "600", "-s", OTHER_CLIENT, "-d", a.SERVER, "--dport", "443")
        tcp = ("-p", "tcp", "--sport", "40703", "--state", "ESTABLISHED")
        call_in(lab.gateway, "conntrack", "-I", *tcp, *made)
        inject(lab, 40704)
        assert len(list_table(lab)) == 2
        rig.wait_until_read()
        dumps = rig.count("dump")
        rig.wait_until(lambda: rig.count("dump") >= dumps + 2)
        rig.wait_until_read()
        openings = [(row["orig_sport"], row["provenance"]) for row in rig.rows("opening")]
        assert sorted(openings) == [(40703, "event"), (40704, "event")]
        assert rig.count("gap") == 0


def test_a_dump_is_asked_for(lab: Lab, cluster: Cluster) -> None:
    with (
        rigging(lab, cluster) as rig,
        started(rig, "record"),
        started(rig, "receive") as receiver,
    ):
        rig.wait_until_listening()
        receiver.process.send_signal(signal.SIGUSR1)
        rig.wait_until(lambda: "asked" in [dump["cause"] for dump in rig.rows("dump")])
        assert rig.count("gap") == 0


@pytest.mark.parametrize("seconds", [torture(150)])
def test_what_began_before_anybody_listened(lab: Lab, cluster: Cluster, seconds: int) -> None:
    """With nf_conntrack_events = 2 the kernel announces no end of it; that is no gap."""
    delete_all(lab)
    with (
        changed_sysctl(lab.gateway, EVENTS, 2),
        holding(lab, source=OTHER_CLIENT, source_port=40705),
        rigging(lab, cluster, settings=OFTEN) as rig,
        changed_sysctl(lab.gateway, EVENTS, 1),
        started(rig, "record"),
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        rig.wait_until_read()
        delete_all(lab)
        unobserved = "SELECT count(*) FROM ctaudit.flow WHERE provenance = 'unobserved'"
        # Two dumps at least two minutes apart do not show it.
        rig.wait_until(lambda: rig.query(unobserved) == [(1,)], patience=seconds)
        rig.wait_until_read()
        assert [row["provenance"] for row in rig.rows("flow")] == ["unobserved"]
        assert rig.count("gap") == 0
