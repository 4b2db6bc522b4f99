"""Each kind of traffic leads to what the conntrack tool should see of it."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from lab import addresses as a
from lab.namespaces import Lab, LabError
from lab.network import build_lab
from lab.traffic import KINDS, holding, make_traffic
from lab.traffic.burst import burst_tuple
from lab.witness import Witness, delete_all, list_table, watching
from lab.witness.compare import fits
from lab.witness.conntrack_text import Entry, parse_line

NAME = f"ctlab-{os.getpid()}"
TCP, UDP, ICMP, ICMPV6, GRE, SCTP = 6, 17, 1, 58, 47, 132


def story(lab: Lab, witness: Witness, sent: dict[str, Any]) -> tuple[Entry, Entry, Entry]:
    """The NEW, the listed entry and the DESTROY of what was sent."""
    listed = [entry for entry in list_table(lab) if fits(entry, sent)]
    delete_all(lab)
    new = [entry for entry in witness.entries("NEW") if fits(entry, sent)]
    gone = [entry for entry in witness.entries("DESTROY") if fits(entry, sent)]
    assert (len(new), len(listed), len(gone)) == (1, 1, 1)
    assert new[0].id == listed[0].id == gone[0].id
    assert witness.lost == 0
    return new[0], listed[0], gone[0]


# kind: protocol, source, public source (None: not translated), TCP or SCTP state at the end
EXPECTED: dict[str, tuple[int, str, str | None, str | None]] = {
    "article": (TCP, a.CLIENT, a.GATEWAY, "TIME_WAIT"),
    "tcp-close": (TCP, a.CLIENT, a.GATEWAY, "TIME_WAIT"),
    "tcp-reset": (TCP, a.CLIENT, a.GATEWAY, "CLOSE"),
    "udp-answered": (UDP, a.CLIENT, a.GATEWAY, None),
    "udp-unanswered": (UDP, a.CLIENT, a.GATEWAY, None),
    "icmp-echo": (ICMP, a.CLIENT, a.GATEWAY, None),
    "sctp": (SCTP, a.CLIENT, a.GATEWAY, "CLOSED"),
    "gre": (GRE, a.CLIENT, a.GATEWAY, None),
    "gre-keyed": (GRE, a.CLIENT, a.GATEWAY, None),
    "pptp": (TCP, a.CLIENT, a.GATEWAY, "TIME_WAIT"),
    "tftp": (UDP, a.CLIENT, a.GATEWAY, None),
    "tcp6-close": (TCP, a.CLIENT6, None, "TIME_WAIT"),
    "tcp6-reset": (TCP, a.CLIENT6, None, "CLOSE"),
    "udp6-answered": (UDP, a.CLIENT6, None, None),
    "udp6-unanswered": (UDP, a.CLIENT6, None, None),
    "icmpv6-echo": (ICMPV6, a.CLIENT6, None, None),
    "nat66-tcp": (TCP, a.CLIENT6_NAT, a.GATEWAY6, "TIME_WAIT"),
    "zone-tcp": (TCP, a.ZONE_CLIENT, a.GATEWAY_ZONE, "TIME_WAIT"),
    "zone-orig-tcp": (TCP, a.ZONE_ORIG_CLIENT, a.GATEWAY, "TIME_WAIT"),
    "zone-reply-tcp": (TCP, a.ZONE_REPLY_CLIENT, a.GATEWAY_ZONE_REPLY, "TIME_WAIT"),
    "mark-tcp": (TCP, a.MARK_CLIENT, a.GATEWAY, "TIME_WAIT"),
    "label-tcp": (TCP, a.LABEL_CLIENT, a.GATEWAY, "TIME_WAIT"),
    "dnat-tcp": (TCP, a.OUTSIDER, None, "TIME_WAIT"),
    "dnat6-tcp": (TCP, a.OUTSIDER6, None, "TIME_WAIT"),
}


def test_each_kind_is_expected() -> None:
    assert set(EXPECTED) == set(KINDS)


@pytest.mark.parametrize("kind", EXPECTED)
def test_kind_is_tracked(lab: Lab, witness: Witness, kind: str) -> None:
    proto, source, public, state = EXPECTED[kind]
    before = time.time_ns()
    sent = make_traffic(lab, kind)
    new, listed, gone = story(lab, witness, sent)

    assert (new.proto, new.orig.src, new.family) == (proto, source, 6 if ":" in source else 4)
    assert new.reply.dst == (public or source)
    assert new.reply.src == _inner(sent["dst"])
    assert (listed.state, gone.state) == (state, state)
    assert gone.start_ns is not None and gone.stop_ns is not None
    assert before <= gone.start_ns <= gone.stop_ns <= time.time_ns()
    assert listed.start_ns == gone.start_ns
    assert new.seen_at is not None and abs(int(new.seen_at * 10**9) - gone.start_ns) < 10**9
    for counted, entry in ((gone.orig, sent), (listed.orig, sent)):
        assert entry["packets"] in (None, counted.packets)
        assert entry["bytes"] in (None, counted.bytes)
    assert sent["reply_packets"] in (None, gone.reply.packets)
    assert sent["reply_bytes"] in (None, gone.reply.bytes)
    assert gone.unreplied == (gone.reply.packets == 0)
    assert gone.unreplied == (kind in ("udp-unanswered", "udp6-unanswered", "gre-keyed", "tftp"))
    assert gone.assured == (proto in (TCP, SCTP))


def _inner(destination: str) -> str:
    forwards = {a.GATEWAY: a.FORWARD_TARGET, a.GATEWAY6: a.FORWARD_TARGET6}
    return forwards.get(destination, destination)


def test_article_connection_has_the_article_s_ports(lab: Lab, witness: Witness) -> None:
    with holding(lab, source_port=a.ARTICLE_SPORT) as held:
        held.exchange(5000)
        (entry,) = [entry for entry in list_table(lab) if fits(entry, held.sent)]
        assert entry.state == "ESTABLISHED"
    new, _, gone = story(lab, witness, held.sent)
    assert (new.orig.src, new.orig.sport) == ("192.168.1.129", 53400)
    assert (new.reply.src, new.reply.sport) == ("19.1.16.7", 443)
    assert (new.reply.dst, new.reply.dport) == ("1.2.3.4", 53500)
    assert gone.orig.bytes is not None and gone.orig.bytes > 5000


def test_second_connection_of_the_article(lab: Lab, witness: Witness) -> None:
    sent = make_traffic(
        lab, "tcp-close", source_port=a.ARTICLE_SECOND_SPORT, destination=a.SERVER_SECOND
    )
    new, _, _ = story(lab, witness, sent)
    assert (new.reply.src, new.reply.dst, new.reply.dport) == ("68.232.35.139", "1.2.3.4", 60946)


@pytest.mark.usefixtures("witness")
def test_two_clients_with_one_source_port_get_two(lab: Lab) -> None:
    clients = a.PLAIN_CLIENTS[1:3]
    sents = [make_traffic(lab, "tcp-close", source=c, source_port=40001) for c in clients]
    listed = list_table(lab)
    public = {entry.reply.dport for sent in sents for entry in listed if fits(entry, sent)}
    assert len(public) == 2


def test_forwards_lead_inside(lab: Lab, witness: Witness) -> None:
    new, _, _ = story(lab, witness, make_traffic(lab, "dnat-tcp"))
    assert (new.orig.dst, new.orig.dport) == ("1.2.3.4", 8443)
    assert (new.reply.src, new.reply.sport) == (a.FORWARD_TARGET, 443)


def test_zones_marks_and_helpers(lab: Lab, witness: Witness) -> None:
    def zones(kind: str) -> tuple[int | None, int | None, int | None]:
        new, listed, gone = story(lab, witness, make_traffic(lab, kind))
        seen = {(e.zone, e.orig.zone, e.reply.zone) for e in (new, listed, gone)}
        assert len(seen) == 1
        return seen.pop()

    assert zones("tcp-close") == (None, None, None)
    assert zones("zone-tcp") == (a.ZONE, None, None)
    assert zones("zone-orig-tcp") == (None, a.ZONE_ORIG, None)
    assert zones("zone-reply-tcp") == (None, None, a.ZONE_REPLY)
    assert {e.mark for e in story(lab, witness, make_traffic(lab, "mark-tcp"))} == {a.MARK}
    assert lab.helpers == {"tftp", "pptp"}
    for helper in lab.helpers:
        new, listed, _ = story(lab, witness, make_traffic(lab, helper))
        assert (new.helper, listed.helper) == (helper, helper)


def test_expected_connections(lab: Lab, witness: Witness) -> None:
    tftp = make_traffic(lab, "tftp")
    (data,) = [
        entry
        for entry in list_table(lab)
        if (entry.orig.src, entry.orig.sport) == (a.SERVER, tftp["expected"]["sport"])
    ]
    assert (data.reply.src, data.reply.sport) == (a.CLIENT, tftp["sport"])
    pptp = make_traffic(lab, "pptp")
    new, _, gone = story(lab, witness, pptp["gre"])
    assert (new.orig.sport, new.orig.dport) == (pptp["gre"]["srckey"], pptp["gre"]["dstkey"])
    assert (gone.reply.packets, gone.reply.bytes) == (1, pptp["gre"]["reply_bytes"])


def test_burst_opens_each_connection_once(lab: Lab, witness: Witness) -> None:
    sent = make_traffic(lab, "burst", count=10_000)
    delete_all(lab)
    wanted = {burst_tuple(index) for index in range(10_000)}
    for event in ("NEW", "DESTROY"):
        found = [(e.orig.src, e.orig.sport, e.orig.dport) for e in witness.entries(event)]
        assert len(found) == len(wanted) == sent["count"]
        assert set(found) == wanted
    assert witness.lost == 0


def test_burst_obeys_rate_and_ports(lab: Lab, witness: Witness) -> None:
    sent = make_traffic(lab, "burst", count=500, first=20_000, rate=1000, destination_ports=4)
    assert 0.4 < sent["seconds"] < 1.5
    assert len({entry.orig.dport for entry in witness.entries("NEW")}) == 4


@pytest.mark.parametrize("count", [0, 2_000_001])
def test_burst_out_of_bounds_is_refused(lab: Lab, count: int) -> None:
    with pytest.raises(LabError, match="out of bounds"):
        make_traffic(lab, "burst", count=count)


def test_entry_ends_by_itself() -> None:
    with build_lab(f"{NAME}-end", timeouts={"udp_timeout": 1}) as short, watching(short) as seen:
        make_traffic(short, "udp-unanswered")
        deadline = time.monotonic() + 70
        while not seen.count("DESTROY") and time.monotonic() < deadline:
            time.sleep(0.5)
            list_table(short)
        (gone,) = seen.entries("DESTROY")
    assert "USERSPACE" not in gone.flags
    assert gone.start_ns is not None and gone.stop_ns is not None
    assert 0.9e9 < gone.stop_ns - gone.start_ns < 60e9


def test_accounting_and_timestamps_can_be_off() -> None:
    with build_lab(f"{NAME}-off", accounting=False, timestamps=False) as bare:
        make_traffic(bare, "udp-unanswered")
        (entry,) = list_table(bare)
    assert (entry.orig.packets, entry.orig.bytes, entry.start_ns) == (None, None, None)


def test_parser_refuses_other_lines() -> None:
    with pytest.raises(ValueError, match="not a line of conntrack"):
        parse_line("conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.")
    with pytest.raises(ValueError, match="not two tuples"):
        parse_line("ipv4 2 udp 17 3 src=1.2.3.4 dst=1.2.3.4 sport=1 dport=2 id=7")
