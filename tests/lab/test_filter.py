"""Filter rules with real packets: in the kernel, in the recorder, and changed on a kept socket."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from pyroute2 import netns

from ctaudit.capture.event_filter import EventFilter, choose_filter
from ctaudit.capture.event_source import EventSource
from ctaudit.capture.receiver import Receiver
from ctaudit.config import load_config
from ctaudit.conntrack.filter import RuleSet
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.conntrack.netlink import groups_of, open_dump_socket, open_event_socket
from lab import addresses as a
from lab.accounting import expect_closed_accounting
from lab.cluster import Cluster
from lab.namespaces import Lab, changed_sysctl
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic import holding, make_traffic
from lab.witness import delete_all

NONE, UNKNOWN = 1, 4
KINDS = ("tcp-close", "udp-answered", "icmp-echo", "tcp6-close", "udp6-answered", "dnat-tcp")
RULE = "deny proto udp"
T = TypeVar("T")


@contextmanager
def recorded_with(lab: Lab, cluster: Cluster, rules: str) -> Iterator[Rig]:
    """Traffic of each kind, opened and ended, and a dump of it in between."""
    delete_all(lab)
    settings = {"filter": f"rules = [{rules}]", "dumps": 'interval = "1s"'}
    with (
        rigging(lab, cluster, settings=settings) as rig,
        started(rig, "record"),
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        for kind in KINDS:
            make_traffic(lab, kind)
        before = rig.count("dump")
        rig.wait_until(lambda: rig.count("dump") > before + 1)
        delete_all(lab)
        rig.wait_until_recorded()
        yield rig


def protocols(rig: Rig, table: str) -> set[int]:
    return {row["proto"] for row in rig.rows(table)}


def ask(rig: Rig, proto: str, port: int = 9999) -> Any:
    """Of a port that nobody has used, once the record covers the second."""
    moment = datetime.now(UTC)
    rig.wait_until_read()
    return rig.who([f"{a.GATEWAY}:{port}"], moment, "--proto", proto)


def test_the_kernel_leaves_out_what_the_recorder_leaves_out_of_dumps(
    lab: Lab, cluster: Cluster
) -> None:
    with recorded_with(lab, cluster, f'"{RULE}"') as rig:
        assert "1 filter rules are in the kernel" in rig.log("receive").read_text()
        for table in ("opening", "flow", "dump_entry"):
            assert protocols(rig, table) >= {1, 6}
            assert 17 not in protocols(rig, table)
        sums = expect_closed_accounting(rig)
        entries = sum(row["entries"] for row in rig.rows("dump") if row["entries"])
        assert sums["filtered"] == entries - rig.count("dump_entry") > 0
        assert rig.query("SELECT cause FROM ctaudit.gap WHERE cause <> 'clashes'") == []
        assert ask(rig, "tcp")["exit_status"] == NONE
        reply = ask(rig, "udp")
        assert reply["exit_status"] == UNKNOWN
        assert f"not recorded by rule 1 ({RULE})" in reply["completeness"][0]["why"]


def test_a_kernel_that_refuses_leaves_it_to_the_recorder(lab: Lab, cluster: Cluster) -> None:
    with (
        changed_sysctl(lab.gateway, "net.core.optmem_max", 512),
        recorded_with(lab, cluster, f'"{RULE}"') as rig,
    ):
        assert "raise net.core.optmem_max" in rig.log("receive").read_text()
        for table in ("opening", "flow", "dump_entry"):
            assert protocols(rig, table) >= {1, 6}
            assert 17 not in protocols(rig, table)
        sums = expect_closed_accounting(rig)
        entries = sum(row["entries"] for row in rig.rows("dump") if row["entries"])
        # Of both UDP connections the opening and the end, beside the entries of dumps.
        assert sums["filtered"] == entries - rig.count("dump_entry") + 4
        assert ask(rig, "tcp")["exit_status"] == NONE
        assert ask(rig, "udp")["exit_status"] == UNKNOWN


def test_only_what_is_translated(lab: Lab, cluster: Cluster) -> None:
    with recorded_with(lab, cluster, '"accept nat_only", "deny"') as rig:
        rows = rig.rows("opening")
        assert {row["orig_src"].version for row in rows} == {4}
        assert {row["status"] & 0x30 for row in rows} == {0x10, 0x20}


class InPlace:
    """Receivers of one socket, one after the other, as systemd's fd store makes them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._config = load_config(rig.config)
        groups = groups_of(self._config.mode, self._config.socket)
        self.events = self._inside(lambda: open_event_socket(groups, 8 << 20))

    def _inside(self, make: Callable[[], T]) -> T:
        netns.pushns(self._rig.lab.gateway)
        try:
            return make()
        finally:
            netns.popns()

    def run(
        self, chosen: EventFilter, during: Callable[[], None], *, inherited: bool, last: bool
    ) -> None:
        def open_dump() -> socket.socket:
            return self._inside(open_dump_socket)

        source = EventSource(self.events, 64 << 20)
        receiver = Receiver(self._config, source, open_dump, event_filter=chosen)
        receiver.begin(inherited=inherited)
        self._turn(receiver)
        during()
        self._turn(receiver)
        receiver.finish(going_on=not last)

    def _turn(self, receiver: Receiver) -> None:
        until = datetime.now(UTC).timestamp() + 1.5
        while datetime.now(UTC).timestamp() < until:
            receiver.turn()


def test_other_rules_on_a_kept_socket(lab: Lab, cluster: Cluster) -> None:
    """A connection from before goes on: nothing is said of it that is not known."""
    delete_all(lab)
    moments: list[datetime] = []

    def traffic() -> None:
        make_traffic(lab, "udp-answered")
        make_traffic(lab, "icmp-echo")
        moments.append(datetime.now(UTC))

    ruled = choose_filter(RuleSet((read_rule("deny proto tcp"),)))
    with rigging(lab, cluster) as rig, started(rig, "record"), ExitStack() as held:
        gateway = InPlace(rig)
        sent: list[dict[str, Any]] = []

        def open_one() -> None:
            sent.append(held.enter_context(holding(lab)).sent)
            traffic()

        with gateway.events:
            gateway.run(EventFilter(), open_one, inherited=False, last=False)

            def close() -> None:
                traffic()
                make_traffic(lab, "tcp-close")
                delete_all(lab)

            gateway.run(ruled, close, inherited=True, last=True)
        rig.wait_until(lambda: "stop" in {row["note"] for row in rig.rows("note")})
        assert len([row for row in rig.rows("opening") if row["proto"] == 17]) == 2
        # The held connection alone: its end and the other connection were kept out.
        (opening,) = [row for row in rig.rows("opening") if row["proto"] == 6]
        assert opening["orig_sport"] == sent[0]["sport"]
        ((_, until),) = rig.query(
            "SELECT gap_from, gap_until FROM ctaudit.gap WHERE cause = 'filter rules changed'"
        )
        assert until is not None
        assert moments[0] < until < moments[1]
        public = f"{a.GATEWAY}:{opening['reply_dport']}"
        before = rig.who([public], moments[0], "--proto", "tcp")
        # Its end may have been on its way for up to a minute when the rules were changed.
        assert (before["exit_status"], len(before["answers"])) == (UNKNOWN, 1), before["reasons"]
        after = rig.who([public], moments[1], "--proto", "tcp")
        assert after["exit_status"] == UNKNOWN
        assert "not recorded by rule 1 (deny proto tcp)" in after["completeness"][0]["why"]
        assert rig.who([public], moments[1], "--proto", "udp")["exit_status"] == NONE


def test_each_event_is_a_datagram(lab: Lab) -> None:
    """The program judges one message at a time: none may hide behind another."""
    delete_all(lab)
    netns.pushns(lab.gateway)
    try:
        events = open_event_socket((1, 2, 3), 8 << 20)
    finally:
        netns.popns()
    with events:
        for kind in KINDS:
            make_traffic(lab, kind)
        delete_all(lab)
        received = list(iter(lambda: take(events), b""))
    assert len(received) > 2 * len(KINDS)
    assert all(int.from_bytes(one[:4], sys.byteorder) == len(one) for one in received)


def take(events: socket.socket) -> bytes:
    with suppress(BlockingIOError):
        return events.recv(1 << 16)
    return b""
