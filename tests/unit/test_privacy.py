"""Which ends of a connection are remote, and what is left of its tuples."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from ctaudit.config import CanarySection, Config, PrivacySection, ScopeSection
from ctaudit.conntrack.event import Kind
from ctaudit.record.loss import strip_message, undecodable
from ctaudit.spool.decoder import Batch, Decoder, describe_row
from ctaudit.spool.privacy import RemoteEnds, choose_privacy
from tests.unit.messages import Entry, Side, build

HIDE = RemoteEnds(["192.168.0.0/16", "2001:db8:1::/48"], ["1.2.3.4/32"])
SPARSE = RemoteEnds(["192.168.0.0/16"], [])
NOWHERE = "0.0.0.0"  # noqa: S104


def side(source: str, sport: int, target: str, dport: int) -> Side:
    return Side(ip_address(source), ip_address(target), (sport, dport))


def shown(remote_ends: RemoteEnds, orig: Side, reply: Side, **more: Any) -> dict[str, Any]:
    batch = Batch()
    proto = more.pop("proto", 6)
    message = build(Entry(kind=Kind.NEW, proto=proto, orig=orig, reply=reply, ct_id=1, **more))
    Decoder().read(message, 0, 1, batch, 10)
    ((layout, rows),) = remote_ends.hide(batch).rows.items()
    return {
        name: str(value) if "src" in name or "dst" in name else value
        for name, value in describe_row(layout, rows[0]).items()
        if name.startswith(("orig_", "reply_"))
    }


def ends(found: dict[str, Any]) -> list[str]:
    return [
        f"{found[address]}:{found[port]}"
        for address, port in (
            ("orig_src", "orig_sport"), ("orig_dst", "orig_dport"),
            ("reply_src", "reply_sport"), ("reply_dst", "reply_dport"),
        )
    ]  # fmt: skip


HOST, PUBLIC, GONE = "192.168.1.129:5", "1.2.3.4:6", f"{NOWHERE}:0"


@pytest.mark.parametrize("remote_ends", [HIDE, SPARSE])
def test_a_client_behind_source_nat(remote_ends: RemoteEnds) -> None:
    """Its public side is kept even where no public address is listed."""
    orig = side("192.168.1.129", 5, "19.1.16.7", 443)
    reply = side("19.1.16.7", 443, "1.2.3.4", 6)
    assert ends(shown(remote_ends, orig, reply)) == [HOST, GONE, GONE, PUBLIC]


@pytest.mark.parametrize("remote_ends", [HIDE, SPARSE])
def test_a_server_behind_destination_nat(remote_ends: RemoteEnds) -> None:
    orig = side("61.174.51.209", 7, "1.2.3.4", 6)
    reply = side("192.168.1.129", 5, "61.174.51.209", 7)
    assert ends(shown(remote_ends, orig, reply)) == [GONE, PUBLIC, HOST, GONE]


def test_an_internal_client_redirected_to_a_proxy() -> None:
    """The address that it called is the remote end, though the status says destination NAT."""
    orig = side("192.168.1.129", 5, "19.1.16.7", 80)
    reply = side("192.168.1.1", 3128, "192.168.1.129", 5)
    assert ends(shown(HIDE, orig, reply)) == [HOST, GONE, "192.168.1.1:3128", HOST]


def test_untranslated_in_each_direction() -> None:
    out = shown(
        HIDE, side("2001:db8:1::5", 5, "2a00::1", 443), side("2a00::1", 443, "2001:db8:1::5", 5)
    )
    assert ends(out) == ["2001:db8:1::5:5", ":::0", ":::0", "2001:db8:1::5:5"]
    into = shown(
        HIDE, side("2a00::1", 7, "2001:db8:1::5", 22), side("2001:db8:1::5", 22, "2a00::1", 7)
    )
    assert ends(into) == [":::0", "2001:db8:1::5:22", "2001:db8:1::5:22", ":::0"]


def test_the_gateways_own_connection() -> None:
    orig, reply = side("1.2.3.4", 6, "19.1.16.7", 443), side("19.1.16.7", 443, "1.2.3.4", 6)
    assert ends(shown(HIDE, orig, reply)) == [PUBLIC, GONE, GONE, PUBLIC]
    assert ends(shown(SPARSE, orig, reply)) == [GONE] * 4


def test_the_canary_keeps_its_ends() -> None:
    """It is looked for by them; without a canary loopback is as any other address."""
    config = Config(scope=ScopeSection(None, ("192.168.0.0/16",)), privacy=PrivacySection(False))
    both = side("127.0.0.1", 6, "127.0.0.1", 9), side("127.0.0.1", 9, "127.0.0.1", 6)
    hidden = choose_privacy(config)
    kept = choose_privacy(replace(config, canary=CanarySection(300.0)))
    assert hidden is not None and kept is not None
    assert ends(shown(hidden, *both)) == [GONE] * 4
    here, there = "127.0.0.1:6", "127.0.0.1:9"
    assert ends(shown(kept, *both)) == [here, there, there, here]


def test_between_internal_hosts_nothing_is_remote() -> None:
    orig = side("192.168.1.129", 5, "192.168.2.1", 22)
    reply = side("192.168.2.1", 22, "192.168.1.129", 5)
    assert ends(shown(HIDE, orig, reply)) == [HOST, "192.168.2.1:22", "192.168.2.1:22", HOST]


def test_icmp_keeps_its_query_id() -> None:
    orig = Side(ip_address("192.168.1.129"), ip_address("19.1.16.7"), icmp=(4711, 8, 0))
    reply = Side(ip_address("19.1.16.7"), ip_address("1.2.3.4"), icmp=(4712, 0, 0))
    found = shown(HIDE, orig, reply, proto=1)
    assert (found["orig_sport"], found["reply_dport"]) == (4711, 4712)
    assert (found["orig_dst"], found["reply_src"]) == (NOWHERE, NOWHERE)
    assert (found["orig_icmp_type"], found["reply_dst"]) == (8, "1.2.3.4")


def test_undecodable_bytes_are_not_kept() -> None:
    loss = strip_message(undecodable(1, "rejected", b"19.1.16.7", "bad 19.1.16.7"))
    assert loss.note.detail == {"reason": "rejected", "message": None, "server_words": None}
    assert "19.1.16.7" not in loss.sentence
