"""The verdict on who's answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.query.answer import Answer, Coverage, Import
from ctaudit.query.verdict import EXIT_STATUS, find_outside, judge, judge_protocols
from tests.unit.answers import CLASHED, COMPLETE, OUTWARD, OVERRUN, other

ONE, TWO = (OUTWARD,), (OUTWARD, other())
INEXACT = (replace(OUTWARD, exact=False),)
GW2 = replace(COMPLETE, node="gw2")


@pytest.mark.parametrize(
    ("answers", "coverage", "name", "status", "complete"),
    [
        (ONE, (COMPLETE,), "one", 0, True),
        ((), (COMPLETE,), "none", 1, True),
        (TWO, (COMPLETE,), "several", 3, True),
        (TWO, (COMPLETE, GW2), "several", 3, True),
        (ONE, (OVERRUN,), "unknown", 4, False),
        ((), (OVERRUN,), "unknown", 4, False),
        (TWO, (OVERRUN,), "unknown", 4, False),
        (ONE, (), "unknown", 4, False),
        ((), (), "unknown", 4, False),
        (INEXACT, (COMPLETE,), "unknown", 4, True),
        (ONE, (COMPLETE, GW2), "one", 0, True),
        (ONE, (OVERRUN, GW2), "unknown", 4, False),
        ((), (COMPLETE, replace(OVERRUN, node="gw2")), "unknown", 4, False),
    ],
)
def test_verdict(
    answers: tuple[Answer, ...],
    coverage: tuple[Coverage, ...],
    name: str,
    status: int,
    complete: bool,
) -> None:
    verdict = judge(answers, coverage)
    assert (verdict.name, verdict.exit_status, verdict.complete) == (name, status, complete)
    assert bool(verdict.reasons) == (name == "unknown")


def test_verdict_says_why() -> None:
    assert judge(ONE, (OVERRUN,)).reasons == (OVERRUN.why,)
    assert "gw1" in judge((), (replace(OVERRUN, why=None),)).reasons[0]
    assert "gw9" in judge((), (), "gw9").reasons[0]
    assert judge((), (), "").reasons == ("no gateway named (empty) is known",)
    assert judge((), (), None).reasons == ("no gateway had a record then",)
    assert "not observed" in judge(INEXACT, (COMPLETE,)).reasons[0]
    two = (replace(INEXACT[0], node="gw2"), *INEXACT)
    [why] = judge(two, (COMPLETE, GW2)).reasons
    assert why.startswith("gw1, gw2: whether any of these connections was alive")


HOLDING = replace(COMPLETE, node="gw2", in_scope=True)
OUTSIDE = replace(COMPLETE, in_scope=False, none_why="gw1: 1.2.3.4 is not an address of it")
SILENT = replace(OUTSIDE, complete=False, why="gw1: not yet recorded")
HIDDEN = replace(HOLDING, none_why="gw2: a rule says notrack")
FOUND = (replace(OUTWARD, node="gw2"),)


@pytest.mark.parametrize(
    ("answers", "coverage", "name", "reasons"),
    [
        ((), (OUTSIDE,), "unknown", (OUTSIDE.none_why,)),
        ((), (OUTSIDE, HOLDING), "none", ()),
        ((), (SILENT, HOLDING), "none", ()),
        (FOUND, (SILENT, HOLDING), "one", ()),
        ((), (OUTSIDE, GW2), "unknown", (OUTSIDE.none_why,)),
        ((), (SILENT, replace(GW2, in_scope=False, none_why="no")), "unknown",
         (OUTSIDE.none_why, "no")),
        (ONE, (OUTSIDE,), "one", ()),
        (ONE, (SILENT, HOLDING), "unknown", (SILENT.why,)),
        ((), (replace(SILENT, in_scope=None), HOLDING), "unknown",
         (SILENT.why, OUTSIDE.none_why)),
        ((), (HIDDEN, OUTSIDE), "unknown", (HIDDEN.none_why,)),
        (FOUND, (HIDDEN,), "one", ()),
    ],
)  # fmt: skip
def test_which_gateways_a_question_concerns(
    answers: tuple[Answer, ...],
    coverage: tuple[Coverage, ...],
    name: str,
    reasons: tuple[str, ...],
) -> None:
    verdict = judge(answers, coverage)
    assert (verdict.name, verdict.reasons) == (name, reasons)


def test_an_answer_outside_of_the_scope_is_told() -> None:
    assert find_outside(ONE, (OUTSIDE, HOLDING)) == (OUTSIDE.none_why,)
    assert find_outside(FOUND, (OUTSIDE, HOLDING)) == ()


COVERAGE = st.lists(st.sampled_from([COMPLETE, OVERRUN, GW2]), max_size=3)
ANSWERS = st.lists(st.sampled_from([OUTWARD, other(), INEXACT[0]]), max_size=3)


@given(ANSWERS, COVERAGE)
def test_no_certainty_without_coverage(answers: list[Answer], coverage: list[Coverage]) -> None:
    """0 and 1 are said only over a record that is complete everywhere."""
    verdict = judge(answers, coverage)
    whole = bool(coverage) and all(item.complete for item in coverage)
    assert verdict.complete == whole
    if verdict.exit_status in (0, 1):
        assert whole
        assert len(answers) == 1 - verdict.exit_status
        assert all(answer.exact for answer in answers)
    if not whole:
        assert verdict.exit_status == 4


UDP, ICMP = replace(OUTWARD, proto=17), replace(OUTWARD, proto=1)


@pytest.mark.parametrize(
    ("answers", "udp", "rest", "expected"),
    [
        (ONE, CLASHED, COMPLETE, {6: "one", 17: "unknown", None: "none"}),
        ((), CLASHED, COMPLETE, {17: "unknown", None: "none"}),
        ((UDP,), CLASHED, COMPLETE, {17: "unknown", None: "none"}),
        ((*TWO, UDP), CLASHED, COMPLETE, {6: "several", 17: "unknown", None: "none"}),
        ((*ONE, ICMP), CLASHED, COMPLETE, {1: "one", 6: "one", 17: "unknown", None: "none"}),
        (INEXACT, CLASHED, COMPLETE, {6: "unknown", 17: "unknown", None: "none"}),
        (ONE, CLASHED, OVERRUN, {}),
        ((UDP,), COMPLETE, OVERRUN, {17: "one", None: "unknown"}),
    ],
)
def test_verdict_of_each_protocol(
    answers: tuple[Answer, ...], udp: Coverage, rest: Coverage, expected: dict[int | None, str]
) -> None:
    found = judge_protocols(answers, {None: [rest], 17: [udp]})
    assert [(item.proto, item.verdict.name) for item in found] == list(expected.items())


def test_no_protocol_is_apart() -> None:
    assert judge_protocols(ONE, {}) == ()
    assert judge_protocols(ONE, {None: [COMPLETE]}) == ()


def test_each_gateway_counts_for_each_protocol() -> None:
    found = judge_protocols(
        ONE, {None: [COMPLETE, GW2], 17: [COMPLETE, replace(CLASHED, node="gw2")]}
    )
    assert [item.verdict.exit_status for item in found] == [0, 4, 1]


RECORDS = st.lists(st.sampled_from([COMPLETE, CLASHED, OVERRUN]), min_size=1, max_size=3)
CONNECTIONS = st.lists(st.sampled_from([OUTWARD, other(), UDP, ICMP, INEXACT[0]]), max_size=4)


@given(CONNECTIONS, st.dictionaries(st.sampled_from([1, 6, 17]), RECORDS), RECORDS)
def test_a_protocol_s_verdict_is_that_of_a_question_for_it(
    answers: list[Answer], apart: dict[int, list[Coverage]], rest: list[Coverage]
) -> None:
    coverage: dict[int | None, list[Coverage]] = {None: rest}
    coverage.update(apart.items())
    found = judge_protocols(answers, coverage)
    some = any(all(item.complete for item in items) for items in coverage.values())
    assert bool(found) == (bool(apart) and some)
    if found:
        named = {item.proto for item in found}
        assert named == {None, *apart, *(answer.proto for answer in answers)}
    for item in found:
        own = [answer for answer in answers if answer.proto == item.proto]
        assert item.verdict == judge(own, coverage.get(item.proto, rest))


def test_statuses_are_the_documented_ones() -> None:
    assert EXIT_STATUS == {"one": 0, "none": 1, "several": 3, "unknown": 4}


OLD = Import("old", "ulogd2", None, None, 0)
TAKEN = replace(OUTWARD, node="old", provenance="imported", exact=False)


@pytest.mark.parametrize(
    ("answers", "coverage", "name", "reasons"),
    [
        ((), (COMPLETE,), "none", ()),
        ((OUTWARD, TAKEN), (COMPLETE,), "one", ()),
        ((*TWO, TAKEN), (COMPLETE,), "several", ()),
        ((TAKEN,), (COMPLETE,), "unknown", (OLD.why,)),
        ((TAKEN,), (OVERRUN,), "unknown", (OVERRUN.why,)),
        ((TAKEN,), (), "unknown", (OLD.why,)),
        ((), (), "unknown", (OLD.why,)),
    ],
)
def test_imported_answers_only_keep_none_from_being_said(
    answers: tuple[Answer, ...],
    coverage: tuple[Coverage, ...],
    name: str,
    reasons: tuple[str, ...],
) -> None:
    verdict = judge(answers, coverage, None, (OLD,))
    assert (verdict.name, verdict.reasons) == (name, reasons)
