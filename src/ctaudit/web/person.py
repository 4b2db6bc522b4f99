"""Who asks: the person that the web server names, or the pages' own login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctaudit.web.settings import WebSettings

_LONGEST = 200  # characters, as ctaudit.set_purpose has it


class UnnamedError(Exception):
    """A request over the socket file that does not say who asks; the text is one sentence."""


@dataclass(frozen=True)
class Person:
    """``name`` None: whoever is on this host, as the pages' own login.

    ``sees_all``: the questions and answers of others too.
    """

    name: str | None
    sees_all: bool = False

    def may_see(self, asked_for: str | None) -> bool:
        """Whether this person may see what was asked on behalf of ``asked_for``."""
        return self.sees_all or asked_for == self.name


def find_person(headers: Mapping[str, str], settings: WebSettings) -> Person:
    """Raises UnnamedError. On loopback the header is not read: anybody could send it."""
    if not settings.names_persons:
        return Person(None)
    name = _decode(headers.get(settings.person_header, "")).strip()
    if not name:
        raise UnnamedError(
            f"The web server did not say who asks: it must set the header {settings.person_header}."
        )
    if len(name) > _LONGEST or not name.isprintable():
        raise UnnamedError(
            f"The web server's {settings.person_header} is no name: at most {_LONGEST} printable "
            "characters are kept."
        )
    return Person(name, name in settings.supervisors)


def _decode(value: str) -> str:
    """A header's bytes, which WSGI hands over as Latin-1, as the UTF-8 that web servers send."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
