"""who's reply, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ctaudit.query.answer import IMPORTED, Answer, Coverage, Import
from ctaudit.query.answer_text import PLAIN_KEYS
from ctaudit.query.hint import Hint
from ctaudit.query.lacking_text import NO_START
from ctaudit.query.question import read_who
from ctaudit.query.reply import Reply, make_reply
from ctaudit.query.value_text import format_time
from ctaudit.query.who_text import format_reply, plain_reply
from tests.unit.answers import (
    ARTICLE6,
    CLASHED,
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


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def tell(*answers: Answer, coverage: tuple[Coverage, ...] = (COMPLETE,)) -> list[str]:
    return list(format_reply(make_reply(QUESTION, answers, coverage)))


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
    keyed = replace(ECHO, proto=47)
    assert tell(keyed)[0].startswith("192.168.1.129 key 4711 was behind 1.2.3.4 key 4711 (gre to")


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
        ({"state": "unknown", "ended_at": None}, "unknown, no end is recorded"),
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
        ({"started_at": None, "started_source": None}, f"unknown ({NO_START})"),
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
    counted = replace(
        OPEN,
        orig_packets=3,
        orig_bytes=180,
        last_seen_at=END,
        counters="at least",
        counters_cause="by the last table dump",
    )
    lines = tell(counted)
    assert "  sent       at least 3 packets, 180 bytes by 2026-02-22 13:01:37.403456+01:00" in lines
    assert "  received   unknown" in lines


def test_since_when_no_packet_was_seen() -> None:
    line = "  idle       no packet from 2026-02-22 11:59:43.000000+01:00"
    since = datetime(2026, 2, 22, 10, 59, 43, tzinfo=UTC)
    assert f"{line} to {format_time(END)}, by the table dumps" in tell(
        replace(OUTWARD, idle_since=since)
    )
    open_for_days = replace(OPEN, idle_since=since, last_seen_at=since + timedelta(days=5))
    (said,) = [one for one in tell(open_for_days) if "idle" in one]
    assert said == f"{line} to 2026-02-27 11:59:43.000000+01:00, by the table dumps"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"counters": "at least", "counters_cause": "another tool set the counters to zero"},
            "at least 23 packets, 5,600 bytes (another tool set the counters to zero)",
        ),
        (
            {
                "counters": "unknown",
                "counters_cause": "offloaded to a flowtable",
                "orig_packets": None,
                "orig_bytes": None,
            },
            "unknown (offloaded to a flowtable)",
        ),
    ],
)
def test_why_counters_are_not_exact(changes: dict[str, Any], line: str) -> None:
    assert f"  sent       {line}" in tell(replace(OUTWARD, **changes))


def test_a_gateway_that_was_renamed_is_told() -> None:
    said = "The gateway that was called gw0 is called gw1 now."
    asked = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z", node="gw0")
    assert said in format_reply(make_reply(asked, [], [COMPLETE]))
    same = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z", node="gw1")
    assert not [line for line in format_reply(make_reply(same, [], [COMPLETE])) if "called" in line]


def test_nobody() -> None:
    assert tell() == [
        "No connection is recorded for 1.2.3.4:53500.",
        "Asked: 2026-02-22 12:59:43+01:00 to before 2026-02-22 12:59:44+01:00 (CET).",
        "The record of the connections that conntrack tracks is complete here.",
    ]


def test_an_answer_outside_of_the_scope() -> None:
    why = "gw1: 1.2.3.4 is not an address of this gateway (its scope from 2026-02-22 11:00:00+00"
    outside = replace(COMPLETE, in_scope=False, none_why=f"{why} is 1.2.3.9)")
    told, complete = tell(OUTWARD, coverage=(outside,))[-2:]
    assert told.startswith("Wrong scope: gw1: 1.2.3.4 is not an address of this gateway")
    assert told.endswith(
        "from 2026-02-22 12:00:00+01:00 is 1.2.3.9), and yet it had this connection."
    )
    assert complete == "The record is complete here."
    assert tell(coverage=(outside,))[-1].startswith("Unknown: gw1: 1.2.3.4 is not an address")
    reply = plain_reply(make_reply(QUESTION, (OUTWARD,), (outside,)))
    assert (reply["verdict"], reply["scope_wrong"]) == ("one", [outside.none_why])
    assert reply["completeness"][0]["in_scope"] is False


def test_the_record_of_a_pair() -> None:
    why = "gw1: has recorded nothing since 2026-02-22 11:00:00+00; its pair gw2 has its connections"
    paired = replace(COMPLETE, by_pair=why)
    told, complete = tell(OUTWARD, coverage=(paired,))[-2:]
    assert told.startswith("Pair: gw1: has recorded nothing since 2026-02-22 12:00:00+01:00; its")
    assert complete == "The record is complete here."
    reply = plain_reply(make_reply(QUESTION, (OUTWARD,), (paired,)))
    assert (reply["verdict"], reply["completeness"][0]["by_pair"]) == ("one", why)


def test_a_gap_is_said_and_completeness_is_not() -> None:
    for lines in (tell(coverage=(OVERRUN,)), tell(OUTWARD, coverage=(OVERRUN,))):
        assert (
            "Unknown: gw1: gap (overrun) from 2026-02-22 12:59:30.500000+01:00 "
            "until 2026-02-22 12:59:40+01:00, 123 lost."
        ) in lines
        assert not [line for line in lines if "complete" in line]
    assert tell(OUTWARD, coverage=(OVERRUN,))[-1] == "Another connection may be the one asked for."
    assert "Unknown: no gateway had a record then." in tell(coverage=())


def clashed(*answers: Answer) -> Reply:
    coverage = {17: [CLASHED], None: [COMPLETE]}
    return make_reply(QUESTION, answers, [CLASHED], coverage)


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ((OUTWARD,), "tcp: one, proven; udp: unknown; other: none, proven."),
        ((), "udp: unknown; other: none, proven."),
        ((OUTWARD, other()), "tcp: several, proven; udp: unknown; other: none, proven."),
        ((replace(OUTWARD, proto=17),), "udp: unknown; other: none, proven."),
        (
            (replace(OUTWARD, exact=False),),
            (
                "tcp: unknown (gw1: whether this connection was alive then was not observed); "
                "udp: unknown; other: none, proven."
            ),
        ),
    ],
)
def test_a_gap_of_one_protocol(answers: tuple[Answer, ...], line: str) -> None:
    lines = list(format_reply(clashed(*answers)))
    place = lines.index(
        "Unknown: gw1: gap (clashes) of udp from 2026-02-22 12:59:42+01:00 "
        "until 2026-02-22 13:01:43+01:00, 2 lost."
    )
    assert lines[place + 1] == line
    assert not [line for line in lines if "complete" in line]


def test_a_reason_that_is_only_one_protocol_s_is_said_there() -> None:
    coverage = {17: [replace(CLASHED, why=None)], None: [COMPLETE]}
    lines = format_reply(make_reply(QUESTION, (), [CLASHED], coverage))
    assert "udp: unknown (gw1: incomplete); other: none, proven." in lines


def test_an_inexact_answer_is_unknown_over_a_complete_record() -> None:
    lines = tell(replace(OUTWARD, exact=False))
    assert lines[-1].startswith("Unknown: gw1: ")
    assert not [line for line in lines if "complete" in line]


def apart(*answers: Answer, **asked: str) -> str:
    question = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z", **asked)
    lines = list(format_reply(make_reply(question, answers, (COMPLETE,))))
    return next(line for line in lines if "distinguish them" in line)


def test_several_are_numbered_and_told_apart() -> None:
    lines = tell(OUTWARD, other())
    assert lines[0] == "2 candidates for 1.2.3.4:53500:"
    assert lines[2].startswith("1. 192.168.1.129:53400 was behind")
    assert [line for line in lines if line.startswith("2. 192.168.1.131:53400 was behind")]
    assert "They belong to 2 different hosts." in lines
    assert apart(OUTWARD, other()) == "To distinguish them, add: --to with the remote address."


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
    assert apart(OUTWARD, other(**changes), **asked) == f"To distinguish them, add: {way}."


def test_what_nothing_tells_apart() -> None:
    first = replace(OPEN, ct_id=1)
    assert apart(first, replace(first, ct_id=2)) == ("No further filter can distinguish them.")
    assert "All belong to the same host, 192.168.1.129." in tell(first, first)


def test_more_answers_than_are_shown() -> None:
    assert tell(*[OUTWARD] * 1001)[0] == "More than 1,000 candidates for 1.2.3.4:53500:"


def test_plain_reply() -> None:
    reply = json.loads(json.dumps(plain_reply(make_reply(QUESTION, (OUTWARD,), (COMPLETE,)))))
    assert list(reply) == [
        "question", "verdict", "exit_status", "complete", "reasons", "hosts", "answers", "cut",
        "completeness", "protocols", "imported", "scope_wrong", "hints",
    ]  # fmt: skip
    assert reply["protocols"] == {}
    assert (reply["verdict"], reply["exit_status"], reply["complete"]) == ("one", 0, True)
    assert reply["hosts"] == ["192.168.1.129"]
    assert reply["question"]["from"] == "2026-02-22T11:59:43.000000Z"
    answer = reply["answers"][0]
    assert tuple(answer) == (*PLAIN_KEYS, "seen_by")
    assert (answer["host"], answer["host_port"]) == ("192.168.1.129", 53400)
    assert (answer["public"], answer["public_port"]) == ("1.2.3.4", 53500)
    assert answer["started_at"] == "2026-02-22T11:59:34.123456Z"
    assert answer["duration_seconds"] == 123.28
    assert answer["proto_name"] == "tcp"
    assert answer["mark"] is None


def test_plain_reply_for_each_protocol() -> None:
    reply = json.loads(json.dumps(plain_reply(clashed(OUTWARD))))
    assert (reply["verdict"], reply["exit_status"], reply["complete"]) == ("unknown", 4, False)
    assert reply["protocols"] == {
        "tcp": {
            "proto": 6, "verdict": "one", "exit_status": 0, "complete": True, "reasons": [],
        },
        "udp": {
            "proto": 17, "verdict": "unknown", "exit_status": 4, "complete": False,
            "reasons": [CLASHED.why],
        },
        "other": {
            "proto": None, "verdict": "none", "exit_status": 1, "complete": True, "reasons": [],
        },
    }  # fmt: skip


def test_the_reply_is_ascii() -> None:
    assert all(line.isascii() for line in tell(OUTWARD, INWARD, ECHO, ARTICLE6, OPEN))


def test_who_else_saw_it() -> None:
    outer = replace(
        OUTWARD, node="fw", host=OUTWARD.public, host_port=53500, orig_src=OUTWARD.public,
        orig_sport=53500, status=0xE, zone=7,
    )  # fmt: skip
    lines = tell(outer, OUTWARD, replace(OUTWARD, node="gw2"))
    assert lines[0].startswith("192.168.1.129:53400 was behind 1.2.3.4:53500")
    place = lines.index("  gateway    gw1")
    assert lines[place + 1 : place + 3] == [
        "  seen by    gw2",
        "  seen by    fw, zone 7, as 1.2.3.4:53500, not translated",
    ]
    again = replace(outer, reply_dst=OUTWARD.host, reply_dport=9, zone=0, orig_zone=3)
    assert "  seen by    fw, orig zone 3, as 1.2.3.4:53500, translated to 192.168.1.129:9" in (
        tell(again, OUTWARD)
    )
    reply = plain_reply(make_reply(QUESTION, [outer, OUTWARD], [COMPLETE]))
    assert (reply["verdict"], reply["hosts"]) == ("one", ["192.168.1.129"])
    (answer,) = reply["answers"]
    assert [(seen["node"], seen["zone"], seen["host"]) for seen in answer["seen_by"]] == [
        ("gw1", 0, "192.168.1.129"), ("fw", 7, "1.2.3.4"),
    ]  # fmt: skip


def test_hints_come_last() -> None:
    hint = Hint("any port", "with any port: 1 connection of 192.168.1.129 to 19.1.16.7", (OUTWARD,))
    reply = replace(make_reply(QUESTION, (), (COMPLETE,)), hints=(hint,))
    assert list(format_reply(reply))[-2:] == [
        "The record of the connections that conntrack tracks is complete here.",
        "Hint: with any port: 1 connection of 192.168.1.129 to 19.1.16.7.",
    ]
    plain = plain_reply(reply)
    assert (plain["verdict"], plain["exit_status"]) == ("none", 1)
    (said,) = plain["hints"]
    assert (said["kind"], said["count"], said["hosts"]) == ("any port", 1, ["192.168.1.129"])
    assert said["found"][0]["public_port"] == 53500


def test_hosts_are_counted_over_all() -> None:
    answers = [OUTWARD] * 1001
    reply = make_reply(QUESTION, answers, (COMPLETE,), hosts=[OUTWARD.host, other().host])
    said = list(format_reply(reply, 10))
    assert "They belong to 2 different hosts." in said
    assert said[said.index("They belong to 2 different hosts.") - 2 :][:2] == [
        "Not shown: 990 more; ctaudit who shows them.",
        "Not read: what is beyond the latest 1,000.",
    ]
    assert plain_reply(reply)["hosts"] == ["192.168.1.129", "192.168.1.131"]


OLD = Import("old", "ulogd2", None, None, 0)
TAKEN = replace(other(), node="old", provenance=IMPORTED, exact=False)


def test_of_many_candidates_the_first_are_shown() -> None:
    reply = make_reply(QUESTION, [OUTWARD, other(), ARTICLE6], (COMPLETE,))
    lines = list(format_reply(reply, 2))
    assert lines[0] == "3 candidates for 1.2.3.4:53500:"
    assert [line[:2] for line in lines if line[:1].isdecimal()] == ["3 ", "1.", "2."]
    assert "Not shown: 1 more; ctaudit who shows them." in lines


def test_imported_answers_are_no_candidates() -> None:
    lines = list(format_reply(make_reply(QUESTION, (OUTWARD, TAKEN), (COMPLETE,), imports=(OLD,))))
    assert lines[0].startswith("192.168.1.129:53400 was behind")
    place = lines.index("old: imported from ulogd2, not judged (): 1 found.")
    assert lines[place + 1].startswith("192.168.1.131:")
    assert not any("candidates" in line for line in lines)


def test_what_was_recorded_as_well_is_shown_once() -> None:
    taken = replace(OUTWARD, node="old", provenance=IMPORTED, exact=False)
    reply = make_reply(QUESTION, (taken, OUTWARD), (COMPLETE,), imports=(OLD,))
    lines = list(format_reply(reply))
    assert reply.verdict.name == "one"
    assert sum("was behind" in line for line in lines) == 1
    assert "  seen by    old" in lines
    assert "old: imported from ulogd2, not judged (): 1 found, 1 of them recorded as well." in lines
