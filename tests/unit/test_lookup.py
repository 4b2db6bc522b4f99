"""The reply made of what the store answers."""

from __future__ import annotations

from ctaudit.query.question import read_who
from ctaudit.query.reply import ANSWERS_MAX, make_reply
from tests.unit.answers import CLASHED, COMPLETE, OUTWARD, OVERRUN

QUESTION = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z")


def test_reply_holds_the_verdict() -> None:
    reply = make_reply(QUESTION, [OUTWARD], [COMPLETE])
    assert (reply.question, reply.answers, reply.coverage) == (QUESTION, (OUTWARD,), (COMPLETE,))
    assert (reply.verdict.name, reply.cut) == ("one", False)
    assert make_reply(QUESTION, [OUTWARD], [OVERRUN]).verdict.name == "unknown"


def test_the_node_that_was_asked_for_is_named() -> None:
    asked = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z", node="gw9")
    assert make_reply(asked, [], []).verdict.reasons == ("no gateway named gw9 is known",)


def test_more_answers_than_are_given() -> None:
    whole, cut = (make_reply(QUESTION, [OUTWARD] * count, [COMPLETE]) for count in (1000, 1001))
    assert ANSWERS_MAX == 1000
    assert (len(whole.answers), whole.cut) == (1000, False)
    assert (len(cut.answers), cut.cut) == (1000, True)


def test_each_protocol_has_a_verdict_unless_answers_are_cut() -> None:
    coverage = {17: [CLASHED], None: [COMPLETE]}
    whole, cut = (
        make_reply(QUESTION, [OUTWARD] * count, [CLASHED], coverage) for count in (1000, 1001)
    )
    assert [item.proto for item in whole.protocols] == [6, 17, None]
    assert cut.protocols == ()
