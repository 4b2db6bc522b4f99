"""Which answers are of one connection that several gateways or zones saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from ctaudit.query.answer import IMPORTED, Answer
from ctaudit.query.path import join_sightings
from tests.unit.answers import ECHO, END, INWARD, OUTWARD, START

SECOND = timedelta(seconds=1)
INNER = OUTWARD  # 192.168.1.129:53400, behind 1.2.3.4:53500
OUTER = replace(  # the same packets outside, not translated
    OUTWARD, node="fw", host=OUTWARD.public, host_port=53500, orig_src=OUTWARD.public,
    orig_sport=53500, status=0xE, ct_id=2,
)  # fmt: skip
PUBLIC = ip_address("5.6.7.8")
AGAIN = replace(OUTER, reply_dst=PUBLIC, reply_dport=60000, status=0x1E)  # translated again
BEYOND = replace(
    AGAIN, node="isp", host=PUBLIC, host_port=60000, orig_src=PUBLIC, orig_sport=60000, status=0xE
)
TWIN = replace(OUTWARD, node="gw2", ct_id=3)


def joined(*answers: Answer) -> list[tuple[Answer, list[str]]]:
    """Each connection's answer, and the gateways that saw it."""
    found = join_sightings(answers)
    assert all(connection.seen_by[0] is connection.answer for connection in found)
    return [(one.answer, [seen.node for seen in one.seen_by]) for one in found]


def test_nothing_and_one() -> None:
    assert joined() == []
    assert joined(INNER) == [(INNER, ["gw1"])]


def test_a_pair_of_gateways() -> None:
    assert joined(INNER, TWIN) == [(INNER, ["gw1", "gw2"])]


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        ({"exact": False}, {}, "gw2"),
        ({"state": "open", "ended_at": None}, {}, "gw2"),
        ({"started_at": START + SECOND}, {}, "gw2"),
        ({}, {"exact": False, "started_at": START - SECOND}, "gw1"),
    ],
)
def test_the_best_of_a_pair_answers(
    first: dict[str, Any], second: dict[str, Any], best: str
) -> None:
    ((answer, _),) = joined(replace(INNER, **first), replace(TWIN, **second))
    assert answer.node == best


def test_a_tuple_used_again_is_another_connection() -> None:
    again: dict[str, Any] = {"started_at": END + 5 * SECOND, "ended_at": END + 9 * SECOND}
    assert len(joined(INNER, replace(INNER, **again))) == 2
    assert len(joined(INNER, replace(TWIN, **again))) == 2
    lingering, twin = replace(TWIN, ended_at=END + 20 * SECOND), replace(TWIN, **again)
    found = join_sightings([replace(INNER, **again), INNER, lingering, twin])
    starts = [{seen.started_at for seen in one.seen_by} for one in found]
    assert starts == [{END + 5 * SECOND}, {START}]
    assert [len(one.seen_by) for one in found] == [2, 2]


@pytest.mark.parametrize("answers", [(INNER, OUTER), (OUTER, INNER)])
def test_the_outer_gateway_is_no_second_candidate(answers: tuple[Answer, ...]) -> None:
    assert joined(*answers) == [(INNER, ["gw1", "fw"])]


def test_three_in_a_row_and_a_pair() -> None:
    assert joined(BEYOND, AGAIN, INNER, TWIN) == [(INNER, ["gw1", "gw2", "fw", "isp"])]
    assert joined(BEYOND, AGAIN) == [(AGAIN, ["fw", "isp"])]


def test_a_forwarded_port_and_an_inner_gateway() -> None:
    inner_server = ip_address("10.0.0.2")
    inner = replace(
        INWARD, node="inner", host=inner_server, host_port=8080, orig_dst=INWARD.host,
        orig_dport=INWARD.host_port, reply_src=inner_server, reply_sport=8080,
    )  # fmt: skip
    assert joined(INWARD, inner) == [(inner, ["inner", "gw1"])]


def test_a_client_of_a_port_that_two_gateways_forward() -> None:
    """Asked for by its own address: it is the host of both, and was not translated by either."""
    server = ip_address("10.0.0.2")
    first = replace(
        OUTWARD, reply_dst=OUTWARD.host, reply_dport=OUTWARD.host_port, reply_src=server,
        reply_sport=8080, remote=server, remote_port=8080, status=0x2E,
    )  # fmt: skip
    inner = ip_address("10.1.0.2")
    second = replace(
        first, node="inner", orig_dst=server, orig_dport=8080, reply_src=inner, remote=inner
    )
    assert joined(first, second) == [(first, ["gw1", "inner"])]
    assert joined(second, first) == [(first, ["gw1", "inner"])]


def test_two_routers_that_each_saw_one_direction_first() -> None:
    """Packets out through one, back through the other; neither translates."""
    there = replace(OUTER, node="a")
    back = replace(
        there, node="b", direction="inward",
        orig_src=there.reply_src, orig_sport=there.reply_sport,
        orig_dst=there.reply_dst, orig_dport=there.reply_dport,
        reply_src=there.orig_src, reply_sport=there.orig_sport,
        reply_dst=there.orig_dst, reply_dport=there.orig_dport,
    )  # fmt: skip
    assert joined(there, back) == [(there, ["a", "b"])]
    late: dict[str, Any] = {"started_at": END + 5 * SECOND, "ended_at": END + 9 * SECOND}
    assert len(joined(there, replace(back, **late))) == 2
    assert len(joined(there, replace(back, node="a"))) == 2, "one gateway tracks a packet once"


def test_two_zones_of_one_gateway() -> None:
    inner = replace(INNER, zone=7)
    outer = replace(OUTER, node="gw1")
    assert joined(outer, inner) == [(inner, ["gw1", "gw1"])]
    assert len(joined(replace(outer, zone=7), inner)) == 2, "one zone tracks a packet once"


def test_tenants_with_equal_tuples_are_two_connections() -> None:
    first, second = replace(INNER, zone=1), replace(INNER, zone=2)
    assert len(joined(first, second)) == 1, "one packet in both zones at once"
    assert len(joined(first, replace(second, started_at=START + 5 * SECOND))) == 2
    assert len(joined(first, replace(second, started_at=None))) == 2


def test_an_outer_sighting_that_outlasts_two_inner_ones_is_of_both() -> None:
    second = replace(
        INNER, host=ip_address("192.168.1.131"), orig_src=ip_address("192.168.1.131"),
        started_at=END + 5 * SECOND, ended_at=END + 9 * SECOND,
    )  # fmt: skip
    long = replace(OUTER, ended_at=END + 20 * SECOND)
    assert joined(INNER, long, second) == [(INNER, ["gw1", "fw"]), (second, ["gw1", "fw"])]


@pytest.mark.parametrize("other", [{}, {"orig_sport": 53401}, {"orig_sport": None}])
def test_a_client_s_port_that_is_not_known_may_be_any(other: dict[str, Any]) -> None:
    """As ctaudit.record_aggregate stores a connection, of the outer gateway or of the inner one."""
    outer = replace(AGAIN, host_port=None, orig_sport=None)
    inner = replace(INNER, **other)
    assert joined(outer, inner) == [(inner, ["gw1", "fw"])]
    elsewhere = replace(outer, orig_dst=PUBLIC, remote=PUBLIC)
    assert len(joined(elsewhere, inner)) == 2


def test_what_was_over_before_is_not_nearer() -> None:
    late = replace(OUTER, started_at=END + 5 * SECOND, ended_at=END + 9 * SECOND)
    assert len(joined(INNER, late)) == 2
    assert len(joined(INNER, replace(OUTER, proto=17))) == 2
    assert len(joined(INNER, replace(OUTER, orig_dport=80, reply_sport=80))) == 2


def test_a_ping_by_its_id() -> None:
    inner = replace(ECHO, reply_dport=4712)
    outer = replace(
        inner, node="fw", host=ECHO.public, host_port=4712, orig_src=ECHO.public, orig_sport=4712
    )
    assert joined(outer, inner) == [(inner, ["gw1", "fw"])]


def test_each_translates_what_the_other_sent() -> None:
    there = replace(INNER, node="a")
    back = replace(
        INNER, node="b", host=INNER.public, host_port=53500, orig_src=INNER.public,
        orig_sport=53500, reply_dst=INNER.host, reply_dport=53400,
    )  # fmt: skip
    assert len(joined(there, back)) == 2


OLD = replace(TWIN, node="old", provenance=IMPORTED, exact=False, started_at=START - SECOND)


def test_an_imported_answer_is_another_sighting_where_its_tuples_are_equal() -> None:
    assert joined(OLD, INNER) == [(INNER, ["gw1", "old"])]
    unseen = replace(INNER, exact=False, state="open", ended_at=None)
    assert joined(OLD, unseen) == [(unseen, ["gw1", "old"])], "what was recorded is judged"
    later = replace(OLD, started_at=END + 5 * SECOND, ended_at=END + 9 * SECOND)
    assert len(joined(INNER, later)) == 2


@pytest.mark.parametrize("imported", [INNER, OUTER])
def test_an_imported_answer_is_neither_nearer_nor_farther(imported: Answer) -> None:
    answers = [
        replace(one, provenance=IMPORTED) if one is imported else one for one in (INNER, OUTER)
    ]
    assert len(joined(*answers)) == 2


NOWHERE = ip_address("0.0.0.0")  # noqa: S104
NO_REMOTE: dict[str, Any] = {
    "remote": NOWHERE, "remote_port": 0, "orig_dst": NOWHERE, "orig_dport": 0,
    "reply_src": NOWHERE, "reply_sport": 0,
}  # fmt: skip


@pytest.mark.parametrize("other", [TWIN, OUTER])
def test_remote_ends_that_are_not_stored_are_equal_to_none(other: Answer) -> None:
    assert len(joined(INNER, other)) == 1
    assert len(joined(replace(INNER, **NO_REMOTE), replace(other, **NO_REMOTE))) == 2
