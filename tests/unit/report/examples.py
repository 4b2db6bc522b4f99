"""A question with each verdict, and what stands around its answer, as the store would tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from ctaudit.query.answer import Answer, Coverage
from ctaudit.query.question import WhoQuestion, read_who
from ctaudit.query.reply import Reply, make_reply
from ctaudit.query.uncovered import Uncovered
from ctaudit.report.asked import Asked, from_call
from ctaudit.report.page import Made, Page, make_section
from ctaudit.report.surroundings import ClockState, Surroundings, widen
from tests.unit.answers import COMPLETE, END, OUTWARD, START, other

AT = "2026-02-22 12:59:43"
QUESTION = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z")
ASKED = from_call({"public": "1.2.3.4:53500", "at": AT}, "--tz Europe/Berlin", QUESTION)
MADE = Made(
    datetime(2026, 2, 25, 9, 30, tzinfo=UTC), "0.1.0", 2, "desk", "EX-4711", "abuse complaint"
)
NOTED = START - timedelta(minutes=34)
CLOCK = ClockState("gw1", NOTED, True, 412, 21_500, None, None, None, None)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


BEFORE = other(started_at=START - minutes(4), ended_at=START - minutes(1.5), ct_id=11)
AFTER = other(
    host=ip_address("192.168.1.140"),
    started_at=END + minutes(1),
    ended_at=END + minutes(2),
    ct_id=12,
)
WHY = "gw1: gap (overrun) from 2026-02-22 11:59:30.5+00 until 2026-02-22 12:01:10+00, 123 lost"
OVERRUN = replace(COMPLETE, complete=False, why=WHY)
GAP = Uncovered(
    "gw1",
    datetime(2026, 2, 22, 11, 59, 30, 500000, tzinfo=UTC),
    datetime(2026, 2, 22, 12, 1, 10, tzinfo=UTC),
    WHY,
)


def around(
    question: WhoQuestion, *near: Answer, gaps: tuple[Uncovered, ...] = (), clock: Any = CLOCK
) -> Surroundings:
    port = make_reply(widen(question), near, (COMPLETE,))
    return Surroundings(port, gaps, (clock,))


def reply(*answers: Answer, coverage: tuple[Coverage, ...] = (COMPLETE,)) -> Reply:
    return make_reply(QUESTION, answers, coverage)


RIVAL = other(started_at=START + timedelta(seconds=2), ct_id=13)
EXAMPLES: dict[str, tuple[Reply, Surroundings]] = {
    "one": (reply(OUTWARD), around(QUESTION, BEFORE, OUTWARD, AFTER)),
    "none": (reply(), around(QUESTION, BEFORE, replace(AFTER, started_at=START + minutes(1)))),
    "several": (reply(RIVAL, OUTWARD), around(QUESTION, BEFORE, OUTWARD, RIVAL)),
    "unknown": (
        reply(OUTWARD, coverage=(OVERRUN,)),
        around(QUESTION, BEFORE, OUTWARD, gaps=(GAP,)),
    ),
}


def page(verdict: str = "one", *, asked: Asked = ASKED, made: Made = MADE) -> Page:
    found, surroundings = EXAMPLES[verdict]
    return Page(made, (make_section(1, asked, found, surroundings),))
