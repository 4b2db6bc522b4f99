"""The page to hand over, made while its questions are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg

from ctaudit import __version__
from ctaudit.database.connection import read_schema_version
from ctaudit.letter.claim import Unread
from ctaudit.letter.reading import Found
from ctaudit.query.lookup import ask_who
from ctaudit.query.purpose import Purpose
from ctaudit.query.reply import Reply
from ctaudit.report.asked import Asked, from_call, from_letter
from ctaudit.report.page import Made, Page, Section, make_section
from ctaudit.report.surroundings import ask_surroundings

# Of a page that somebody reads. WeasyPrint needs 0.1 s and 2.5 MB for each question.
QUESTIONS_MAX = 200


class ReportWriter:
    """Gathers the questions of a page as they are answered.

    ``inquiries``: numbers of those that its time lines asked.
    """

    def __init__(self, purpose: Purpose) -> None:
        self.unread: Sequence[Unread] = ()
        self.inquiries: list[int] = []
        self._purpose = purpose
        self._sections: list[Section] = []
        self._schema = 0
        self._login = ""

    def add_call(
        self,
        connection: psycopg.Connection[Any],
        words: Mapping[str, str],
        zone_option: str,
        reply: Reply,
    ) -> None:
        """``words``: as who was called, by the names of its options."""
        self._add(connection, from_call(words, zone_option, reply.question), reply)

    def add_found(self, connection: psycopg.Connection[Any], found: Found, reply: Reply) -> None:
        self._add(connection, from_letter(found), reply)

    def _add(self, connection: psycopg.Connection[Any], asked: Asked, reply: Reply) -> None:
        if not self._sections:
            self._schema = read_schema_version(connection).installed or 0
            self._login = connection.info.user
        ask = partial(
            ask_who, connection, purpose=self._purpose, with_hints=False, with_inquiry=True
        )
        around = ask_surroundings(connection, reply, ask)
        if around.port is not None and around.port.inquiry is not None:
            self.inquiries.append(around.port.inquiry)
        self._sections.append(make_section(len(self._sections) + 1, asked, reply, around))

    def finish(self) -> Page:
        said = (self._purpose.case, self._purpose.reason)
        made = Made(datetime.now(UTC), __version__, self._schema, self._login, *said)
        return Page(made, tuple(self._sections), tuple(self.unread))
