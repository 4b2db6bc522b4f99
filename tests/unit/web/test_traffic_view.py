"""The page Traffic: pictures and numbers of rows as the store would give them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from ctaudit.picture.axis import NARROW, WIDE
from ctaudit.picture.columns import draw_columns
from ctaudit.picture.durations import draw_durations
from ctaudit.query.traffic import DurationBin, Share, TrafficQuestion
from ctaudit.query.uncovered import Uncovered
from ctaudit.web import traffic_text as text
from ctaudit.web.durations_view import view_durations
from ctaudit.web.traffic_view import TrafficView, count_connections, view_traffic
from tests.unit.answers import local_zone
from tests.unit.picture.drawn import outside, read

BEGIN = datetime(2026, 2, 22, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
END = BEGIN + 6 * HOUR
TOTAL = TrafficQuestion(BEGIN, END, HOUR, "total", 10)
HOSTS = replace(TOTAL, by="host")


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def share(
    hour: int, octets: int | None, connections: int = 3, began: int = 1, **more: object
) -> Share:
    values = {
        "rank": 1, "node": None, "zone": None, "address": None, "proto": None, "port": None,
        "uncounted": 0, "packets": octets and octets // 100, "interpolated_packets": 0,
        "interpolated_bytes": 0, "packets_error": 0, "bytes_error": 0, **more,
    }  # fmt: skip
    return Share(
        bucket_from=BEGIN + hour * HOUR, bucket_until=BEGIN + (hour + 1) * HOUR,
        connections=connections, began=began, bytes=octets, **values,  # type: ignore[arg-type]
    )  # fmt: skip


def host(number: int, hour: int, octets: int, rank: int | None = None, node: str = "gw1") -> Share:
    return share(
        hour, octets, rank=rank or number, node=node, zone=0,
        address=ip_address(f"192.168.1.{number}"),
    )  # fmt: skip


def view(
    *shares: Share, question: TrafficQuestion = TOTAL, gaps: tuple[Uncovered, ...] | None = ()
) -> TrafficView:
    return view_traffic(question, shares, gaps, END)


def test_all_together() -> None:
    shown = view(share(0, 1000, 3, 3), share(1, 500, 2, 1))
    assert shown.headline == "In all 1,500 bytes in 4 connections."
    assert shown.picture is not None
    octets, counts = shown.picture.rows
    assert [column.amount for column in octets.columns] == [1000, 500]
    assert [column.amount for column in counts.columns] == [3, 2]
    assert (octets.note, counts.note) == ("1.5 kB", "4")
    assert shown.notes == (text.COMPLETE,)
    for frame in (WIDE, NARROW):
        assert outside(read(draw_columns(shown.picture, frame, "x"))) == []
    assert shown.numbers[0] == ("2026-02-22 12:00:00+01:00", "", "1,000", "", "10", "3", "3", "")


def test_what_is_interpolated_not_counted_and_counted_in_part() -> None:
    shown = view(
        share(0, 1000, interpolated_bytes=250, bytes_error=100),
        share(1, None, uncounted=3),
        share(2, 0, uncounted=3),
        share(3, 7, uncounted=1),
    )
    assert shown.picture is not None
    columns = shown.picture.rows[0].columns
    assert [(column.amount, column.interpolated) for column in columns] == [
        (1000, 250), (None, 0), (None, 0), (7, 0),
    ]  # fmt: skip
    assert columns[3].is_least
    assert shown.headline.startswith("In all at least 1,007 bytes in ")
    assert {text.INTERPOLATED, text.BLANK, text.LEAST} <= set(shown.notes)
    assert [row[2] for row in shown.numbers] == ["1,000", "?", "?", "7"]


def test_where_accounting_was_off_there_is_no_number() -> None:
    shown = view(share(0, None, uncounted=3), share(1, None, uncounted=3))
    assert "of none it is known how much it carried" in shown.headline
    assert shown.picture is not None and shown.picture.rows[0].note == "?"
    assert shown.numbers[0][2] == "?"


def test_what_nothing_counted_is_nowhere_zero() -> None:
    """Neither in the words, nor in the numbers, nor in the key of the picture."""
    blank = replace(host(1, 0, 0), uncounted=3, packets=0)
    shown = view(blank, replace(host(1, 1, 0), uncounted=3, packets=0), question=HOSTS)
    assert shown.picture is not None
    [row] = shown.picture.rows
    assert (row.note, [column.amount for column in row.columns]) == ("?", [None, None])
    assert "of none it is known how much it carried" in shown.headline
    assert shown.parties == (("192.168.1.1", "?", "?", "4", "3"),)
    assert [cells[2:5] for cells in shown.numbers] == [("?", "", "?")] * 2
    assert not [note for note in shown.notes if "0 B" in note]
    for frame in (WIDE, NARROW):
        texts = [each.text for each in read(draw_columns(shown.picture, frame, "x")).iter()]
        assert text.KEYS.unknown in texts
        assert not {text.KEYS.known, text.KEYS.least, "0 B"} & set(texts)


def test_what_is_wholly_interpolated_has_no_key_of_counted() -> None:
    shown = view(replace(host(1, 0, 90), interpolated_bytes=90), question=HOSTS)
    assert shown.picture is not None
    texts = [each.text for each in read(draw_columns(shown.picture, WIDE, "x")).iter()]
    assert text.KEYS.interpolated in texts and text.KEYS.known not in texts


def test_by_host_with_the_others() -> None:
    rows = [host(1, 0, 900), host(2, 0, 90), host(1, 1, 50), host(2, 3, 10)]
    others = replace(host(9, 0, 70), rank=None, address=None, node=None, zone=None)
    shown = view(*rows, others, question=replace(HOSTS, top=2))
    assert shown.picture is not None
    assert [(row.name, row.note, row.most) for row in shown.picture.rows] == [
        ("192.168.1.1", "950 B", 900), ("192.168.1.2", "100 B", 900), ("all others", "70 B", 900),
    ]  # fmt: skip
    assert shown.notes[:2] == (
        "The 2 with the most bytes have a row each, all others one together.",
        "The full height of each row is 900 B.",
    )
    assert shown.parties[0] == ("192.168.1.1", "950", "9", "4", "0")


def test_one_address_at_two_gateways_is_two() -> None:
    shown = view(host(1, 0, 9, 1, "gw1"), host(1, 0, 8, 2, "gw2"), question=HOSTS)
    assert [row[0] for row in shown.parties] == ["192.168.1.1 gw1 zone 0", "192.168.1.1 gw2 zone 0"]


def test_services_have_their_names() -> None:
    shown = view(
        share(0, 9, proto=6, port=443), share(0, 8, proto=1, rank=2),
        question=replace(TOTAL, by="service"),
    )  # fmt: skip
    assert [row[0] for row in shown.parties] == ["tcp/443", "icmp"]


def test_where_the_record_is_not_complete() -> None:
    gaps = (
        Uncovered(
            "gw1",
            BEGIN + 2 * HOUR,
            BEGIN + 3 * HOUR,
            "gw1: gap (overrun) from 2026-02-22 13:00:00+00 until 2026-02-22 14:00:00+00, 5 lost",
        ),
        Uncovered("gw2", BEGIN + 2.5 * HOUR, BEGIN + 4 * HOUR, "gw2: not covered"),
        Uncovered("gw2", None, BEGIN - HOUR, "before"),
    )
    shown = view(share(0, 5), gaps=gaps)
    assert shown.picture is not None
    assert shown.picture.uncovered == ((BEGIN + 2 * HOUR, BEGIN + 4 * HOUR),)
    assert text.UNCOVERED in shown.notes and text.COMPLETE not in shown.notes
    assert shown.uncovered[0] == (
        "2026-02-22 14:00:00+01:00 until 2026-02-22 15:00:00+01:00: gw1: gap (overrun) from "
        "2026-02-22 14:00:00+01:00 until 2026-02-22 15:00:00+01:00, 5 lost"
    )
    unknown = view(share(0, 5), gaps=None)
    assert text.COMPLETE not in unknown.notes
    assert len(view(share(0, 5), gaps=gaps * 30).uncovered) == 21


def test_many_numbers_are_cut_and_said() -> None:
    shown = view(*(host(1 + n % 50, n // 50, 9, 1 + n % 50) for n in range(1001)), question=HOSTS)
    assert len(shown.numbers) == 1000
    assert shown.numbers_note == "The first 1,000 of 1,001 are listed; JSON has all of them."
    assert view(share(0, 5)).numbers_note == ""


def test_nothing() -> None:
    shown = view()
    assert (shown.headline, shown.picture, shown.numbers) == (text.NOTHING, None, ())


def test_connections_are_counted_once() -> None:
    assert count_connections([share(1, 5, 4, 2), share(0, 5, 3, 0), share(2, 5, 9, 1)]) == 6


def test_durations() -> None:
    bins = [
        DurationBin(6, 100.0, 158.5, 40), DurationBin(6, None, None, 2),
        DurationBin(17, 25.1, 39.8, 90), DurationBin(50, 600.0, 631.0, 1),
    ]  # fmt: skip
    shown = view_durations(TOTAL, bins, ())
    assert shown.picture is not None
    assert [(panel.name, panel.note) for panel in shown.picture.panels] == [
        ("udp", "90 connections"),
        ("tcp", "42 connections, 2 without a known start or end"),
        ("esp", "1 connection"),
    ]
    assert shown.picture.panels[1].timeouts[120] == "TIME_WAIT"
    assert shown.picture.panels[2].timeouts == {600: "generic"}
    assert shown.numbers[0] == ("tcp", "1.7 min", "2.6 min", "40", "120 s TIME_WAIT")
    assert shown.numbers[1] == ("tcp", "?", "?", "2", "")
    assert shown.notes == (text.DURATIONS_NOTE,)
    for frame in (WIDE, NARROW):
        assert outside(read(draw_durations(shown.picture, frame, "x"))) == []


def test_no_durations_and_too_many_protocols() -> None:
    assert view_durations(TOTAL, [], ()).headline == text.NO_ENDS
    many = [DurationBin(proto, 1.0, 2.0, proto) for proto in range(100, 112)]
    assert "4 more protocols are not drawn." in view_durations(TOTAL, many, ()).notes
