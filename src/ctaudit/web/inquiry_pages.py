"""Inquiries: what was asked, and each answer at the address of its number."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for

from ctaudit.errors import UsageError
from ctaudit.query.inquiries import Inquiry, WantedInquiries, ask_latest, read_inquiries
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

WANTED = ("case", "from", "address", "before")
LISTED = 200  # on a page
_DIGITS = 18  # of a number that PostgreSQL's bigint holds in any case

_PDF = threading.Lock()  # it takes the processor for seconds
# WeasyPrint needs 2.5 MB for a question, and the service has 512 MB.
_PDF_MOST = 100


@pages.get("/inquiries")
def list_all() -> Any:
    fields = Fields({})
    try:
        fields = read_fields(request.args, WANTED)
        newest, before = _ask(fields)
    except UsageError as error:
        field = find_field(str(error), WANTED, fields)
        return render_template(
            "inquiries.html.j2", fields=fields, error=str(error), field_name=field, rows=()
        ), 400
    rows = [
        view_inquiry(
            each, is_kept=_is_kept(each.inquiry_id), home=kept().find_home(each.inquiry_id)
        )
        for each in newest
    ]
    older = _list_address("inquiries.list_all", fields, before) if before else ""
    return render_template(
        "inquiries.html.j2", fields=fields, error="", field_name=None, rows=rows, older=older
    )


@pages.get("/inquiries.json")
def list_plain() -> Any:
    """In the order of asking, as the command has them; ``older``: where those before them are."""
    fields = read_fields(request.args, WANTED)
    newest, before = _ask(fields)
    older = _list_address("inquiries.list_plain", fields, before) if before else None
    return jsonify({**plain_inquiries(newest[::-1]), "older": older})


def _list_address(page: str, fields: Fields, before: int) -> str:
    return f"{url_for(page)}?{urlencode({**fields.values, 'before': before})}"


def _ask(fields: Fields) -> tuple[Sequence[Inquiry], int | None]:
    """A page of those that this person may see, the newest first.

    And the number below which there are more; None: there are none.
    """
    wanted = read_inquiries(
        case=fields.get("case"), begin=fields.get("from"), address=fields.get("address")
    )
    before = _read_number(fields.get("before"))
    with store().asking() as connection:
        found = ask_latest(
            connection, wanted, person().name, everybody=person().sees_all, before=before,
            limit=LISTED + 1,
        )  # fmt: skip
    newest = found[:LISTED]
    return newest, newest[-1].inquiry_id if len(found) > LISTED else None


def _read_number(said: str | None) -> int | None:
    if said is None:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= _DIGITS):
        raise UsageError(f"before {said!r}: must be the number of an inquiry")
    return int(said)


def _is_kept(number: int) -> bool:
    home = kept().find_home(number)
    return _find(number if home is None else home) is not None


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
            timelines=mark_timelines(answer.page), can_print=can_print(answer.page),
            asked_for=answer.person,
        )  # fmt: skip
    home = kept().find_home(number)
    if home is not None and _find(home) is not None:
        return redirect(url_for("inquiries.show", number=home))
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
    found: Sequence[Inquiry] = ()
    if 0 < number < 10**_DIGITS:
        with store().asking() as connection:
            found = ask_latest(
                connection, WantedInquiries(), person().name, everybody=person().sees_all,
                number=number,
            )  # fmt: skip
    if not found:
        abort(404)
    return found[0]


@pages.get("/inquiries/<int(signed=True):number>/report.html")
def hand_over(number: int) -> Any:
    return _send(render_html(_find_page(number)).encode(), f"inquiry-{number}.html", "text/html")


@pages.get("/inquiries/<int(signed=True):number>/report.pdf")
def hand_over_pdf(number: int) -> Any:
    page = _find_page(number)
    if not can_print(page):
        abort(
            501,
            "No PDF can be made here: print the HTML, or install it: apt install weasyprint"
            if len(page.sections) <= _PDF_MOST
            else f"A PDF has at most {_PDF_MOST} questions; print the page, or the HTML.",
        )
    with _PDF:
        return _send(render_pdf(render_html(page)), f"inquiry-{number}.pdf", "application/pdf")


def can_print(page: Page) -> bool:
    """Whether a PDF of it can be made."""
    return len(page.sections) <= _PDF_MOST and find_spec("weasyprint") is not None


def _find_page(number: int) -> Page:
    answer = _find(number)
    if answer is None or answer.page is None:
        abort(404)
    return answer.page


def _send(body: bytes, name: str, kind: str) -> Response:
    response = Response(body, mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
