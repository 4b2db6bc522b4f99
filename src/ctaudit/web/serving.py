"""What a page needs of the application that it is a page of."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app, g

from ctaudit.web.kept import KeptAnswers
from ctaudit.web.person import Person
from ctaudit.web.settings import WebSettings
from ctaudit.web.store import Store


def _own() -> dict[str, Any]:
    return cast("dict[str, Any]", current_app.extensions["ctaudit"])


def settings() -> WebSettings:
    return cast(WebSettings, _own()["settings"])


def store() -> Store:
    return cast(Store, _own()["store"])


def kept() -> KeptAnswers:
    return cast(KeptAnswers, _own()["kept"])


def person() -> Person:
    """Who sent the request."""
    return cast(Person, g.person)
