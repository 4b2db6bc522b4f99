"""Event lines: within the budget, none silently left out, readable, with fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.config import JournalSection
from ctaudit.conntrack.event import COLUMNS, Kind
from ctaudit.host.log import MESSAGE_IDS
from ctaudit.record.live_log import EventLines, build_fields, format_line
from ctaudit.record.positions import Span
from ctaudit.spool.decoder import Batch, Decoder, describe_row
from tests.unit.messages import GRE, ICMP, ICMPV6, SCTP, TCP, UDP, Entry, Side, build, entries
from tests.unit.streams import STREAM
from tests.unit.test_layout import CLIENT, ENTRY, GATEWAY, SERVER

SECOND = 1_000_000_000


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Page:
    """What was written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: list[Mapping[str, str]] = []

    def write(self, line: str, fields: Mapping[str, str]) -> None:
        self.lines.append(line)
        self.fields.append(fields)


def batch_of(*made: Entry) -> Batch:
    batch, decoder = Batch(), Decoder()
    for entry in made:
        assert decoder.read(build(entry), 0, 5, batch, 1).stop is None
    return batch


def values_of(entry: Entry) -> dict[str, Any]:
    ((layout, (row,)),) = batch_of(entry).rows.items()
    return describe_row(layout, row)


def start(rate: int, burst: int = 0, events: str = "all") -> tuple[EventLines, Page, Clock]:
    page, clock = Page(), Clock()
    return EventLines(JournalSection(events, rate, burst), page.write, clock), page, clock


END = replace(ENTRY, kind=Kind.DESTROY)


def test_budget_and_sum() -> None:
    lines, page, clock = start(5)
    lines.show(batch_of(*[ENTRY] * 4, *[END] * 8))
    assert len(page.lines) == 5
    clock.now += 0.9
    lines.show(batch_of(*[ENTRY] * 1995))
    assert len(page.lines) == 5
    clock.now += 0.2
    lines.turn()
    assert page.lines[5:] == ["… and 2,002 more events, not shown (1,995 NEW, 7 DESTROY)"]
    assert page.fields[5] == {
        "MESSAGE_ID": MESSAGE_IDS["summary"],
        "CT_UNSHOWN_NEW": "1995",
        "CT_UNSHOWN_DESTROY": "7",
    }
    lines.show(batch_of(*[ENTRY] * 5))
    assert len(page.lines) == 11
    # What is told once is not told again.
    clock.now += 2
    lines.turn()
    lines.finish()
    assert len(page.lines) == 11


def test_sum_comes_before_the_next_seconds_lines() -> None:
    lines, page, clock = start(1)
    lines.show(batch_of(ENTRY, ENTRY))
    clock.now += 1
    lines.show(batch_of(END))
    assert [line.split()[0] for line in page.lines] == ["NEW", "…", "DESTROY"]


def test_sum_is_not_lost_at_the_end() -> None:
    lines, page, _ = start(1)
    lines.show(batch_of(ENTRY, ENTRY, ENTRY))
    lines.finish()
    assert page.lines[1:] == ["… and 2 more events, not shown (2 NEW)"]


def test_quiet_time_leaves_lines_for_a_burst() -> None:
    """Ten a second on average, and no more than 30 in one second."""
    lines, page, clock = start(10, 30)
    shown = []
    for wait in (0, 1, 1, 2, 60):
        clock.now += wait
        before = len(page.lines)
        lines.show(batch_of(*[ENTRY] * 100))
        shown.append(len([line for line in page.lines[before:] if line.startswith("NEW")]))
    assert shown == [30, 10, 10, 20, 30]


@pytest.mark.parametrize("burst", [0, 200])
def test_no_line_at_rate_zero_but_the_sum(burst: int) -> None:
    lines, page, clock = start(0, burst)
    lines.show(batch_of(*[ENTRY] * 3))
    clock.now += 1
    lines.turn()
    assert page.lines == ["… and 3 more events, not shown (3 NEW)"]


INWARD = replace(
    ENTRY,
    orig=Side(ip_address("61.174.51.209"), GATEWAY, (4000, 8443)),
    reply=Side(ip_address("192.168.1.130"), ip_address("61.174.51.209"), (443, 4000)),
    status=0x1A8,
)
PLAIN = replace(ENTRY, reply=Side(SERVER, CLIENT, (443, 53400)), status=0x188)


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ("all", ["NEW", "NEW", "NEW", "DESTROY", "UPDATE"]),
        ("nat", ["NEW", "NEW", "DESTROY", "UPDATE"]),
        ("new", ["NEW", "NEW", "NEW"]),
        ("none", []),
    ],
)
def test_which_events_have_a_line(events: str, shown: list[str]) -> None:
    """A connection with source NAT, one with destination NAT, one with neither."""
    outward = [replace(ENTRY, kind=kind, status=0x198) for kind in Kind]
    batch = batch_of(*outward, INWARD, PLAIN)
    lines, page, _ = start(100, events=events)
    lines.show(batch)
    assert sorted(line.split()[0] for line in page.lines) == sorted(shown)
    # What has no line is not announced as left out, either.
    lines, page, _ = start(0, events=events)
    lines.show(batch)
    lines.finish()
    counted = sum(int(n) for fields in page.fields for n in list(fields.values())[1:])
    assert counted == len(shown)


def test_what_is_read_again_is_not_shown_again() -> None:
    lines, page, _ = start(100)
    lines.show_once(Span("gw1", STREAM, 0, 40), batch_of(ENTRY))
    lines.show_once(Span("gw1", STREAM, 0, 20), batch_of(ENTRY))
    lines.show_once(Span("gw1", STREAM, 20, 40), batch_of(ENTRY))
    assert len(page.lines) == 1
    lines.show_once(Span("gw1", STREAM, 40, 60), batch_of(END))
    lines.show_once(Span("gw1", UUID(int=7), 0, 20), batch_of(ENTRY))
    assert [line.split()[0] for line in page.lines] == ["NEW", "DESTROY", "NEW"]


@given(st.integers(0, 7), st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1.5)), max_size=12))
def test_every_event_is_shown_or_counted(rate: int, steps: list[tuple[int, float]]) -> None:
    lines, page, clock = start(rate)
    shown_in: dict[float, int] = {}
    second = clock.now
    for count, wait in steps:
        before = len([line for line in page.lines if line.startswith("NEW")])
        lines.show(batch_of(*[ENTRY] * count))
        if clock.now - second >= 1.0:
            second = clock.now
        after = len([line for line in page.lines if line.startswith("NEW")])
        shown_in[second] = shown_in.get(second, 0) + after - before
        clock.now += wait
    lines.finish()
    unshown = sum(int(fields.get("CT_UNSHOWN_NEW", 0)) for fields in page.fields)
    assert sum(shown_in.values()) + unshown == sum(count for count, _ in steps)
    assert all(shown <= rate for shown in shown_in.values())


def test_dumped_entries_are_no_events() -> None:
    lines, page, clock = start(5)
    lines.show(batch_of(*[replace(ENTRY, kind=Kind.DUMP)] * 20))
    clock.now += 2
    lines.turn()
    assert page.lines == []


CLIENT6, SERVER6 = ip_address("2a01:e35::50"), ip_address("2001:41d0::1")
OUTSIDER, TARGET = ip_address("61.174.51.209"), ip_address("192.168.1.130")
QUIET = replace(
    ENTRY, orig_counters=None, reply_counters=None, timestamps=None, state=None, status=None
)


def sides(proto: int, ports: Any, v6: bool = False) -> dict[str, Any]:
    near, far = (CLIENT6, SERVER6) if v6 else (CLIENT, SERVER)
    given_ports = {"icmp": ports} if proto in (ICMP, ICMPV6) else {"ports": ports}
    back = ports if ports is None or "icmp" in given_ports else ports[::-1]
    given_back = {"icmp": back} if "icmp" in given_ports else {"ports": back}
    public = near if v6 else GATEWAY
    return {
        "proto": proto,
        "orig": Side(near, far, **given_ports),
        "reply": Side(far, public, **given_back),
    }


LINES = {
    "NEW     tcp   192.168.1.129:53400 -> 19.1.16.7:443 as 1.2.3.4:53500": QUIET,
    "NEW     udp   192.168.1.129:5353 -> 19.1.16.7:53 as 1.2.3.4:5353": replace(
        QUIET, **sides(UDP, (5353, 53))
    ),
    "NEW     icmp  192.168.1.129:77 -> 19.1.16.7 as 1.2.3.4:77": replace(
        QUIET, **sides(ICMP, (77, 8, 0))
    ),
    "NEW     icmpv6 [2a01:e35::50]:77 -> 2001:41d0::1": replace(
        QUIET, **sides(ICMPV6, (77, 128, 0), v6=True)
    ),
    "NEW     sctp  192.168.1.129:1 -> 19.1.16.7:2 as 1.2.3.4:1": replace(
        QUIET, **sides(SCTP, (1, 2))
    ),
    "NEW     gre   192.168.1.129:0 -> 19.1.16.7:9 as 1.2.3.4:0": replace(
        QUIET, **sides(GRE, (0, 9))
    ),
    "NEW     esp   192.168.1.129 -> 19.1.16.7 as 1.2.3.4": replace(QUIET, **sides(50, None)),
    "NEW     253   192.168.1.129 -> 19.1.16.7 as 1.2.3.4": replace(QUIET, **sides(253, None)),
    "NEW     tcp   [2a01:e35::50]:4000 -> [2001:41d0::1]:22": replace(
        QUIET, **sides(TCP, (4000, 22), v6=True)
    ),
    "NEW     tcp   61.174.51.209:4000 -> 1.2.3.4:8443 to 192.168.1.130:443": replace(
        QUIET,
        orig=Side(OUTSIDER, GATEWAY, (4000, 8443)),
        reply=Side(TARGET, OUTSIDER, (443, 4000)),
        status=0x1A8,
    ),
    "NEW     tcp   192.168.1.129:53400 -> 19.1.16.7:443 as 1.2.3.4:53500 zone 7": replace(
        QUIET, zone=7
    ),
    "UPDATE  tcp   192.168.1.129:53400 -> 19.1.16.7:443 as 1.2.3.4:53500 ESTABLISHED": replace(
        QUIET, kind=Kind.UPDATE, state=3
    ),
    "DESTROY tcp   192.168.1.129:53400 -> 19.1.16.7:443 as 1.2.3.4:53500"
    ", 12/10 packets 3456/7890 bytes, 61.5 s": replace(
        QUIET,
        kind=Kind.DESTROY,
        state=7,
        orig_counters=(12, 3456),
        reply_counters=(10, 7890),
        timestamps=(SECOND, 62 * SECOND + SECOND // 2),
    ),
    "DESTROY udp   192.168.1.129:5353 -> 19.1.16.7:53 as 1.2.3.4:5353": replace(
        QUIET, kind=Kind.DESTROY, timestamps=(SECOND, None), **sides(UDP, (5353, 53))
    ),
}


@pytest.mark.parametrize(("line", "entry"), LINES.items())
def test_line(line: str, entry: Entry) -> None:
    assert format_line(values_of(entry)) == line


NAMED = {f"CT_{end}{port}" for end in ("HOST", "PUBLIC", "REMOTE") for port in ("", "_PORT")}
NAMED |= {"CT_DURATION"}


def named(entry: Entry) -> dict[str, str]:
    fields = build_fields(values_of(entry))
    return {name[3:].lower(): fields[name] for name in fields if name in NAMED}


def test_ends_have_the_names_that_who_gives_them() -> None:
    assert named(ENTRY) == {
        "host": "192.168.1.129", "host_port": "53400", "public": "1.2.3.4",
        "public_port": "53500", "remote": "19.1.16.7", "remote_port": "443",
    }  # fmt: skip
    assert named(INWARD) == {
        "host": "192.168.1.130", "host_port": "443", "public": "1.2.3.4",
        "public_port": "8443", "remote": "61.174.51.209", "remote_port": "4000",
    }  # fmt: skip
    # An ICMP query id stands where the port does; the other end has none.
    assert named(replace(QUIET, **sides(ICMP, (77, 8, 0)))) == {
        "host": "192.168.1.129", "host_port": "77", "public": "1.2.3.4", "public_port": "77",
        "remote": "19.1.16.7",
    }  # fmt: skip


def test_a_remote_end_that_is_not_stored_has_no_field() -> None:
    nobody = ip_address(0)
    hidden = replace(
        ENTRY, orig=Side(CLIENT, nobody, (53400, 0)), reply=Side(nobody, GATEWAY, (0, 53500))
    )
    assert set(named(hidden)) == {"host", "host_port", "public", "public_port"}


def test_duration_is_that_of_the_kernel() -> None:
    lasted = replace(END, timestamps=(SECOND, 62 * SECOND + SECOND // 2))
    assert named(lasted)["duration"] == "61.500000"
    assert "duration" not in named(replace(END, timestamps=(SECOND, None)))


@given(entries())
def test_any_event_has_a_line_and_fields(entry: Entry) -> None:
    values = values_of(entry)
    line, fields = format_line(values), build_fields(values)
    assert "\n" not in line
    assert line.startswith(entry.kind.name)
    names = {f"CT_{column.upper()}" for column in values if column != "kind"}
    assert names | {"MESSAGE_ID", "CT_EVENT"} <= set(fields)
    assert set(fields) - names - {"MESSAGE_ID", "CT_EVENT"} <= NAMED
    # journald's own rule for names (systemd.journal-fields(7)).
    assert all(name.isascii() and name == name.upper() for name in fields)
    assert all(isinstance(value, str) for value in fields.values())


def test_counters_that_are_half_there() -> None:
    values = values_of(ENTRY)
    del values["orig_bytes"]
    assert "packets" not in format_line(values)


def test_fields() -> None:
    fields = build_fields(values_of(replace(ENTRY, labels=bytes(15) + b"\x20", helper="ftp")))
    expected = {
        "MESSAGE_ID": MESSAGE_IDS["event"], "CT_EVENT": "NEW", "CT_PROTO": "6",
        "CT_ORIG_SRC": "192.168.1.129", "CT_ORIG_SPORT": "53400", "CT_ORIG_DST": "19.1.16.7",
        "CT_ORIG_DPORT": "443", "CT_REPLY_DST": "1.2.3.4", "CT_REPLY_DPORT": "53500",
        "CT_CT_ID": str(0xDEADBEEF), "CT_HELPER": "ftp", "CT_LABELS": "00" * 15 + "20",
    }  # fmt: skip
    assert expected.items() <= fields.items()
    assert {name.removeprefix("CT_").lower() for name in fields} <= {
        "message_id", "event", *COLUMNS, *(name[3:].lower() for name in NAMED),
    }  # fmt: skip


def test_each_fault_has_its_own_identity() -> None:
    assert len(set(MESSAGE_IDS.values())) == len(MESSAGE_IDS)
    assert all(len(value) == 32 and int(value, 16) for value in MESSAGE_IDS.values())
