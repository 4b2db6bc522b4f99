"""Each value of an entry stands where flows shows it, and filters leave out what flows would."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given

from ctaudit.conntrack.event import Kind
from ctaudit.query.answer import Answer
from ctaudit.query.entry import COLUMNS, EntryReader
from ctaudit.query.question import FlowsQuestion, read_flows
from ctaudit.spool.decoder import Batch, Decoder
from tests.unit.messages import ICMP, TCP, Entry, Side, build, columns_of, entries

BEGAN = datetime(2026, 2, 22, 11, 0, tzinfo=UTC)
START = 1_771_754_400_123_456_789  # 2026-02-22 10:00:00.123456789
CLIENT, SERVER, GATEWAY = map(ip_address, ("192.168.1.129", "19.1.16.7", "1.2.3.4"))
SNAT, DNAT = 0x19E, 0x2AE
OFFLOADED = 0xC000
COUNTERS = ("orig_packets", "orig_bytes", "reply_packets", "reply_bytes")

OUT = Entry(
    Kind.DUMP,
    TCP,
    Side(CLIENT, SERVER, (53400, 443)),
    Side(SERVER, GATEWAY, (443, 53500)),
    ct_id=1,
    status=SNAT,
)
# The server outside reaches the client through a port of the gateway's.
IN = Entry(
    Kind.DUMP,
    TCP,
    Side(SERVER, GATEWAY, (6000, 8443)),
    Side(CLIENT, SERVER, (443, 6000)),
    ct_id=2,
    status=DNAT,
)
# A neighbour reaches the client by the gateway's public address, and is translated itself.
NEIGHBOUR = ip_address("192.168.1.7")
HAIRPIN = Entry(
    Kind.DUMP,
    TCP,
    Side(NEIGHBOUR, GATEWAY, (7000, 8443)),
    Side(CLIENT, GATEWAY, (443, 7000)),
    ct_id=3,
    status=SNAT | DNAT,
)


def read(*listed: Entry, question: FlowsQuestion | None = None) -> list[Answer]:
    body = b"".join(data + bytes(-len(data) % 4) for data in map(build, listed))
    batch = Batch()
    assert Decoder().read(body, 0, 0, batch, len(listed)).stop is None
    reader = EntryReader("gw1", question or FlowsQuestion(), BEGAN)
    return [answer for each in batch.rows.items() for answer in reader.read_rows(*each)]


def test_columns_are_in_the_order_of_an_answer() -> None:
    names = [item.name for item in fields(Answer)]
    last = names[names.index("orig_src") : names.index("counters")]
    last[last.index("protocol_state")] = "state"
    assert list(COLUMNS[: len(last)]) == last


@given(entries())
def test_values(entry: Entry) -> None:
    entry = replace(entry, kind=Kind.DUMP)
    sent = columns_of(entry)
    [answer] = read(entry)
    # An answer's state is not the protocol's; its start is looked at below.
    same = [name for name in COLUMNS if name not in ("state", "start_sent")]
    shown = {name: getattr(answer, name) for name in same}
    assert shown.pop("zone") == sent.get("zone", 0)
    if (entry.status or 0) & OFFLOADED:
        assert {shown.pop(name) for name in COUNTERS} == {None}
    assert shown == {name: sent.get(name) for name in shown}
    assert (answer.proto, answer.protocol_state) == (entry.proto, sent.get("state"))
    assert (answer.node, answer.state, answer.provenance) == ("gw1", "open", "dump")
    assert answer.exact
    assert (answer.ended_at, answer.ended_source, answer.started_after) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "counted", "said"),
    [
        (SNAT, (3, 180), (180, "at least", "by the last table dump")),
        (SNAT, None, (None, "unknown", "the kernel did not count, nf_conntrack_acct = 0")),
        (SNAT | 1 << 14, (3, 180), (None, "unknown", "offloaded to a flowtable")),
        (SNAT | 1 << 15, (3, 180), (None, "unknown", "offloaded to a flowtable")),
    ],
)
def test_what_counters_are_worth(
    status: int, counted: tuple[int, int] | None, said: tuple[object, ...]
) -> None:
    [answer] = read(replace(OUT, status=status, orig_counters=counted, reply_counters=counted))
    assert (answer.orig_bytes, answer.counters, answer.counters_cause) == said
    assert {answer.orig_packets, answer.reply_packets, answer.reply_bytes} in ({3, 180}, {None})


def test_the_kernel_s_start() -> None:
    [answer] = read(replace(OUT, timestamps=(START, None)))
    assert answer.started_at == datetime(2026, 2, 22, 10, 0, 0, 123456, tzinfo=UTC)
    assert (answer.started_source, answer.last_seen_at) == ("kernel", BEGAN)
    later = START + 3600 * 1_000_000_000
    [answer] = read(replace(OUT, timestamps=(later, None)))
    assert answer.last_seen_at == answer.started_at == BEGAN + timedelta(microseconds=123456)


def test_no_start_without_time_stamps() -> None:
    [answer] = read(OUT)
    assert (answer.started_at, answer.started_source) == (None, None)
    assert answer.last_seen_at == BEGAN


def name_parties(answer: Answer) -> tuple[str, ...]:
    return tuple(
        f"{address}:{port}"
        for address, port in (
            (answer.host, answer.host_port),
            (answer.public, answer.public_port),
            (answer.remote, answer.remote_port),
        )
    )


def test_parties() -> None:
    out, inward, hairpin = read(OUT, IN, HAIRPIN)
    assert (out.direction, inward.direction) == ("outward", "inward")
    assert name_parties(out) == ("192.168.1.129:53400", "1.2.3.4:53500", "19.1.16.7:443")
    assert name_parties(inward) == ("192.168.1.129:443", "1.2.3.4:8443", "19.1.16.7:6000")
    assert hairpin.direction == "outward"
    assert name_parties(hairpin) == ("192.168.1.7:7000", "1.2.3.4:7000", "192.168.1.129:443")
    [echo] = read(
        replace(
            OUT,
            proto=ICMP,
            orig=Side(CLIENT, SERVER, icmp=(4711, 8, 0)),
            reply=Side(SERVER, GATEWAY, icmp=(4712, 0, 0)),
        )
    )
    assert name_parties(echo) == ("192.168.1.129:4711", "1.2.3.4:4712", "19.1.16.7:None")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [(1, "outward"), (2, "inward"), (3, "outward")]),
        ({"host": "192.168.1.129"}, [(1, "outward"), (2, "inward"), (3, "inward")]),
        ({"host": "192.168.1.0/24"}, [(1, "outward"), (2, "inward"), (3, "outward")]),
        ({"host": "192.168.1.7"}, [(3, "outward")]),
        ({"nat": "1.2.3.0/24"}, [(1, "outward"), (2, "inward"), (3, "outward")]),
        ({"remote": "19.1.16.7"}, [(1, "outward"), (2, "inward")]),
        ({"host": "192.168.1.129", "remote": "192.168.1.7"}, [(3, "inward")]),
        ({"host": "19.1.16.7"}, [(2, "outward")]),
        ({"host": "::/0"}, []),
    ],
)
def test_filters(asked: dict[str, Any], found: list[tuple[int, str]]) -> None:
    answers = read(OUT, IN, HAIRPIN, question=read_flows(**asked))
    assert [(answer.ct_id, answer.direction) for answer in answers] == found
