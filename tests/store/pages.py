"""The pages' application over the store of the other tests, asked by Flask's own client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

from ctaudit.web.application import create_app
from ctaudit.web.settings import WebSettings
from tests.unit.answers import local_zone

SOCKET = "/run/ctaudit-web/web.sock"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@contextmanager
def browsing(dsn: str, timeout: float = 30.0, *, is_named: bool = False) -> Iterator[Any]:
    """A client in the zone of the other tests, on loopback; ``is_named``: over a socket file,
    where ``as_person`` says who asks.
    """
    place = (SOCKET, "", 0) if is_named else (None, "127.0.0.1", 8080)
    settings = WebSettings(dsn, *place, "X-Remote-User", frozenset({"boss"}), timeout)
    app = create_app(settings)
    with local_zone("Europe/Berlin"):
        yield app.test_client()


def as_person(name: str) -> dict[str, str]:
    """The headers of a form's request, and the web server's."""
    return {**SAME_SITE, "X-Remote-User": name}


class Document(HTMLParser):
    """What a browser would make of a page: elements, ids, attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        self.ids += [str(value) for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def check(self) -> None:
        """That a strict content security policy refuses nothing of it, and its ids are its own."""
        assert "script" not in self.elements and "style" not in self.elements
        names = {name for name, _ in self.attributes}
        assert "style" not in names and not {name for name in names if name.startswith("on")}
        assert len(self.ids) == len(set(self.ids))
        named = [value for name, value in self.attributes if name in ("aria-labelledby", "for")]
        named += [value for name, value in self.attributes if name == "aria-describedby"]
        wanted = {each for value in named for each in str(value).split()}
        assert wanted <= set(self.ids), wanted - set(self.ids)
