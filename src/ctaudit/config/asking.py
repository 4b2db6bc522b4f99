"""The table of keys, third part: the web pages that ask the record."""

from __future__ import annotations

from dataclasses import dataclass

from ctaudit.config.key import key, open_key
from ctaudit.config.readers import HEADER, LISTEN, TEXT, TEXTS, duration

SINCE = "0.2.0"
WEB = """
    The web pages of `ctaudit web` (the package ctaudit-web), on the host of the database.
    docs/web.md has the configuration of the web server before them."""


@dataclass(frozen=True)
class WebSection:
    """``listen``: see config.readers.split_listen."""

    listen: str = key(
        "unix:/run/ctaudit-web/web.sock", LISTEN,
        """Where the pages are served: a socket file, or a port of loopback. The web server before
        the socket file says who asks; on a port everybody on this host is the pages' own
        login.""",
        since=SINCE,
    )  # fmt: skip
    person_header: str = key(
        "X-Remote-User", HEADER,
        """The header in which the web server names the person who asks. It is put on record as "on
        behalf of". It is read from the socket file alone, and must come with each request.""",
        since=SINCE,
    )  # fmt: skip
    supervisors: tuple[str, ...] = key(
        [], TEXTS,
        "The persons who may see everybody's questions and answers on the pages.", since=SINCE,
    )  # fmt: skip
    hosts: tuple[str, ...] = key(
        [], TEXTS,
        """The names by which the pages are opened, without a port: "audit.example.net". What is
        sent to other names is refused. Empty: each that the web server before the socket file
        passes on; on a port localhost, 127.0.0.1 and ::1, which are always taken there.""",
        since=SINCE,
    )  # fmt: skip
    dsn: str = open_key(
        "", TEXT,
        """The connection string of the pages. Its login asks, so it must be a member of
        ctaudit_front, and of no more.""",
        without="`database.dsn`", example="dbname=ctaudit", since=SINCE,
    )  # fmt: skip
    timeout: float = key(
        "30s", duration("1s", "10min"),
        "The longest that the database may take for one statement of a page.", since=SINCE,
    )  # fmt: skip
