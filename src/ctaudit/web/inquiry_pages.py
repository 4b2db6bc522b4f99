"""Inquiries: what was asked, and each answer at the address of its number."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, jsonify, render_template, request, url_for

from ctaudit.errors import UsageError
from ctaudit.query.inquiries import Inquiry, ask_inquiries, read_inquiries
from ctaudit.query.inquiries_text import plain_inquiries
from ctaudit.report import report_text
from ctaudit.report.html import mark_timelines, render_html
from ctaudit.report.page import Page
from ctaudit.report.pdf import render_pdf
from ctaudit.web.fields import Fields, find_field, read_fields
from ctaudit.web.inquiry_view import list_question, list_traffic, view_inquiry
from ctaudit.web.kept import Kept
from ctaudit.web.serving import kept, person, store
from ctaudit.web.traffic_pages import show_traffic

pages = Blueprint("inquiries", __name__)

WANTED = ("case", "from", "address")
LISTED = 500  # the newest

_PDF = threading.Lock()  # it takes the processor for seconds


@pages.get("/inquiries")
def list_all() -> Any:
    fields = Fields({})
    try:
        fields = read_fields(request.args, WANTED)
        found = _ask(fields)
    except UsageError as error:
        field = find_field(str(error), WANTED)
        return render_template(
            "inquiries.html.j2", fields=fields, error=str(error), field_name=field, rows=(), more=0
        ), 400
    newest = found[::-1][:LISTED]
    rows = [view_inquiry(each, is_kept=_find(each.inquiry_id) is not None) for each in newest]
    return render_template(
        "inquiries.html.j2", fields=fields, error="", field_name=None, rows=rows,
        more=len(found) - len(newest),
    )  # fmt: skip


@pages.get("/inquiries.json")
def list_plain() -> Any:
    return jsonify(plain_inquiries(_ask(read_fields(request.args, WANTED))))


def _ask(fields: Fields) -> list[Inquiry]:
    """Those that this person may see, in the order of asking."""
    wanted = read_inquiries(
        case=fields.get("case"), begin=fields.get("from"), address=fields.get("address")
    )
    with store().asking() as connection:
        found = ask_inquiries(connection, wanted)
    return [each for each in found if person().may_see(each.on_behalf_of)]


def _find(number: int) -> Kept | None:
    """The answer, while it is kept and where this person may see it."""
    found = kept().find(number)
    return found if found is not None and person().may_see(found.person) else None


@pages.get("/inquiries/<int(signed=True):number>")
def show(number: int) -> Any:
    answer = _find(number)
    if answer is not None and answer.page is None:
        return show_traffic(number, answer)
    if answer is not None and answer.page is not None:
        return render_template(
            "answer.html.j2", number=number, page=answer.page, views=answer.view,
            text=report_text, labels=report_text.LABELS,
            timelines=mark_timelines(answer.page),
        )  # fmt: skip
    inquiry = _read(number)
    return render_template(
        "inquiry.html.j2", inquiry=inquiry, row=view_inquiry(inquiry, is_kept=False),
        again=_find_again(inquiry),
    )  # fmt: skip


def _find_again(inquiry: Inquiry) -> str:
    """The address of the form that asks it again; empty: no page asks such a question."""
    if inquiry.question == "who":
        return url_for("ask.show_forms", **list_question(inquiry))
    fields = list_traffic(inquiry)
    return f"{url_for('traffic.show_form')}?{urlencode(fields)}" if fields else ""


@pages.get("/inquiries/<int(signed=True):number>.json")
def show_plain(number: int) -> Any:
    answer = _find(number)
    if answer is not None:
        return jsonify(answer.plain)
    return jsonify(plain_inquiries([_read(number)])["inquiries"][0])


def _read(number: int) -> Inquiry:
    """The question as it is on record; 404, also where another person asked."""
    found = [each for each in _ask(Fields({})) if each.inquiry_id == number]
    if not found:
        abort(404)
    return found[0]


@pages.get("/inquiries/<int(signed=True):number>/report.html")
def hand_over(number: int) -> Any:
    return _send(render_html(_find_page(number)).encode(), f"inquiry-{number}.html", "text/html")


@pages.get("/inquiries/<int(signed=True):number>/report.pdf")
def hand_over_pdf(number: int) -> Any:
    page = _find_page(number)
    with _PDF:
        return _send(render_pdf(render_html(page)), f"inquiry-{number}.pdf", "application/pdf")


def _find_page(number: int) -> Page:
    answer = _find(number)
    if answer is None or answer.page is None:
        abort(404)
    return answer.page


def _send(body: bytes, name: str, kind: str) -> Response:
    response = Response(body, mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
