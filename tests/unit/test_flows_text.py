"""flows as a table, JSON, CSV and ulogd2's JSON."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ctaudit.query.answer import Answer
from ctaudit.query.answer_text import PLAIN_KEYS
from ctaudit.query.flows_text import format_csv, format_json, format_table, format_ulogd
from tests.unit.answers import ARTICLE6, ECHO, INWARD, OPEN, OUTWARD, local_zone

# The object in the article on ulogd's JSON output.
ARTICLE_KEYS = {
    "reply.ip.daddr.str", "oob.protocol", "dvc", "timestamp", "orig.ip.protocol",
    "reply.raw.pktcount", "flow.end.sec", "orig.l4.sport", "orig.l4.dport", "orig.raw.pktlen",
    "ct.id", "orig.raw.pktcount", "reply.raw.pktlen", "reply.ip.protocol", "reply.l4.sport",
    "reply.l4.dport", "ct.mark", "ct.event", "flow.start.sec", "flow.start.usec",
    "flow.end.usec", "reply.ip.saddr.str", "oob.family", "src_ip", "dest_ip",
}  # fmt: skip

COUNTED = ("pktlen", "pktcount")


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


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


@pytest.mark.parametrize(("state", "kept"), [("ended", False), ("open", True)])
def test_ulogd_has_no_counters_of_an_end_that_are_not_all(state: str, kept: bool) -> None:
    zeroed = replace(OUTWARD, state=state, counters="at least", counters_cause="zeroed")
    whole, least = (json.loads(line) for line in format_ulogd([OUTWARD, zeroed]))
    counters = {f"{side}.raw.{what}" for side in ("orig", "reply") for what in COUNTED}
    assert counters <= set(whole)
    assert (counters & set(least)) == (counters if kept else set())


def test_table_marks_what_is_at_least_so_much() -> None:
    unknown = replace(OUTWARD, orig_packets=None, orig_bytes=None, counters="unknown")
    rows = [OUTWARD, replace(OUTWARD, counters="at least"), unknown]
    _, *lines = format_table(rows, None)
    shown = [line.split()[-5:-1] for line in lines]
    assert shown == [
        ["23", "5600", "20", "4328"],
        [">=23", ">=5600", ">=20", ">=4328"],
        ["-", "-", "20", "4328"],
    ]


def test_json_and_csv_say_what_counters_are_worth() -> None:
    zeroed = replace(OUTWARD, counters="at least", counters_cause="zeroed")
    (line,) = format_json([zeroed])
    (row,) = csv.DictReader(format_csv([zeroed]))
    assert (json.loads(line)["counters"], json.loads(line)["counters_cause"]) == (
        "at least", "zeroed",
    )  # fmt: skip
    assert (row["counters"], row["counters_cause"], row["orig_bytes"]) == (
        "at least", "zeroed", "5600",
    )  # fmt: skip


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


def test_all_formats_are_ascii() -> None:
    answers = (OUTWARD, INWARD, ECHO, ARTICLE6, OPEN)
    for lines in (format_table(answers, None), format_ulogd(answers)):
        assert all(line.isascii() for line in lines)
