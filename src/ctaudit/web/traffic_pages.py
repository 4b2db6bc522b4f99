"""Traffic: how much flowed, when and by whom, and how long connections lasted.

A question is sent by POST and put on record, as on the command line; its answer is shown at the
address of its inquiry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from flask import Blueprint, redirect, render_template, request, url_for

from ctaudit.database.connection import TooLongError
from ctaudit.errors import UsageError
from ctaudit.picture.columns import draw_columns
from ctaudit.picture.durations import draw_durations
from ctaudit.query.durations_text import plain_bin
from ctaudit.query.purpose import Purpose, find_breadth, name_unsaid, read_purpose
from ctaudit.query.question import FlowsQuestion
from ctaudit.query.traffic import (
    TrafficQuestion,
    ask_durations,
    ask_traffic,
    count_remoteless,
    find_end,
    read_traffic,
)
from ctaudit.query.traffic_text import plain_share
from ctaudit.query.uncovered import Uncovered, ask_uncovered
from ctaudit.query.uncovered_text import plain_uncovered
from ctaudit.web import traffic_text as text
from ctaudit.web.drawing import Drawing, draw_both
from ctaudit.web.durations_view import DurationsView, view_durations
from ctaudit.web.fields import Fields, find_field, read_fields
from ctaudit.web.kept import Kept
from ctaudit.web.serving import kept, person, settings, store
from ctaudit.web.traffic_view import TrafficView, view_traffic

pages = Blueprint("traffic", __name__)

WANTED = ("by", "from", "until", "bucket", "top", "node", "host", "remote", "case", "reason")
_UNCOVERED_SECONDS = 8.0


@dataclass(frozen=True)
class TrafficAnswer:
    """What was asked, as the form has it, and what its page shows."""

    fields: Fields
    view: TrafficView | DurationsView
    drawing: Drawing | None
    remarks: tuple[str, ...]

    @property
    def asked(self) -> Sequence[tuple[str, str]]:
        """What the form said, with the labels of its fields."""
        labels = vars(text.LABELS) | {"from": text.LABELS.begin}
        said = {**self.fields.values, "by": text.BY[self.fields.get("by") or "total"]}
        return [(labels[name], said[name]) for name in WANTED if name in said]

    @property
    def is_durations(self) -> bool:
        return isinstance(self.view, DurationsView)


@pages.get("/traffic")
def show_form() -> Any:
    """The form, with what "ask again" says already; nothing is asked."""
    return _render(Fields({name: request.args[name] for name in WANTED if name in request.args}))


@pages.post("/traffic")
@pages.post("/traffic.json")
def ask() -> Any:
    """Asks, and shows the answer at its own address."""
    is_plain = request.path.endswith(".json")
    fields = Fields({})
    try:
        fields = read_fields(request.form, WANTED)
        number = _answer(fields)
    except (UsageError, TooLongError) as error:
        if is_plain:
            raise
        status = 400 if isinstance(error, UsageError) else 503
        field = find_field(str(error), WANTED, fields)
        return _render(fields, error=str(error), field_name=field), status
    kind = "inquiries.show_plain" if is_plain else "inquiries.show"
    return redirect(url_for(kind, number=number), 303)


def _render(fields: Fields, **values: Any) -> str:
    return render_template(
        "traffic.html.j2",
        **{"error": "", "field_name": None, "answer": None, "number": None, **values},
        fields=fields,
        text=text,
    )


def show_traffic(number: int, answer: Kept) -> str:
    """The page of an answer; ``number``: of its inquiry."""
    return _render(answer.view.fields, answer=answer.view, number=number)


def read_question(fields: Fields) -> tuple[TrafficQuestion, bool]:
    """And whether durations are asked for; raises UsageError, also for what no page can draw."""
    by = fields.get("by") or "total"
    if by not in text.BY:
        raise UsageError(text.UNKNOWN_BY.format(by=by, words=", ".join(text.BY)))
    is_durations = by == "durations"
    question = read_traffic(
        begin=fields.get("from"),
        until=fields.get("until"),
        bucket=None if is_durations else fields.get("bucket"),
        by="total" if is_durations else by,
        top=_read_top(fields.get("top")),
        node=fields.get("node"),
        host=fields.get("host"),
        remote=fields.get("remote"),
        durations=is_durations,
    )
    count = -(-(find_end(question) - question.begin) // question.bucket)
    if count > text.BUCKETS_MAX:
        raise UsageError(text.TOO_MANY_BUCKETS.format(bucket=fields.get("bucket"), count=count))
    return question, is_durations


def _read_top(said: str | None) -> int:
    if said is None:
        return 10
    if not said.isascii() or not said.isdigit():
        raise UsageError(text.NO_NUMBER.format(top=said))
    if int(said[:9]) > text.TOP_MAX:
        raise UsageError(text.TOO_MANY_PARTIES.format(top=said))
    return int(said)


def _answer(fields: Fields) -> int:
    """The number of the inquiry, under which the answer is kept."""
    question, is_durations = read_question(fields)
    said = read_purpose(fields.get("case"), fields.get("reason"))
    purpose = Purpose(said.case, said.reason, person().name)
    remarks = _warn(question, said)
    with store().asking() as connection:
        uncovered = _ask_uncovered(connection, question)
        try:
            ask_store = _ask_durations if is_durations else _ask_shares
            found = ask_store(connection, question, purpose, uncovered)
            left_out = count_remoteless(connection, question, purpose, settings().timeout)
        except TooLongError:
            raise TooLongError(text.TOO_LONG.format(seconds=settings().timeout)) from None
    if uncovered is None:
        remarks.append(text.UNCOVERED_TOO_LONG.format(seconds=_UNCOVERED_SECONDS))
    if left_out:
        remarks.append(text.LEFT_OUT.format(count=left_out))
    number = kept().next_unrecorded() if found.inquiry is None else found.inquiry
    answer = TrafficAnswer(fields, found.view, found.drawing, tuple(remarks))
    plain = {
        "inquiry": found.inquiry,
        "durations" if is_durations else "shares": found.rows,
        "uncovered": None if uncovered is None else plain_uncovered(uncovered)["uncovered"],
    }
    kept().keep(number, Kept(person().name, None, answer, plain, 1 + len(found.rows)))
    return number


def _ask_uncovered(
    connection: psycopg.Connection[Any], question: TrafficQuestion
) -> tuple[Uncovered, ...] | None:
    """Before the question itself, as on the command line; None: it takes too long."""
    spanned = FlowsQuestion(begin=question.begin, end=question.end, node=question.node)
    try:
        return ask_uncovered(connection, spanned, min(_UNCOVERED_SECONDS, settings().timeout))
    except TooLongError:
        return None


@dataclass(frozen=True)
class _Found:
    """``rows``: for the twin."""

    inquiry: int | None
    view: TrafficView | DurationsView
    drawing: Drawing | None
    rows: list[dict[str, Any]]


def _ask_shares(
    connection: psycopg.Connection[Any],
    question: TrafficQuestion,
    purpose: Purpose,
    uncovered: tuple[Uncovered, ...] | None,
) -> _Found:
    answered = ask_traffic(connection, question, purpose, settings().timeout)
    view = view_traffic(question, answered.rows, uncovered)
    drawing = draw_both(draw_columns, view.picture, "traffic") if view.picture else None
    rows = [plain_share(question, share) for share in answered.rows]
    return _Found(answered.inquiry, view, drawing, rows)


def _ask_durations(
    connection: psycopg.Connection[Any],
    question: TrafficQuestion,
    purpose: Purpose,
    uncovered: tuple[Uncovered, ...] | None,
) -> _Found:
    answered = ask_durations(connection, question, purpose, settings().timeout)
    view = view_durations(question, answered.rows, uncovered)
    drawing = draw_both(draw_durations, view.picture, "durations") if view.picture else None
    return _Found(answered.inquiry, view, drawing, [plain_bin(item) for item in answered.rows])


def _warn(question: TrafficQuestion, said: Purpose) -> list[str]:
    """That a broad question about hosts has no case and no reason, as the command line does."""
    if said.is_said or (question.by != "host" and question.host is None):
        return []
    end = find_end(question)
    breadth = find_breadth({"--host": question.host}, question.begin, question.end, end)
    return [] if breadth is None else [text.BROAD.format(breadth=breadth, unsaid=name_unsaid(said))]
