"""Ask: one question or a whole letter; each is put on record, and its answer has an address."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from ctaudit.database.connection import TooLongError
from ctaudit.errors import UsageError
from ctaudit.letter.caution import find_cautions
from ctaudit.letter.clock import read_day
from ctaudit.letter.letter import Options, orient_letter, read_letter
from ctaudit.letter.letter_text import plain_found, plain_unread
from ctaudit.letter.reading import Found
from ctaudit.picture.ticks import format_zone
from ctaudit.query.lookup import ask_who
from ctaudit.query.notation import parse_within
from ctaudit.query.purpose import Purpose, read_purpose
from ctaudit.query.question import read_who
from ctaudit.query.reply import ANSWERS_MAX, Reply
from ctaudit.query.scope_at import read_scopes
from ctaudit.query.who_text import plain_reply
from ctaudit.report.writer import QUESTIONS_MAX, ReportWriter
from ctaudit.web.answer_view import ReplyView, view_reply
from ctaudit.web.fields import Fields, Pasted, find_field, read_fields
from ctaudit.web.kept import Kept
from ctaudit.web.serving import kept, person, store

pages = Blueprint("ask", __name__)

QUESTION = ("public", "to", "at", "proto", "node", "within", "zone", "case", "reason")
LETTER = ("zone_here", "date", "within", "case", "reason")
LETTER_SECONDS = 300.0  # of all its questions
LETTER_CONNECTIONS = 50  # shown of each question; without a port it may have hundreds


@pages.get("/")
def show_forms() -> Any:
    """The two forms, with what a link or "ask again" says already."""
    return _show(Fields({name: request.args[name] for name in QUESTION if name in request.args}))


def _show(
    fields: Fields, error: str = "", field: str | None = None, letter: str = "",
    *, of_letter: bool = False,
) -> Any:  # fmt: skip
    """The forms; ``field``: what the error is about, in the second form where ``of_letter``."""
    status = 400 if error else 200
    none = Fields({})
    return render_template(
        "ask.html.j2", error=error, letter=Pasted(letter), zone=name_zone(),
        fields=none if of_letter else fields, letter_fields=fields if of_letter else none,
        wrong=None if of_letter else field, letter_wrong=field if of_letter else None,
    ), status  # fmt: skip


@pages.post("/ask")
@pages.post("/ask.json")
def ask_question() -> Any:
    """Asks, and shows the answer at its own address."""
    fields = Fields({})
    try:
        fields = read_fields(request.form, QUESTION)
        number = _answer_question(fields)
    except UsageError as error:
        if request.path.endswith(".json"):
            raise
        return _show(fields, str(error), find_field(str(error), QUESTION))
    return _go_to(number)


def name_zone() -> str:
    """The time zone of this host now, in which the pages read and show times."""
    return format_zone(datetime.now(UTC))


def _go_to(number: int) -> Any:
    kind = "inquiries.show_plain" if request.path.endswith(".json") else "inquiries.show"
    return redirect(url_for(kind, number=number), 303)


def _answer_question(fields: Fields) -> int:
    for name, label in (("public", "ADDRESS:PORT"), ("at", "--at")):
        if fields.get(name) is None:
            raise UsageError(f"{label}: must not be empty")
    question = read_who(
        fields.values["public"],
        fields.values["at"],
        to=fields.get("to"),
        proto=fields.get("proto"),
        node=fields.get("node"),
        within=fields.get("within") or "0",
        zone=fields.get("zone"),
    )
    purpose = _read_purpose(fields)
    writer = ReportWriter(purpose)
    with store().asking() as connection:
        reply = ask_who(connection, question, purpose, with_inquiry=True)
        writer.add_call(connection, fields.values, "", reply)
    views = [view_reply(reply, ANSWERS_MAX)]
    return _keep(writer, views, [reply.inquiry], plain_reply(reply))


def _read_purpose(fields: Fields) -> Purpose:
    said = read_purpose(fields.get("case"), fields.get("reason"))
    return Purpose(said.case, said.reason, person().name)


@pages.post("/letter")
@pages.post("/letter.json")
def ask_letter() -> Any:
    """Asks what a pasted or uploaded letter asks."""
    fields, text = Fields({}), ""
    try:
        fields = read_fields(request.form, LETTER)
        text = request.form.get("letter", "")
        uploaded = request.files.get("file")
        data = uploaded.read() if uploaded is not None and uploaded.filename else text.encode()
        number = _answer_letter(fields, data)
    except UsageError as error:
        if request.path.endswith(".json"):
            raise
        return _show(fields, str(error), find_field(str(error), (*LETTER, "letter")), text,
                     of_letter=True)  # fmt: skip
    return _go_to(number)


def _answer_letter(fields: Fields, data: bytes) -> int:
    purpose = _read_purpose(fields)
    zone = f"the form: that of this host, {name_zone()}" if fields.get("zone_here") else ""
    within = parse_within(fields.get("within") or "0")
    letter = read_letter(data, Options(zone, read_day(fields.get("date")), within))
    if not letter.found:
        why = "; ".join(f"{each.place}: {each.reason}" for each in letter.unread[:3])
        raise UsageError(
            f"letter: no question is in it{f' that could be read ({why})' if why else ''}; a "
            "question is an address, best with its port, and a time"
        )
    if len(letter.found) > QUESTIONS_MAX:
        raise UsageError(
            f"letter: it has {len(letter.found):,} questions, and a page holds at most "
            f"{QUESTIONS_MAX}; divide it, or use: ctaudit ask"
        )
    writer, views, plain = ReportWriter(purpose), [], []
    numbers: list[int | None] = []
    end = time.monotonic() + LETTER_SECONDS
    with store().asking() as connection:
        letter = orient_letter(letter, read_scopes(connection))
        for number, found in enumerate(letter.found, 1):
            _check_time(end, number - 1, len(letter.found))
            reply = ask_who(connection, found.question, purpose, with_inquiry=True)
            writer.add_found(connection, found, reply)
            numbers.append(reply.inquiry)
            views.append(view_reply(reply, LETTER_CONNECTIONS, found))
            plain.append(_plain_answer(number, found, reply))
    writer.unread = letter.unread
    unread = [plain_unread(each)["unread"] for each in letter.unread]
    return _keep(writer, views, numbers, {"answers": plain, "unread": unread})


def _check_time(end: float, answered: int, questions: int) -> None:
    if time.monotonic() > end:
        raise TooLongError(
            f"{answered} of {questions} questions were answered in {LETTER_SECONDS:.0f} s: divide "
            "the letter, or use ctaudit ask. They are on record"
        )


def _plain_answer(number: int, found: Found, reply: Reply) -> dict[str, Any]:
    """As a line of ask --json; of many connections the first, and how many there are."""
    plain = plain_reply(reply)
    connections = plain["answers"]
    if len(connections) > LETTER_CONNECTIONS:
        plain |= {"answers": connections[:LETTER_CONNECTIONS], "connections": len(connections)}
    cautions = list(find_cautions(found, reply))
    return {**plain, "inquiry": reply.inquiry, "letter": plain_found(number, found, cautions)}


def _keep(
    writer: ReportWriter,
    views: Sequence[ReplyView],
    inquiries: Sequence[int | None],
    plain: dict[str, Any],
) -> int:
    """The number of the first inquiry, under which all of it is shown."""
    numbers = [number for number in inquiries if number is not None]
    number = numbers[0] if numbers else kept().next_unrecorded()
    plain = {"inquiry": numbers[0] if numbers else None, **plain}
    kept().keep(number, Kept(person().name, writer.finish(), views, plain), numbers[1:])
    return number
