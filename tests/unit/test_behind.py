"""Who was behind another gateway whose address an answer names as the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

import pytest

from ctaudit.conntrack.endpoint import Endpoint
from ctaudit.query.answer import Answer, Coverage
from ctaudit.query.behind import FOLLOWED_MAX, Follower, choose_nearest, find_holders
from ctaudit.query.question import WhoQuestion
from ctaudit.query.reply import make_reply
from ctaudit.query.time_notation import TimeSpan
from ctaudit.query.verdict import judge
from ctaudit.query.who_text import format_reply
from tests.unit.answers import COMPLETE, END, OUTWARD, START

INNER_ADDRESS = ip_address("10.0.0.2")
OUTER = replace(
    OUTWARD, host=INNER_ADDRESS, host_port=50001, orig_src=INNER_ADDRESS, orig_sport=50001
)
INNER = replace(OUTWARD, node="in", reply_dst=INNER_ADDRESS, reply_dport=50001)
OWN = replace(INNER, host=INNER_ADDRESS, host_port=50001, orig_src=INNER_ADDRESS, orig_sport=50001)
HOLDER = replace(COMPLETE, node="in", in_scope=False, holds=(INNER_ADDRESS,))
AT = START + timedelta(seconds=10)
QUESTION = WhoQuestion(
    Endpoint(ip_address("1.2.3.4"), 53500), TimeSpan(AT, AT + timedelta(seconds=1))
)
SILENT = replace(HOLDER, complete=False, why="in: not yet recorded")


def follow(
    behind: Sequence[Answer], over_life: Coverage = HOLDER
) -> tuple[list[Answer], list[Coverage], list[WhoQuestion]]:
    asked: list[WhoQuestion] = []

    def ask(question: WhoQuestion) -> Sequence[Answer]:
        asked.append(question)
        return behind

    def cover(question: WhoQuestion, _: Sequence[Answer]) -> Sequence[Coverage]:
        return [COMPLETE, HOLDER] if question is QUESTION else [over_life]

    return *Follower(QUESTION, ask, cover).follow([OUTER]), asked


def test_it_is_asked_for_all_of_the_connection_s_life() -> None:
    found, coverage, asked = follow([INNER])
    assert found == [OUTER, INNER]
    assert coverage == [COMPLETE, HOLDER]
    second = timedelta(seconds=1)
    assert asked == [WhoQuestion(
        Endpoint(INNER_ADDRESS, 50001), TimeSpan(START - second, QUESTION.span.end + second),
        Endpoint(OUTER.remote, 443), 6, "in",
    )]  # fmt: skip


@pytest.mark.parametrize(
    ("behind", "verdict"),
    [([], "unknown"), ([OWN], "one"), ([replace(OWN, exact=False)], "unknown")],
)
def test_its_own_record_proves_that_it_talked_itself(behind: list[Answer], verdict: str) -> None:
    """Else it must be complete for as long."""
    found, coverage, _ = follow(behind, SILENT)
    assert found == [OUTER]
    assert judge(found, coverage).name == verdict


def test_a_silent_one_is_not_asked_but_counts() -> None:
    def refuse(_: WhoQuestion) -> Sequence[Answer]:
        raise AssertionError

    found, coverage = Follower(QUESTION, refuse, lambda *_: [COMPLETE, SILENT]).follow([OUTER])
    assert judge(found, coverage).reasons == (SILENT.why,)


def test_only_the_public_address_of_another_counts() -> None:
    assert list(find_holders([OUTER], [COMPLETE, HOLDER])) == [(OUTER, HOLDER)]
    assert not list(find_holders([OUTER], [replace(COMPLETE, holds=(INNER_ADDRESS,))]))
    assert not list(find_holders([OUTER], [COMPLETE, replace(HOLDER, holds=())]))
    itself = replace(OUTER, reply_dst=INNER_ADDRESS)
    of_both = [replace(COMPLETE, holds=(INNER_ADDRESS,)), HOLDER]
    assert not list(find_holders([itself], of_both))
    assert list(find_holders([itself], [COMPLETE, HOLDER])) == [(itself, HOLDER)]


def test_too_many_to_follow_are_unknown() -> None:
    many = [replace(OUTER, reply_dport=port) for port in range(FOLLOWED_MAX + 1)]
    verdict = judge(many, [COMPLETE, HOLDER])
    assert (verdict.name, verdict.complete) == ("unknown", True)
    assert "in: 10.0.0.2 is its address" in verdict.reasons[0]
    assert judge(many[:-1], [COMPLETE, HOLDER]).name == "several"


def test_the_nearest_in_time_is_chosen() -> None:
    def ended(seconds: float) -> Answer:
        return replace(INNER, ended_at=AT - timedelta(seconds=seconds))

    later = replace(INNER, started_at=END)
    assert choose_nearest([INNER, ended(5)], QUESTION.span) == [INNER]
    assert choose_nearest([ended(3), ended(5), later], QUESTION.span) == [ended(3)]
    assert choose_nearest([ended(0.5), ended(5)], QUESTION.span) == [ended(0.5)]
    assert choose_nearest([later], QUESTION.span) == []
    assert choose_nearest([], QUESTION.span) == []


def test_the_gateway_behind_is_not_taken_for_a_renamed_one() -> None:
    asked = replace(QUESTION, node="gw1")
    lines = list(format_reply(make_reply(asked, [OUTER], [COMPLETE, SILENT])))
    assert "Unknown: in: not yet recorded." in lines
    assert not any("is called" in line for line in lines)
    renamed = list(
        format_reply(make_reply(replace(asked, node="old"), [OUTER], [COMPLETE, SILENT]))
    )
    assert "The gateway that was called old is called gw1 now." in renamed
