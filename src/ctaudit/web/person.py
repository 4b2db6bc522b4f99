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
    """Raises UnnamedError. On loopback the header is not read: anybody could send it.

    ``headers``: as WSGI has them, a character for each byte (PEP 3333).
    """
    if not settings.names_persons:
        return Person(None)
    header = settings.person_header
    name = _decode(headers.get(header, ""), header).strip()
    if not name:
        raise UnnamedError(f"The web server did not say who asks: it must set the header {header}.")
    if len(name) > _LONGEST or not name.isprintable():
        raise UnnamedError(
            f"The web server's {header} is no name: at most {_LONGEST} printable characters are "
            "kept."
        )
    if "," in name:
        raise UnnamedError(
            f"The web server's {header} has a comma, as two headers have that were joined: it must "
            "set the header once, in place of the client's, to a name without one."
        )
    return Person(name, name in settings.supervisors)


def _decode(said: str, header: str) -> str:
    """The web servers pass on the bytes that they compared with their list of people: UTF-8."""
    try:
        return said.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise UnnamedError(f"The web server's {header} is no name: it is not in UTF-8.") from None
