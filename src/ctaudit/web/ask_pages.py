"""Ask: one question or a whole letter; each is put on record, and its answer has an address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from ctaudit.errors import UsageError
from ctaudit.letter.caution import find_cautions
from ctaudit.letter.clock import read_day
from ctaudit.letter.letter import Letter, Options, orient_letter, read_letter
from ctaudit.letter.letter_text import plain_found, plain_unread
from ctaudit.letter.reading import Found
from ctaudit.picture.ticks import format_zone
from ctaudit.query.lookup import ask_who
from ctaudit.query.purpose import Purpose, read_purpose
from ctaudit.query.question import read_who
from ctaudit.query.reply import Reply
from ctaudit.query.scope_at import read_scopes
from ctaudit.query.who_text import plain_reply
from ctaudit.report.writer import QUESTIONS_MAX, ReportWriter
from ctaudit.web.answer_view import view_reply
from ctaudit.web.fields import Fields, find_field, read_fields
from ctaudit.web.kept import Kept
from ctaudit.web.serving import kept, person, store

pages = Blueprint("ask", __name__)

QUESTION = ("public", "to", "at", "proto", "node", "within", "zone", "case", "reason")
LETTER = ("zone_here", "date", "case", "reason")


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
        "ask.html.j2", fields=fields, error=error, field_name=field, letter=letter,
        of_letter=of_letter, zone=name_zone(),
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
    return _keep(writer, [(reply, None)], plain_reply(reply))


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
    letter = read_letter(data, Options(zone, read_day(fields.get("date"))))
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
    writer = ReportWriter(purpose)
    replies: list[Reply] = []
    with store().asking() as connection:
        letter = orient_letter(letter, read_scopes(connection))
        for found in letter.found:
            reply = ask_who(connection, found.question, purpose, with_inquiry=True)
            writer.add_found(connection, found, reply)
            replies.append(reply)
    writer.unread = letter.unread
    answered: list[tuple[Reply, Found | None]] = list(zip(replies, letter.found, strict=True))
    return _keep(writer, answered, _plain_letter(letter, replies))


def _plain_letter(letter: Letter, replies: list[Reply]) -> dict[str, Any]:
    return {
        "answers": [
            {
                **plain_reply(reply),
                "letter": plain_found(number, found, list(find_cautions(found, reply))),
            }
            for number, (found, reply) in enumerate(zip(letter.found, replies, strict=True), 1)
        ],
        "unread": [plain_unread(each)["unread"] for each in letter.unread],
    }


def _keep(
    writer: ReportWriter, answered: list[tuple[Reply, Found | None]], plain: dict[str, Any]
) -> int:
    """The number of the first inquiry, under which all of it is shown."""
    page = writer.finish()
    numbers = [reply.inquiry for reply, _ in answered if reply.inquiry is not None]
    number = numbers[0] if numbers else kept().next_unrecorded()
    views = [view_reply(reply, found) for reply, found in answered]
    plain = {"inquiry": number, "inquiries": numbers, **plain}
    kept().keep(number, Kept(person().name, page, views, plain))
    return number
