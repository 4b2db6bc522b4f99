"""A question on record as fields that ask for exactly the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("flask")

from hypothesis import given
from hypothesis import strategies as st

from ctaudit.query.inquiries import Inquiry
from ctaudit.query.question import WhoQuestion, read_who
from ctaudit.web.inquiry_view import list_question, view_inquiry
from tests.unit.answers import local_zone

ASKED = datetime(2026, 2, 22, 13, tzinfo=UTC)


def on_record(question: WhoQuestion) -> Inquiry:
    """As ctaudit.who_arguments and the inquiry's row have it."""
    remote = question.remote
    arguments: dict[str, Any] = {
        "address": str(question.public.address), "port": question.public.port,
        "from": question.span.begin.isoformat(), "until": question.span.end.isoformat(),
        "remote": remote and str(remote.address), "remote_port": remote and remote.port,
        "proto": question.proto, "node": question.node, "zone": question.zone,
    }  # fmt: skip
    said = {name: value for name, value in arguments.items() if value is not None}
    return Inquiry(7, ASKED, "ctaudit-web", "alice", None, None, "17", "a letter", "who", said, 1,
                   ASKED)  # fmt: skip


def test_a_question_is_told_in_the_order_of_its_form() -> None:
    question = read_who(
        "1.2.3.4:53500", "2026-02-22 12:30:05Z", to="19.1.16.7:443", proto="tcp", zone="0"
    )
    inquiry = on_record(question)
    shuffled = dict(sorted(inquiry.arguments.items(), key=lambda item: (len(item[0]), item[0])))
    with local_zone("Europe/Berlin"):
        row = view_inquiry(replace(inquiry, arguments=shuffled), is_kept=True, home=6)
    assert row.question == (
        "who(address 1.2.3.4, port 53500, from 2026-02-22 13:30:05+01:00, "
        "until 2026-02-22 13:30:06+01:00, remote 19.1.16.7, remote_port 443, proto tcp, zone 0)"
    )
    assert (row.number, row.home) == (7, 6)


def read_again(question: WhoQuestion) -> WhoQuestion:
    fields = list_question(on_record(question))
    assert (fields.pop("case"), fields.pop("reason")) == ("17", "a letter")
    return read_who(**{"within": "0", **fields})


@pytest.mark.parametrize(
    "at", ["2026-02-22 12:30", "2026-02-22 12:30:05", "2026-02-22 12:30:05.25",
           "2026-02-22 12:30:05.123456", "2026-02-22T12:30:59+05:30", "1771763405"]
)  # fmt: skip
@pytest.mark.parametrize("within", ["0", "60", "2", "2.5", "0.000001", "3600.25"])
@pytest.mark.parametrize(
    "rest", [{"public": "1.2.3.4:53500"}, {"public": "2001:db8::1", "to": "[2001:db8::2]:443"},
             {"public": "1.2.3.4", "proto": "132", "node": "gw <1>", "zone": "0"}]
)  # fmt: skip
def test_the_same_is_asked_again(at: str, within: str, rest: dict[str, str]) -> None:
    question = read_who(at=at, within=within, **rest)
    again = read_again(question)
    assert again.span == question.span
    assert (again.public, again.remote, again.proto, again.node, again.zone) == (
        question.public, question.remote, question.proto, question.node, question.zone
    )  # fmt: skip


@given(
    st.integers(0, 6), st.integers(0, 10**6 - 1), st.decimals(0, 1000, places=6),
)  # fmt: skip
def test_any_digits(digits: int, micro: int, within: Any) -> None:
    second = f"05.{micro:06}"[: 3 + digits] if digits else "05"
    question = read_who("1.2.3.4:53500", f"2026-02-22 12:30:{second}Z", within=f"{within:f}")
    assert read_again(question).span == question.span


@pytest.mark.parametrize(
    ("begin", "end"),
    [("12:30:05", "12:30:05"), ("12:30:29.95", "12:30:30.05"), ("12:30:05", "12:30:05.000002")],
)
def test_a_span_that_no_notation_has_leaves_the_time_to_the_reader(begin: str, end: str) -> None:
    """As psql may have asked."""
    inquiry = on_record(read_who("1.2.3.4:53500", "2026-02-22 12:30:05Z"))
    odd = {"from": f"2026-02-22T{begin}+00:00", "until": f"2026-02-22T{end}+00:00"}
    fields = list_question(replace(inquiry, arguments={**inquiry.arguments, **odd}))
    assert not {"at", "within"} & set(fields)


def test_what_is_no_question_of_who() -> None:
    inquiry = on_record(read_who("1.2.3.4:53500", "2026-02-22 12:30:05Z"))
    assert list_question(replace(inquiry, question="flows")) == {}
