"""Inquiries: what was asked, and each answer at the address of its number."""

from __future__ import annotations

import threading
from dataclasses import replace
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    abort,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)

from ctaudit.errors import UsageError
from ctaudit.query.inquiries import Inquiry, WantedInquiries, ask_inquiries, read_inquiries
from ctaudit.query.inquiries_text import plain_inquiries
from ctaudit.report import report_text
from ctaudit.report.html import mark_timelines, render_html
from ctaudit.report.page import Page
from ctaudit.report.pdf import render_pdf, require_weasyprint
from ctaudit.web.fields import Fields, find_field, read_fields
from ctaudit.web.inquiry_view import list_question, list_traffic, view_inquiry
from ctaudit.web.kept import KeptAnswer
from ctaudit.web.serving import kept, person, store
from ctaudit.web.traffic_pages import show_traffic

pages = Blueprint("inquiries", __name__)

WANTED = ("case", "from", "address")
LISTED = 500  # the newest
PRINTED_MAX = 60  # questions of a PDF; each takes 2.5 MB while it is made

_HAS_PDF = find_spec("weasyprint") is not None
_LARGEST = (1 << 63) - 1  # bigint
_PDF = threading.Lock()  # it takes the processor for seconds


@pages.get("/inquiries")
def list_all() -> Any:
    fields = Fields({})
    try:
        fields = read_fields(request.args, WANTED)
        found = _ask(_read(fields), LISTED + 1)
    except UsageError as error:
        field = find_field(str(error), WANTED)
        return render_template(
            "inquiries.html.j2", fields=fields, error=str(error), field_name=field, rows=(), more=0
        ), 400
    newest = found[::-1][:LISTED]
    rows = [view_inquiry(each, is_kept=_find(each.inquiry_id) is not None) for each in newest]
    return render_template(
        "inquiries.html.j2", fields=fields, error="", field_name=None, rows=rows,
        more=len(found) > len(newest),
    )  # fmt: skip


@pages.get("/inquiries.json")
def list_plain() -> Any:
    wanted = _read(read_fields(request.args, WANTED))
    return jsonify(plain_inquiries(_ask(wanted, LISTED)))


def _read(fields: Fields) -> WantedInquiries:
    """Raises UsageError."""
    return read_inquiries(
        case=fields.get("case"), begin=fields.get("from"), address=fields.get("address")
    )


def _ask(wanted: WantedInquiries, newest: int) -> list[Inquiry]:
    """The newest of those that this person may see, in the order of asking."""
    by = None if person().sees_all else person().name
    with store().asking() as connection:
        found = ask_inquiries(connection, replace(wanted, by=by, newest=newest))
    return [each for each in found if person().may_see(each.on_behalf_of)]


def _find(number: int) -> KeptAnswer | None:
    """The answer, while it is kept and where this person may see it."""
    found = kept().find(number)
    return found if found is not None and person().may_see(found.person) else None


@pages.get("/inquiries/<int(signed=True):number>")
def show(number: int) -> Any:
    answer = _find(number)
    if answer is not None and answer.number != number:
        return redirect(url_for("inquiries.show", number=answer.number), 303)
    if answer is not None and answer.page is None:
        return show_traffic(number, answer)
    if answer is not None and answer.page is not None:
        return render_template(
            "answer.html.j2", number=number, page=answer.page, views=answer.view,
            text=report_text, labels=report_text.LABELS, has_pdf=_HAS_PDF,
            timelines=mark_timelines(answer.page),
        )  # fmt: skip
    inquiry = _recall(number)
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
        return Response(answer.json, mimetype="application/json")
    return jsonify(plain_inquiries([_recall(number)])["inquiries"][0])


def _recall(number: int) -> Inquiry:
    """The question as it is on record; 404, also where another person asked."""
    if abs(number) > _LARGEST:
        abort(404)
    found = _ask(WantedInquiries(number=number), 1)
    if not found:
        abort(404)
    return found[0]


@pages.get("/inquiries/<int(signed=True):number>/report.html")
def hand_over(number: int) -> Any:
    return _send(render_html(_find_page(number)).encode(), f"inquiry-{number}.html", "text/html")


@pages.get("/inquiries/<int(signed=True):number>/report.pdf")
def hand_over_pdf(number: int) -> Any:
    page = _find_page(number)
    require_weasyprint()
    if len(page.sections) > PRINTED_MAX:
        raise UsageError(
            f"A PDF is made of at most {PRINTED_MAX} questions here, and these are "
            f"{len(page.sections)}: print the HTML page, or use ctaudit ask --report"
        )
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
