"""The page as HTML: one file that loads nothing, and refuses whatever a text in it might load."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from ctaudit.errors import UsageError
from ctaudit.picture.printable import make_printable
from ctaudit.report import report_text
from ctaudit.report.page import Page, summarise

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment

_TEMPLATES = ("report.html.j2", "section.html.j2")
_MISSING = "--report needs the package {}, which is not installed; install it: apt install {}"


def require_jinja() -> None:
    """Raises UsageError where the template engine is not installed."""
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise UsageError(name_missing("python3-jinja2")) from None


def name_missing(package: str) -> str:
    return _MISSING.format(package, package)


def render_html(page: Page) -> str:
    style = _read("report.css")
    template = _make_environment().get_template("report.html.j2")
    return template.render(
        page=page, text=report_text, labels=report_text.LABELS, summary=summarise(page.sections),
        style=_trust(style), timelines=mark_timelines(page),
        policy=f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'",
    )  # fmt: skip


def mark_timelines(page: Page) -> dict[str, Any]:
    """Each section's time line as markup, by the section's id."""
    return {each.id: _trust(each.timeline) for each in page.sections}


def make_loader() -> BaseLoader:
    """Finds the templates of this package by their names."""
    from jinja2 import FunctionLoader

    return FunctionLoader(_find)


def _find(name: str) -> str | None:
    return _read(name) if name in _TEMPLATES else None


def _make_environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    return Environment(
        loader=make_loader(),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalize(value: Any) -> Any:
    """Each value that the template writes, before it is escaped."""
    return make_printable(value) if type(value) is str else value


def _trust(markup: str) -> Any:
    """Of our own making: the style, and pictures whose texts are escaped."""
    from markupsafe import Markup

    return Markup(markup)  # noqa: S704


def _hash(style: str) -> str:
    digest = hashlib.sha256(style.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _read(name: str) -> str:
    return resources.files("ctaudit.report").joinpath(name).read_text("utf-8")
