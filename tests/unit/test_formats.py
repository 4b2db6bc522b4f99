"""What is printed: who's answers for people and machines, and the formats of flows."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.query.flows_text import format_csv, format_json, format_table, format_ulogd
from ctaudit.query.lookup import Answer, Coverage, Reply
from ctaudit.query.question import read_who
from ctaudit.query.value_text import (
    PLAIN_KEYS,
    localise,
    plain_time,
    show_duration,
    show_end,
    show_time,
)
from ctaudit.query.who_text import format_reply, plain_reply
from tests.unit.answers import (
    ARTICLE6,
    COMPLETE,
    ECHO,
    END,
    INWARD,
    OPEN,
    OUTWARD,
    OVERRUN,
    START,
    local_zone,
    other,
)

QUESTION = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z")

# The object in the article on ulogd's JSON output.
ARTICLE_KEYS = {
    "reply.ip.daddr.str", "oob.protocol", "dvc", "timestamp", "orig.ip.protocol",
    "reply.raw.pktcount", "flow.end.sec", "orig.l4.sport", "orig.l4.dport", "orig.raw.pktlen",
    "ct.id", "orig.raw.pktcount", "reply.raw.pktlen", "reply.ip.protocol", "reply.l4.sport",
    "reply.l4.dport", "ct.mark", "ct.event", "flow.start.sec", "flow.start.usec",
    "flow.end.usec", "reply.ip.saddr.str", "oob.family", "src_ip", "dest_ip",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def tell(*answers: Answer, coverage: tuple[Coverage, ...] = (COMPLETE,), **more: Any) -> list[str]:
    return list(format_reply(Reply(QUESTION, answers, coverage, **more)))


def test_one_answer_word_for_word() -> None:
    assert tell(OUTWARD) == [
        "192.168.1.129:53400 was behind 1.2.3.4:53500 (tcp to 19.1.16.7:443)",
        "  started    2026-02-22 12:59:34.123456+01:00 (kernel)",
        "  ended      2026-02-22 13:01:37.403456+01:00 (kernel)",
        "  duration   2 min 3.280 s, which includes the kernel's closing time-out",
        "  sent       23 packets, 5,600 bytes",
        "  received   20 packets, 4,328 bytes",
        "  gateway    gw1",
        "Asked: 2026-02-22 12:59:43+01:00 to before 2026-02-22 12:59:44+01:00 (CET).",
        "The record is complete here.",
    ]


def test_a_forwarded_port_names_who_reached_which_server() -> None:
    lines = tell(INWARD)
    assert lines[0] == "192.168.1.130:443 was behind 1.2.3.4:8443 (tcp from 61.174.51.209:6000)"
    assert "  sent       20 packets, 4,328 bytes" in lines
    assert "  received   23 packets, 5,600 bytes" in lines


def test_icmp_has_an_id_and_gre_a_key() -> None:
    assert tell(ECHO)[0] == "192.168.1.129 id 4711 was behind 1.2.3.4 id 4711 (icmp to 19.1.16.7)"
    assert show_end(47, OUTWARD.host, 7) == "192.168.1.129 key 7"


def test_an_address_that_was_not_translated() -> None:
    assert "was the host itself" in tell(ARTICLE6)[0]
    assert "[2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250]:51384" in tell(ARTICLE6)[0]


def test_both_ends_translated() -> None:
    lines = tell(replace(OUTWARD, status=0x3E, orig_dst=OUTWARD.public, orig_dport=80))
    assert "  called     1.2.3.4:80, which the gateway translated" in lines


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"state": "open", "ended_at": None}, "still open"),
        ({"state": "unknown", "ended_at": None}, "not known, no end is recorded"),
        (
            {"state": "unobserved", "ended_at": None, "ended_after": START, "ended_before": END},
            (
                "unobserved, after 2026-02-22 12:59:34.123456+01:00 "
                "and before 2026-02-22 13:01:37.403456+01:00"
            ),
        ),
        (
            {"ended_source": "receiver"},
            "2026-02-22 13:01:37.403456+01:00 (receiver, no later than this)",
        ),
        (
            {"ended_at": None, "ended_cause": "the stop lies before the start"},
            "at an unknown time: the stop lies before the start",
        ),
    ],
)
def test_how_an_end_is_told(changes: dict[str, Any], line: str) -> None:
    assert f"  ended      {line}" in tell(replace(OUTWARD, **changes))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"started_source": "event"}, "2026-02-22 12:59:34.123456+01:00 (kernel event)"),
        (
            {"started_source": "receiver", "started_after": START - timedelta(milliseconds=2)},
            (
                "2026-02-22 12:59:34.123456+01:00 (receiver, no later than this; "
                "no earlier than 2026-02-22 12:59:34.121456+01:00)"
            ),
        ),
        (
            {"started_source": "dump"},
            "2026-02-22 12:59:34.123456+01:00 (seen in a table dump, at or before this)",
        ),
        ({"started_at": None, "started_source": None}, "unknown"),
    ],
)
def test_how_a_start_is_told(changes: dict[str, Any], line: str) -> None:
    assert f"  started    {line}" in tell(replace(OUTWARD, **changes))


def test_what_is_unknown_is_called_unknown() -> None:
    lines = tell(OPEN)
    assert "  sent       unknown" in lines
    assert not [line for line in lines if "duration" in line]
    assert "  sent       1 packet, unknown bytes" in tell(
        replace(OUTWARD, orig_packets=1, orig_bytes=None)
    )


def test_counters_of_an_open_connection_are_those_of_the_last_dump() -> None:
    counted = replace(OPEN, orig_packets=3, orig_bytes=180, last_seen_at=END)
    lines = tell(counted)
    assert "  sent       3 packets, 180 bytes by 2026-02-22 13:01:37.403456+01:00" in lines
    assert "  received   unknown" in lines


def test_nobody() -> None:
    assert tell() == [
        "No connection is recorded for 1.2.3.4:53500.",
        "Asked: 2026-02-22 12:59:43+01:00 to before 2026-02-22 12:59:44+01:00 (CET).",
        "The record is complete here.",
    ]


def test_a_gap_is_said_and_completeness_is_not() -> None:
    for lines in (tell(coverage=(OVERRUN,)), tell(OUTWARD, coverage=(OVERRUN,))):
        assert (
            "Unknown: gw1: gap (overrun) from 2026-02-22 12:59:30.500000+01:00 "
            "until 2026-02-22 12:59:40+01:00, 123 lost."
        ) in lines
        assert not [line for line in lines if "complete" in line]
    assert tell(OUTWARD, coverage=(OVERRUN,))[-1] == "Another connection may be the one asked for."
    assert "Unknown: no gateway had a record then." in tell(coverage=())


def test_an_inexact_answer_is_unknown_over_a_complete_record() -> None:
    lines = tell(replace(OUTWARD, exact=False))
    assert lines[-1].startswith("Unknown: gw1: ")
    assert not [line for line in lines if "complete" in line]


def apart(*answers: Answer, **asked: str) -> str:
    question = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z", **asked)
    lines = list(format_reply(Reply(question, answers, (COMPLETE,))))
    return next(line for line in lines if "tell them apart" in line)


def test_several_are_numbered_and_told_apart() -> None:
    lines = tell(OUTWARD, other())
    assert lines[0] == "2 candidates for 1.2.3.4:53500:"
    assert lines[2].startswith("1. 192.168.1.129:53400 was behind")
    assert [line for line in lines if line.startswith("2. 192.168.1.131:53400 was behind")]
    assert "They are of 2 different hosts." in lines
    assert apart(OUTWARD, other()) == "To tell them apart, add: --to with the remote address."


@pytest.mark.parametrize(
    ("changes", "asked", "way"),
    [
        (
            {"remote": OUTWARD.remote, "remote_port": 80},
            {},
            "--to with the remote address and port",
        ),
        ({"remote": OUTWARD.remote, "proto": 17}, {}, "--proto (tcp, udp)"),
        ({"remote": OUTWARD.remote, "node": "gw2"}, {}, "--node (gw1, gw2)"),
        ({"remote": OUTWARD.remote}, {"within": "5"}, "a smaller --within"),
        (
            {"remote": OUTWARD.remote, "started_at": END},
            {},
            "a more exact --at, with a fraction of the second",
        ),
    ],
)
def test_what_tells_apart(changes: dict[str, Any], asked: dict[str, str], way: str) -> None:
    assert apart(OUTWARD, other(**changes), **asked) == f"To tell them apart, add: {way}."


def test_what_nothing_tells_apart() -> None:
    first = replace(OPEN, ct_id=1)
    assert apart(first, replace(first, ct_id=2)) == (
        "Nothing that can be asked would tell them apart."
    )
    assert "All of them are of the same host, 192.168.1.129." in tell(first, first)


def test_more_answers_than_are_shown() -> None:
    assert tell(OUTWARD, other(), cut=True)[0] == "More than 1000 candidates for 1.2.3.4:53500:"


def test_plain_reply() -> None:
    reply = json.loads(json.dumps(plain_reply(Reply(QUESTION, (OUTWARD,), (COMPLETE,)))))
    assert list(reply) == [
        "question", "verdict", "exit_status", "complete", "reasons", "hosts", "answers", "cut",
        "completeness",
    ]  # fmt: skip
    assert (reply["verdict"], reply["exit_status"], reply["complete"]) == ("one", 0, True)
    assert reply["hosts"] == ["192.168.1.129"]
    assert reply["question"]["from"] == "2026-02-22T11:59:43.000000Z"
    answer = reply["answers"][0]
    assert tuple(answer) == PLAIN_KEYS
    assert (answer["host"], answer["host_port"]) == ("192.168.1.129", 53400)
    assert (answer["public"], answer["public_port"]) == ("1.2.3.4", 53500)
    assert answer["started_at"] == "2026-02-22T11:59:34.123456Z"
    assert answer["duration_seconds"] == 123.28
    assert answer["proto_name"] == "tcp"
    assert answer["mark"] is None


def test_json_lines_and_csv_hold_the_same() -> None:
    answers = [OUTWARD, INWARD, ECHO, replace(ARTICLE6, labels=b"\x20\x00", helper='a,"b')]
    objects = [json.loads(line) for line in format_json(answers)]
    header, *rows = csv.reader("\n".join(format_csv(answers)).splitlines())
    assert tuple(header) == PLAIN_KEYS
    assert len(rows) == len(answers)
    for plain, row in zip(objects, rows, strict=True):
        assert row == ["" if value is None else str(value) for value in plain.values()]
    assert objects[3]["labels"] == "2000"
    assert objects[1]["public"] == "1.2.3.4"


def test_csv_of_nothing_is_its_header() -> None:
    assert list(format_csv([])) == [",".join(PLAIN_KEYS)]


def test_ulogd_has_the_article_keys_and_values() -> None:
    (line,) = format_ulogd([ARTICLE6])
    record = json.loads(line)
    assert set(record) == ARTICLE_KEYS
    assert record == {
        "reply.ip.daddr.str": "2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250",
        "oob.protocol": 0,
        "dvc": "Netfilter",
        "timestamp": "2014-02-22T12:27:04.403240+0100",
        "orig.ip.protocol": 6,
        "reply.raw.pktcount": 20,
        "flow.end.sec": 1393068424,
        "orig.l4.sport": 51384,
        "orig.l4.dport": 22,
        "orig.raw.pktlen": 5600,
        "ct.id": 1384991512,
        "orig.raw.pktcount": 23,
        "reply.raw.pktlen": 4328,
        "reply.ip.protocol": 6,
        "reply.l4.sport": 22,
        "reply.l4.dport": 51384,
        "ct.mark": 0,
        "ct.event": 4,
        "flow.start.sec": 1393068302,
        "flow.start.usec": 637516,
        "flow.end.usec": 403240,
        "reply.ip.saddr.str": "2001:41d0:1:9598::1",
        "oob.family": 10,
        "src_ip": "2a01:e35:1394:5ad0:da50:e6ff:fe3c:1250",
        "dest_ip": "2001:41d0:1:9598::1",
    }


def test_ulogd_of_an_open_connection_and_of_icmp() -> None:
    opened, echo = (json.loads(line) for line in format_ulogd([OPEN, ECHO]))
    assert opened["ct.event"] == 1
    assert opened["oob.family"] == 2
    assert not {"flow.end.sec", "flow.end.usec", "orig.raw.pktcount"} & set(opened)
    assert (echo["icmp.type"], echo["icmp.code"]) == (8, 0)
    assert "orig.l4.sport" not in echo


def test_table_word_for_word() -> None:
    assert list(format_table([OUTWARD, OPEN], 80)) == [
        "STARTED +01:00       PROTO  HOST                 PUBLIC         REMOTE",
        "2026-02-22 12:59:34  tcp    192.168.1.129:53400  1.2.3.4:53500  19.1.16.7:443",
        "2026-02-22 12:59:34  tcp    192.168.1.129:53400  1.2.3.4:53500  19.1.16.7:443",
    ]


@pytest.mark.parametrize("width", range(78, 200))
def test_table_fits(width: int) -> None:
    assert max(map(len, format_table([OUTWARD, OPEN, INWARD], width))) <= width


def test_table_shows_more_where_there_is_room() -> None:
    narrow, wide = (next(iter(format_table([OUTWARD], width))) for width in (80, None))
    assert set(narrow.split()) < set(wide.split())
    assert "REPLY PKTS" in wide
    assert "NODE" in wide


def test_table_keeps_both_ends_however_narrow() -> None:
    header, row = format_table([ARTICLE6], 40)
    assert header.split()[-3:] == ["HOST", "PUBLIC", "REMOTE"]
    assert "[2001:41d0:1:9598::1]:22" in row


def test_table_names_the_offset_that_is_not_the_headings() -> None:
    summer = replace(OUTWARD, started_at=datetime(2026, 7, 1, tzinfo=UTC))
    lines = list(format_table([OUTWARD, summer], None))
    assert lines[0].startswith("STARTED +01:00 ")
    assert lines[2].startswith("2026-07-01 02:00:00+02:00  ")


def test_table_of_nothing() -> None:
    assert list(format_table([], 80)) == ["No flows."]


def test_formats_do_not_collect_their_rows() -> None:
    taken = itertools.count()

    def rows() -> Iterator[Answer]:
        for _ in range(20_000):
            next(taken)
            yield OUTWARD

    for lines in (
        format_json(rows()),
        format_csv(rows()),
        format_ulogd(rows()),
        format_table(rows(), 80),
    ):
        for _ in itertools.islice(lines, 300):
            pass
    assert next(taken) < 4 * 301


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0.000 s"),
        (timedelta(milliseconds=59_999), "59.999 s"),
        (timedelta(minutes=1), "1 min 0.000 s"),
        (timedelta(hours=1, seconds=1.5), "1 h 0 min 1.500 s"),
        (timedelta(days=3, hours=4, minutes=5, seconds=6), "3 d 4 h 5 min 6.000 s"),
        (timedelta(seconds=59, microseconds=999_999), "59.999 s"),
    ],
)
def test_durations(duration: timedelta, text: str) -> None:
    assert show_duration(duration) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("until 2026-02-22 11:59:30+00", "until 2026-02-22 12:59:30+01:00"),
        ("at 2026-07-22 11:59:30.5-02, 3 lost", "at 2026-07-22 15:59:30.500000+02:00, 3 lost"),
        ("covered until now", "covered until now"),
        ("2026-99-99 11:59:30+00", "2026-99-99 11:59:30+00"),
        ("Tue Nov 24 09:29:54 2026 UTC", "Tue Nov 24 09:29:54 2026 UTC"),
    ],
)
def test_the_servers_times_are_shown_in_the_readers_zone(text: str, shown: str) -> None:
    assert localise(text) == shown


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_times_are_shown_as_they_are(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    assert datetime.fromisoformat(show_time(moment)) == moment
    assert datetime.fromisoformat(show_time(moment, trim=True)) == moment
    assert datetime.fromisoformat(plain_time(moment) or "") == moment


def test_everything_is_ascii() -> None:
    answers = (OUTWARD, INWARD, ECHO, ARTICLE6, OPEN)
    for lines in (tell(*answers), format_table(answers, None), format_ulogd(answers)):
        assert all(line.isascii() for line in lines)


def test_every_field_of_an_answer_has_its_key() -> None:
    assert [item.name for item in fields(Answer)] == list(PLAIN_KEYS[: len(fields(Answer))])
