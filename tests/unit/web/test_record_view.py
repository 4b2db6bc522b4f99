"""The page Record: the numbers beside the picture, of rows as the store would give them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ctaudit.picture.axis import NARROW, WIDE
from ctaudit.picture.record_lanes import KINDS, Part, draw_lanes
from ctaudit.query.recorded import Basis, GapCause, Recorded, RecordedSpan, RecordQuestion
from ctaudit.query.status import Gap, Pair
from ctaudit.web import record_text as text
from ctaudit.web.record_view import format_share, plain_record, view_record
from tests.unit.answers import local_zone
from tests.unit.picture.drawn import outside, read

BEGIN = datetime(2026, 2, 22, 11, tzinfo=UTC)
END = BEGIN + timedelta(days=1)
QUESTION = RecordQuestion(BEGIN, END)
BASIS = Basis(
    "gw1", BEGIN, None, None, "live", BEGIN, None, END, 0.4, 0, False, 24, END, 1234, 24, 0, END,
    True, 412, 412, 0, None,
)  # fmt: skip
GAP = Gap(
    "gw1", UUID(int=1), BEGIN, BEGIN + timedelta(seconds=90), "overrun", 123, True, True, None, {}
)
CAUSE = GapCause(
    "gw1", "overrun", None, 1, 0, 123, 0, 90.0, 90.0, BEGIN, BEGIN + timedelta(seconds=90)
)


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def span(kind: str, seconds: float, gaps: int = 0, node: str = "gw1") -> RecordedSpan:
    return RecordedSpan(node, kind, BEGIN, BEGIN + timedelta(seconds=seconds), seconds, gaps)


def recorded(*bases: Basis, pairs: tuple[Pair, ...] = (), is_whole: bool = False) -> Recorded:
    spans: tuple[RecordedSpan, ...] = (span("covered", 86_400),)
    if not is_whole:
        spans = (span("covered", 86_310), span("gap", 90, 1))
    causes, gaps = ((), ()) if is_whole else ((CAUSE,), (GAP,))
    return Recorded(QUESTION, spans, causes, gaps, bases or (BASIS,), pairs)


def test_a_gateway_with_a_gap() -> None:
    view = view_record(recorded())
    assert view.headline == "1 of 1 gateway had gaps in this time: 1 gap."
    [node] = view.nodes
    assert (node.covered, node.missing, node.gaps) == ("99.895 %", "1.5 min", "1")
    assert node.state == "records, live mode, since 2026-02-22 12:00:00+01:00"
    assert node.lag == "400 ms"
    assert node.dumps == "24, the last at 2026-02-23 12:00:00+01:00 with 1,234 connections"
    assert node.clock == ("synchronized, error about 0.4 ms (noted at 2026-02-23 12:00:00+01:00)")
    assert node.spool == "nothing discarded"
    [cause] = view.causes
    assert cause[0] == "gw1"
    assert cause[1].startswith("overrun: more connections began or ended at once")
    [gap] = view.gaps
    assert gap[3:] == ("1.5 min", "overrun", "123", "connections that began, and ends")
    assert view.gaps_note == ""


def test_a_whole_record() -> None:
    view = view_record(recorded(is_whole=True))
    assert view.headline == "Of 1 gateway no gap is known in this time."
    assert view.nodes[0].covered == "100 %"
    assert view.gaps_note == text.NO_GAPS
    assert view.notes == ()


def test_short_gaps_close_together_are_drawn_otherwise_than_a_long_one() -> None:
    for seconds, gaps, kind in ((90, 1, "gap"), (80, 7, "gap"), (7, 7, "scattered")):
        found = replace(recorded(), spans=(replace(span("gap", 90, gaps), seconds=seconds),))
        [lane] = view_record(found).lanes.lanes
        assert [part.kind for part in lane.parts] == [kind]


def test_nobody_has_recorded() -> None:
    view = view_record(Recorded(QUESTION, (), (), (), (), ()))
    assert view.headline == text.NO_NODES


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, ""), (86_400, 86_400, "100 %"), (86_399.999, 86_400, "99.999 %"),
        (0, 10, "0.000 %"), (1, 3, "33.333 %"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_up(part: float, whole: float, said: str) -> None:
    assert format_share(part, whole) == said


def test_the_clock() -> None:
    bad = replace(
        BASIS, unsynchronised=3, synchronised=False, largest_error_us=90_000, steps=2,
        largest_step=-50.0,
    )  # fmt: skip
    [node] = view_record(recorded(bad)).nodes
    assert node.clock == (
        "not synchronized (noted at 2026-02-23 12:00:00+01:00); 3 of 24 notes say: not "
        "synchronized; the largest error was about 90.0 ms; set 2 times, by -50.000 s at most"
    )
    unsaid = replace(BASIS, noted_at=None, clock_notes=0, synchronised=None)
    assert view_record(recorded(unsaid)).nodes[0].clock == text.CLOCK_UNNOTED


def test_what_is_to_be_known_of_a_gateway() -> None:
    pairs = (Pair("gw1", "gw2", True, True), Pair("gw1", "gw8", False, False),
             Pair("gw1", "gw3", True, False), Pair("gw2", "gw1", True, True))  # fmt: skip
    basis = replace(BASIS, mode="nat", excludes=True, dropped=7)
    [node] = view_record(recorded(basis, pairs=pairs)).nodes
    assert node.remarks == (
        text.NAT_MODE, text.EXCLUDES,
        "Where it records nothing, the record of its pair gw2 may count for both.",
        "Its pair gw8 is no gateway here, and does not count.",
        "Its pair gw3 does not name it, and does not count.",
    )  # fmt: skip
    assert node.spool == "7 events discarded, since it was full"


def test_an_imported_node_is_never_complete() -> None:
    basis = Basis(
        "old", BEGIN, None, "ulogd2", None, None, None, None, None, None, False, 0, None, None, 0,
        0, None, None, None, None, 0, None,
    )  # fmt: skip
    view = view_record(Recorded(QUESTION, (), (), (), (basis,), ()))
    [lane] = view.lanes.lanes
    assert lane.remark == "imported from ulogd2: never complete"
    assert (view.nodes[0].covered, view.nodes[0].clock, view.nodes[0].gaps) == ("", "", "")


def test_many_gateways_and_gaps_are_counted() -> None:
    bases = tuple(replace(BASIS, node=f"gw{number:03}") for number in range(120))
    causes = (replace(CAUSE, gaps=92_752, lost=5, uncounted=3),)
    view = view_record(Recorded(QUESTION, (), causes, (GAP,), bases, ()))
    assert len(view.lanes.lanes) == 100 and len(view.nodes) == 120
    assert text.LANES_CUT.format(count=20) in view.notes
    assert view.gaps_note.startswith("The latest 1 of 92,752 gaps are listed")
    assert view.causes[0][4] == "5, and of 3 not known how many"


def test_a_gap_of_one_protocol_that_is_not_over() -> None:
    gap = replace(GAP, gap_until=None, lost=None, proto=17, hides_ends=False)
    cause = replace(CAUSE, proto=17, lost=None, uncounted=1, last_until=None, open=1)
    view = view_record(Recorded(QUESTION, (), (cause,), (gap,), (BASIS,), ()))
    assert view.gaps[0][2:] == (
        "not over", "1 d", "overrun", "not known", "connections that began, of udp alone",
    )  # fmt: skip
    assert view.causes[0][1].startswith("overrun, of udp alone: more connections")
    assert (view.causes[0][3], view.causes[0][4], view.causes[0][8]) == (
        "1", "not known", "not over",
    )  # fmt: skip


def test_the_twin_has_the_same() -> None:
    plain = json.loads(json.dumps(plain_record(recorded())))
    assert plain["from"] == "2026-02-22T11:00:00.000000Z"
    assert plain["gaps_count"] == 1
    assert plain["latest_gaps"][0]["stream"] == str(UUID(int=1))
    assert plain["nodes"][0]["estimated_error_us"] == 412
    assert [each["kind"] for each in plain["spans"]] == ["covered", "gap"]


def test_each_kind_has_its_words_and_the_picture_is_drawn() -> None:
    assert text.KEYS.keys() == KINDS.keys()
    lanes = view_record(recorded()).lanes
    assert lanes.title.startswith("The record of 1 gateway from 2026-02-22 12:00:00+01:00 until")
    assert lanes.description == "gw1: 99.895 %, 1 gap"
    for frame in (WIDE, NARROW):
        assert "99.895 %, 1 gap" in draw_lanes(lanes, frame, "x")
    parts = tuple(Part(kind, BEGIN, END) for kind in KINDS)
    every = replace(lanes, lanes=(replace(lanes.lanes[0], parts=parts),))
    for frame in (WIDE, NARROW):
        assert outside(read(draw_lanes(every, frame, "x"))) == []
