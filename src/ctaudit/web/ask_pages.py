"""Ask: one question or a whole letter; each is put on record, and its answer has an address."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import escape

from ctaudit.database.connection import TooLongError
from ctaudit.errors import UsageError
from ctaudit.letter.caution import find_cautions
from ctaudit.letter.clock import read_day
from ctaudit.letter.letter import Letter, Options, orient_letter, read_letter
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
from ctaudit.web.fields import Fields, check_fields, find_field, gather_fields
from ctaudit.web.kept import Kept
from ctaudit.web.serving import kept, person, settings, store

pages = Blueprint("ask", __name__)

QUESTION = ("public", "to", "at", "proto", "node", "within", "zone", "case", "reason")
LETTER = ("zone_here", "date", "within", "case", "reason")
LETTER_CONNECTIONS = 50  # shown of each question; without a port it may have hundreds
# The database's slot is taken meanwhile; web servers before the pages give up a minute later.
LETTER_SECONDS = 600.0
_LACKS_ZONE = "give --tz"  # in what is said of a letter's time


@dataclass(frozen=True)
class _Shown:
    """What is kept of a question; ``inquiry`` None: it is not on record."""

    view: ReplyView
    inquiry: int | None
    connections: int


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
    return render_template(
        # Escaped here: its lines stay lines, unlike those of all else that a page shows.
        "ask.html.j2", fields=fields, error=error, field_name=field, letter=escape(letter),
        of_letter=of_letter, zone=name_zone(),
    ), status  # fmt: skip


@pages.post("/ask")
@pages.post("/ask.json")
def ask_question() -> Any:
    """Asks, and shows the answer at its own address."""
    fields = gather_fields(request.form, QUESTION)
    try:
        number = _answer_question(fields)
    except UsageError as error:
        if request.path.endswith(".json"):
            raise
        return _show(fields, str(error), find_field(str(error), QUESTION, fields))
    return _go_to(number)


def name_zone() -> str:
    """The time zone of this host now, in which the pages read and show times."""
    return format_zone(datetime.now(UTC))


def _go_to(number: int) -> Any:
    kind = "inquiries.show_plain" if request.path.endswith(".json") else "inquiries.show"
    return redirect(url_for(kind, number=number), 303)


def _answer_question(fields: Fields) -> int:
    check_fields(fields)
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
    shown = [_Shown(view_reply(reply, ANSWERS_MAX), reply.inquiry, len(reply.connections))]
    return _keep(writer, shown, plain_reply(reply))


def _read_purpose(fields: Fields) -> Purpose:
    said = read_purpose(fields.get("case"), fields.get("reason"))
    return Purpose(said.case, said.reason, person().name)


@pages.post("/letter")
@pages.post("/letter.json")
def ask_letter() -> Any:
    """Asks what a pasted or uploaded letter asks."""
    fields, text = gather_fields(request.form, LETTER), request.form.get("letter", "")
    try:
        number = _answer_letter(fields, _read_sent(text))
    except UsageError as error:
        if request.path.endswith(".json"):
            raise
        field = find_field(str(error), (*LETTER, "letter"), fields)
        if field == "letter" and _LACKS_ZONE in str(error):
            field = "zone_here"
        return _show(fields, _name_remedy(str(error)), field, text, of_letter=True)
    return _go_to(number)


def _read_sent(text: str) -> bytes:
    uploaded = request.files.get("file")
    if uploaded is None or not uploaded.filename:
        return text.encode()
    if text.strip():
        raise UsageError("letter: there is a text and a file; send one after the other")
    data: bytes = uploaded.read()
    return data


def _name_remedy(sentence: str) -> str:
    """A sentence on a letter's times, with the form's fields for the command line's options."""
    tick = f"if it is in {name_zone()}, say so below"
    return sentence.replace(_LACKS_ZONE, tick).replace("give --date", "give the day, below")


def _answer_letter(fields: Fields, data: bytes) -> int:
    check_fields(fields)
    purpose = _read_purpose(fields)
    letter = _find_questions(fields, data)
    writer = ReportWriter(purpose)
    shown: list[_Shown] = []
    plain: list[dict[str, Any]] = []
    until = time.monotonic() + LETTER_SECONDS
    with store().asking() as connection:
        letter = orient_letter(letter, read_scopes(connection))
        for number, found in enumerate(letter.found, 1):
            if time.monotonic() > until:
                raise TooLongError(
                    f"{len(shown)} of the letter's {len(letter.found)} questions took more than "
                    f"{LETTER_SECONDS / 60:g} minutes; divide the letter"
                )
            reply = ask_who(connection, found.question, purpose, with_inquiry=True)
            writer.add_found(connection, found, reply)
            # All its connections are not kept: 200 questions may have 1,000 each.
            cautions = list(find_cautions(found, reply))
            view = view_reply(reply, LETTER_CONNECTIONS, cautions)
            most = min(len(reply.connections), LETTER_CONNECTIONS)
            shown.append(_Shown(view, reply.inquiry, most))
            plain.append(_plain_answer(number, found, reply, cautions))
    writer.unread = letter.unread
    unread = [plain_unread(each)["unread"] for each in letter.unread]
    return _keep(writer, shown, {"answers": plain, "unread": unread})


def _find_questions(fields: Fields, data: bytes) -> Letter:
    """Raises UsageError where there are none, or more than a page holds."""
    own = settings()
    zone = f"the form: that of this host, {name_zone()}" if fields.get("zone_here") else ""
    is_ours = own.is_ours if own.ours else None
    day = read_day(fields.get("date"))
    within = parse_within(fields.get("within") or "0")
    letter = read_letter(data, Options(zone, day, within, is_ours))
    if not letter.found:
        why = "; ".join(f"{each.place}: {each.reason}" for each in letter.unread[:3])
        raise UsageError(
            f"letter: no question is in it that could be read: {why}"
            if why
            else "letter: no question is in it; a question is an address, best with its port, and "
            "a time"
        )
    if len(letter.found) > QUESTIONS_MAX:
        raise UsageError(
            f"letter: it has {len(letter.found):,} questions, and a page holds at most "
            f"{QUESTIONS_MAX}; divide it, or use: ctaudit ask"
        )
    return letter


def _plain_answer(number: int, found: Found, reply: Reply, cautions: list[str]) -> dict[str, Any]:
    """As a line of ask --json; of many connections the first, and how many there are."""
    plain = plain_reply(reply)
    connections = plain["answers"]
    if len(connections) > LETTER_CONNECTIONS:
        plain |= {"answers": connections[:LETTER_CONNECTIONS], "connections": len(connections)}
    return {**plain, "letter": plain_found(number, found, cautions)}


def _keep(writer: ReportWriter, shown: Sequence[_Shown], plain: dict[str, Any]) -> int:
    """The number of the first inquiry, under which all of it is shown."""
    numbers = [each.inquiry for each in shown if each.inquiry is not None]
    number = numbers[0] if numbers else kept().next_unrecorded()
    plain = {"inquiry": number, "inquiries": numbers, **plain}
    views = [each.view for each in shown]
    size = sum(1 + each.connections for each in shown)
    others = (*numbers[1:], *writer.inquiries)
    answer = Kept(person().name, writer.finish(), views, plain, size, others)
    kept().keep(number, answer)
    return number
