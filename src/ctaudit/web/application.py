"""The application: every page, and what each request passes before and after it."""

from __future__ import annotations

import logging
from functools import cache
from importlib import resources
from typing import Any, cast

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from jinja2 import ChoiceLoader, PackageLoader
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as AnyResponse

from ctaudit import __version__
from ctaudit.errors import CtauditError, DatabaseError, PrivilegeError, SchemaError, UsageError
from ctaudit.picture.printable import make_printable
from ctaudit.report.html import make_loader
from ctaudit.web import ask_pages, inquiry_pages, record_pages, traffic_pages
from ctaudit.web.guard import HEADERS, find_refusal
from ctaudit.web.kept import KeptAnswers
from ctaudit.web.person import Person, UnnamedError, find_person
from ctaudit.web.settings import WebSettings
from ctaudit.web.store import Store

BODY_MAX = 2_000_000  # bytes of a request
_PAGES = (
    ("Ask", "/"), ("Record", "/record"), ("Traffic", "/traffic"), ("Inquiries", "/inquiries"),
)  # fmt: skip

log = logging.getLogger(__name__)


def create_app(settings: WebSettings) -> Flask:
    """All pages, with the store behind them; a blueprint finds it by web.serving."""
    app = Flask("ctaudit.web", static_folder=None)
    app.jinja_loader = ChoiceLoader([PackageLoader("ctaudit.web"), make_loader()])
    # Flask escapes by a template's name, and these end in .j2.
    app.jinja_env.autoescape = True
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.finalize = _finalize
    # Newer Werkzeug bounds a field that is no file more narrowly.
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = BODY_MAX
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["ctaudit"] = {
        "settings": settings, "store": Store(settings), "kept": KeptAnswers(),
    }  # fmt: skip
    for each in (ask_pages, inquiry_pages, record_pages, traffic_pages):
        app.register_blueprint(each.pages)
    app.add_url_rule("/style.css", "style", _send_style)
    # Beside JSON a browser asks for the second, as no page names the first there.
    for address in ("/icon.svg", "/favicon.ico"):
        app.add_url_rule(address, "icon", _send_icon)
    app.before_request(lambda: _admit(settings))
    app.after_request(_harden)
    app.context_processor(lambda: {"pages": _PAGES, "program": __version__, "person": _person()})
    app.register_error_handler(CtauditError, _tell)
    app.register_error_handler(HTTPException, _tell_http)
    app.register_error_handler(Exception, _tell_unforeseen)
    return app


def _admit(settings: WebSettings) -> Any:
    """None, or the page that says why not. Sets who asks."""
    g.person = None
    refusal = find_refusal(
        request.method, request.host, request.headers,
        by_loopback=not settings.names_persons, names=settings.hosts,
    )  # fmt: skip
    if refusal is not None:
        return _page_of("Refused", refusal, 403)
    try:
        g.person = find_person(request.headers, settings)
    except UnnamedError as error:
        return _page_of("Refused", str(error), 403)
    return None


def _person() -> Person | None:
    return cast("Person | None", g.get("person"))


def _harden(response: AnyResponse) -> AnyResponse:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def _finalize(value: Any) -> Any:
    """Each value that a template writes, before it is escaped."""
    return make_printable(value) if type(value) is str else value


def _send_style() -> Response:
    return Response(_read_style(), mimetype="text/css")


@cache
def _read_style() -> str:
    files = (
        ("ctaudit.report", "report.css"), ("ctaudit.web", "static/web.css"),
        ("ctaudit.web", "static/pictures.css"),
    )  # fmt: skip
    return "".join(resources.files(room).joinpath(name).read_text("utf-8") for room, name in files)


def _send_icon() -> Response:
    icon = resources.files("ctaudit.web").joinpath("static/icon.svg").read_text("utf-8")
    return Response(icon, mimetype="image/svg+xml")


def _tell(error: CtauditError) -> Any:
    if isinstance(error, UsageError):
        return _page_of("Not understood", str(error), 400)
    if isinstance(error, DatabaseError | SchemaError | PrivilegeError):
        log.error("%s", error)
        return _page_of("The record cannot be asked", str(error), 503)
    return _tell_unforeseen(error)


def _tell_http(error: HTTPException) -> Any:
    status = error.code or 500
    sentences = {
        404: "There is no such page.",
        405: "This page is not asked in that way.",
        413: f"More than {BODY_MAX:,} bytes were sent; divide the letter.",
    }
    titles = {404: "Not found", 501: "Not installed"}
    sentence = sentences.get(status, str(error.description))
    response = make_response(_page_of(titles.get(status, "Refused"), sentence, status))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


def _tell_unforeseen(error: Exception) -> Any:
    log.error("%s %a: not foreseen", request.method, request.path, exc_info=error)
    return _page_of(
        "An error", "Something happened that was not foreseen. The journal of this host says what.",
        500,
    )  # fmt: skip


def _page_of(title: str, sentence: str, status: int) -> Any:
    """A page of one sentence, or the same as JSON."""
    if request.path.endswith(".json"):
        return jsonify({"error": sentence}), status
    return render_template("sentence.html.j2", title=title, sentence=sentence), status
