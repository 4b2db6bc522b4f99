"""The lines of an output: ulogd2's keys and its syslog-like line, for every kind of message."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.config import Config, OutputSection, PrivacySection, ScopeSection
from ctaudit.conntrack.event import Kind
from ctaudit.forward.gap import Gap, gap_of_note
from ctaudit.forward.lines import Lines
from ctaudit.spool.decoder import Decoder
from ctaudit.spool.note import Note
from tests.unit.messages import (
    GRE,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Entry,
    Side,
    build,
    columns_of,
    entries,
)
from tests.unit.test_layout import ENTRY

RECEIVED = 1_393_063_174_403_240_999  # 2014-02-22 09:59:34 UTC
CLIENT, SERVER, PUBLIC = map(ip_address, ("192.168.1.129", "68.232.35.139", "1.2.3.4"))
SIX = ip_address("2001:db8::1")
NEW = Entry(
    Kind.NEW, TCP, Side(CLIENT, SERVER, (60846, 443)), Side(SERVER, PUBLIC, (443, 60946)),
    ct_id=1384991512, status=0x188 | 0x10,
)  # fmt: skip
END = replace(
    NEW, kind=Kind.DESTROY, orig_counters=(23, 5600), reply_counters=(20, 4328), mark=7,
    timestamps=(1_393_068_302_637_516_999, 1_393_068_424_403_240_000),
)  # fmt: skip
PING = Entry(
    Kind.NEW, ICMP, Side(CLIENT, SERVER, icmp=(77, 8, 3)), Side(SERVER, PUBLIC, icmp=(77, 0, 3)),
    ct_id=5, status=0x188,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Berlin's, by POSIX's notation."""
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def lines_of(*messages: Entry, form: str = "json", events: str = "all", **keys: Any) -> list[str]:
    config = Config(node="gw1", **keys)
    lines = Lines(config, OutputSection("/out", form, events))
    body = b"".join(build(entry) + bytes(-len(build(entry)) % 4) for entry in messages)
    step = Decoder().read(body, 0, RECEIVED, lines.batch, 1000)
    assert step.stop is None
    return lines.take()


def json_of(entry: Entry, **keys: Any) -> dict[str, Any]:
    [line] = lines_of(entry, **keys)
    assert line.endswith("}\n")
    found: dict[str, Any] = json.loads(line)
    return found


def test_the_end_of_a_connection_as_json() -> None:
    assert json_of(END) == {
        "timestamp": "2014-02-22T10:59:34.403240+01:00", "dvc": "Netfilter", "node": "gw1",
        "src_ip": "192.168.1.129", "dest_ip": "68.232.35.139", "orig.ip.protocol": 6,
        "orig.l4.sport": 60846, "orig.l4.dport": 443,
        "orig.raw.pktlen": 5600, "orig.raw.pktcount": 23,
        "reply.ip.saddr.str": "68.232.35.139", "reply.ip.daddr.str": "1.2.3.4",
        "reply.ip.protocol": 6, "reply.l4.sport": 443, "reply.l4.dport": 60946,
        "reply.raw.pktlen": 4328, "reply.raw.pktcount": 20,
        "ct.mark": 7, "ct.id": 1384991512, "ct.event": 4,
        "flow.start.sec": 1393068302, "flow.start.usec": 637516,
        "flow.end.sec": 1393068424, "flow.end.usec": 403240, "flow.duration.sec": 122,
        "oob.family": 2, "oob.protocol": 0,
    }  # fmt: skip


def test_an_opening_as_json() -> None:
    """Its start is the time of receipt, and what it has not is 0, as in ulogd2."""
    found = json_of(NEW)
    assert (found["ct.event"], found["ct.mark"], found["orig.raw.pktcount"]) == (1, 0, 0)
    assert (found["flow.start.sec"], found["flow.start.usec"]) == (1393063174, 403240)
    assert not {key for key in found if key.startswith(("flow.end", "flow.duration"))}


@pytest.mark.parametrize(
    ("stamps", "keys"),
    [
        (None, {"flow.end.sec": 1393063174}),
        (
            (1_393_068_302_000_000_000, None),
            {"flow.start.sec": 1393068302, "flow.end.sec": 1393063174},
        ),
    ],
)
def test_an_end_without_the_kernel_s_stamps(
    stamps: tuple[int, None] | None, keys: dict[str, int]
) -> None:
    """Its end is the time of receipt; there is no duration."""
    found = json_of(replace(END, timestamps=stamps))
    assert {key: found[key] for key in found if re.match(r"flow\..*\.sec", key)} == keys


def test_icmp_as_json() -> None:
    found = json_of(PING)
    assert (found["icmp.type"], found["icmp.code"]) == (8, 3)
    assert not {key for key in found if ".l4." in key}
    six = replace(
        PING, proto=ICMPV6, orig=Side(SIX, SIX, icmp=(1, 128, 2)),
        reply=Side(SIX, SIX, icmp=(1, 129, 2)),
    )  # fmt: skip
    found = json_of(six)
    assert (found["icmpv6.type"], found["icmpv6.code"], found["oob.family"]) == (128, 2, 10)
    assert "icmp.type" not in found


def test_the_article_s_line() -> None:
    [line] = lines_of(NEW, form="log")
    assert line == (
        "Feb 22 10:59:34 gw1 [NEW] ORIG: SRC=192.168.1.129 DST=68.232.35.139 PROTO=TCP SPT=60846 "
        "DPT=443 PKTS=0 BYTES=0 , REPLY: SRC=68.232.35.139 DST=1.2.3.4 PROTO=TCP SPT=443 "
        "DPT=60946 PKTS=0 BYTES=0 \n"
    )


def test_type_and_code_of_icmp_are_not_swapped() -> None:
    [line] = lines_of(PING, form="log")
    assert line.count("PROTO=ICMP TYPE=8 CODE=3 PKTS=0 BYTES=0 ") == 2
    [line] = lines_of(replace(PING, proto=GRE, orig=Side(CLIENT, SERVER, (0, 7))), form="log")
    assert line.count("PROTO=47 PKTS=0") == 2


@pytest.mark.parametrize(
    ("events", "kinds"),
    [("all", [1, 2, 4, 4]), ("new", [1]), ("destroy", [4, 4]), ("nat", [1, 4])],
)
def test_which_events(events: str, kinds: list[int]) -> None:
    """An entry of a dump is none. The order is that of the stream."""
    plain = replace(END, status=0x188)
    update, dump = replace(NEW, kind=Kind.UPDATE, status=0), replace(NEW, kind=Kind.DUMP)
    found = lines_of(NEW, dump, update, END, plain, events=events)
    assert [json.loads(line)["ct.event"] for line in found] == kinds


def test_remote_ends_are_taken_out() -> None:
    keys: dict[str, Any] = {
        "privacy": PrivacySection(remote=False),
        "scope": ScopeSection(internal=("192.168.0.0/16",)),
    }
    found = json_of(END, **keys)
    assert (found["src_ip"], found["orig.l4.sport"]) == ("192.168.1.129", 60846)
    assert not int(ip_address(found["dest_ip"]))
    assert (found["orig.l4.dport"], found["reply.l4.sport"]) == (0, 0)
    [line] = lines_of(END, form="log", **keys)
    assert "68.232.35.139" not in line


KEYS = {
    "orig.raw.pktlen": "orig_bytes", "orig.raw.pktcount": "orig_packets",
    "reply.raw.pktlen": "reply_bytes", "reply.raw.pktcount": "reply_packets",
    "ct.mark": "mark", "ct.id": "ct_id",
}  # fmt: skip


@given(entries(), st.sampled_from(["all", "nat"]))
def test_every_message_is_a_line(entry: Entry, events: str) -> None:
    """Which says what was in the message."""
    found = lines_of(entry, events=events)
    columns = columns_of(entry)
    wanted = entry.kind is not Kind.DUMP
    if events == "nat":
        wanted = wanted and bool(columns.get("status", 0) & 0x30)
    assert len(found) == len(lines_of(entry, events=events, form="log")) == wanted
    for line in found:
        values = json.loads(line)
        assert {key: values[key] for key in KEYS} == {
            key: columns.get(column, 0) for key, column in KEYS.items()
        }
        assert ip_address(values["src_ip"]) == entry.orig.src
        assert ip_address(values["reply.ip.daddr.str"]) == entry.reply.dst
        if entry.proto in (TCP, UDP):
            assert values["reply.l4.dport"] == columns["reply_dport"]
        if entry.kind is Kind.DESTROY and entry.timestamps and entry.timestamps[1] is not None:
            assert values["flow.end.usec"] == entry.timestamps[1] % 10**9 // 1000


def test_a_gap_is_a_line() -> None:
    as_json = (
        '{"timestamp": "2014-02-22T10:59:34.403240+01:00", "dvc": "Netfilter", "node": "gw1", '
        '"gap.cause": "overrun", "gap.from": "2014-02-22T10:59:33.403240+01:00", '
        '"gap.until": "2014-02-22T10:59:34.403240+01:00", "gap.lost": 4}\n'
    )
    as_log = (
        'Feb 22 10:59:34 gw1 [GAP] CAUSE="overrun" FROM=2014-02-22T10:59:33.403240+01:00 '
        "UNTIL=2014-02-22T10:59:34.403240+01:00 LOST=4\n"
    )
    for form, said in (("json", as_json), ("log", as_log)):
        lines = Lines(Config(node="gw1"), OutputSection("/out", form))
        lines.add_gap(Gap("overrun", RECEIVED - 10**9, RECEIVED, 4))
        assert lines.take() == [said]


@pytest.mark.parametrize(
    ("note", "gap"),
    [
        (Note("overrun", 9, {"last_read_at": 5, "lost": None}), Gap("overrun", 5, 9)),
        (Note("overrun", 9, {}), Gap("overrun", 0, 9)),
        (Note("dropped", 9, {"from": 5, "until": 8, "count": 3}), Gap("spool full", 5, 8, 3)),
        (Note("start", 9, {}), Gap("not listening", 7, 9)),
        (Note("resume", 9, {}), None),
        (Note("dump end", 9, {}), None),
    ],
)
def test_which_notes_make_a_gap(note: Note, gap: Gap | None) -> None:
    assert gap_of_note(note, 7) == gap


def test_the_first_start_makes_none() -> None:
    assert gap_of_note(Note("start", 9, {}), 0) is None


def test_a_line_names_the_gateway_of_its_stream() -> None:
    lines = Lines(Config(node="gw1"), OutputSection("/out"))
    decoder = Decoder()
    for node in ("gw1", "gw2"):
        lines.set_node(node)
        decoder.read(build(ENTRY), 0, RECEIVED, lines.batch, 1)
        [line] = lines.take()
        assert json.loads(line)["node"] == node
