"""The questions on record: who asked what, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.conntrack.endpoint import Address
from ctaudit.database.connection import asking
from ctaudit.query.lookup import select_rows
from ctaudit.query.notation import Network, parse_network
from ctaudit.query.time_notation import parse_instant, refuse_future

_INQUIRIES = sql.SQL(
    "ctaudit.inquiries(%(case)s::text, %(by)s::text, %(begin)s::timestamptz, NULL, "
    "%(address)s::inet) ORDER BY inquiry_id"
)
_LATEST = sql.SQL(
    "ctaudit.latest_inquiries(%(person)s::text, %(everybody)s, %(number)s::bigint, "
    "%(before)s::bigint, %(case)s::text, %(begin)s::timestamptz, %(address)s::inet, %(limit)s) "
    "ORDER BY inquiry_id DESC"
)


@dataclass(frozen=True)
class WantedInquiries:
    """``by``: a login, or a person for whom a front end asked. None: any."""

    case: str | None = None
    by: str | None = None
    begin: datetime | None = None
    address: Network | None = None


@dataclass(frozen=True)
class Inquiry:
    """A row of ctaudit.inquiries(); ``arguments``: the question's, by the names of its parameters.

    ``answers`` None: it was not answered, the answer was rolled back, or it was not counted.
    """

    inquiry_id: int
    asked_at: datetime
    asked_by: str
    on_behalf_of: str | None
    client: Address | None
    application: str | None
    case_reference: str | None
    reason: str | None
    question: str
    arguments: Mapping[str, Any]
    answers: int | None
    answered_at: datetime | None

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None or self.answers is not None


def read_inquiries(
    *,
    case: str | None = None,
    by: str | None = None,
    begin: str | None = None,
    address: str | None = None,
) -> WantedInquiries:
    """Each argument as the command line has it; raises UsageError."""
    first = None if begin is None else parse_instant(begin, "--from")
    if begin is not None and first is not None:
        refuse_future(first, begin, "--from")
    return WantedInquiries(case, by, first, parse_network(address, "--address"))


def ask_inquiries(
    connection: psycopg.Connection[Any], wanted: WantedInquiries
) -> tuple[Inquiry, ...]:
    """In the order of asking: of all logins to a supervisor, else of the own one."""
    with asking(connection):
        return tuple(select_rows(connection, Inquiry, _INQUIRIES, _list_values(wanted)))


def ask_latest(
    connection: psycopg.Connection[Any],
    wanted: WantedInquiries,
    person: str | None,
    *,
    everybody: bool = False,
    number: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> tuple[Inquiry, ...]:
    """The newest of the own login, first the newest: asked on behalf of ``person``, or anybody.

    ``number``: this one alone; ``before``: only those with a lower number. ``wanted.by`` is not
    looked at.
    """
    values = {
        **_list_values(wanted),
        "person": person, "everybody": everybody, "number": number, "before": before,
        "limit": limit,
    }  # fmt: skip
    with asking(connection):
        return tuple(select_rows(connection, Inquiry, _LATEST, values))


def _list_values(wanted: WantedInquiries) -> dict[str, Any]:
    return {
        "case": wanted.case,
        "by": wanted.by,
        "begin": wanted.begin,
        "address": None if wanted.address is None else str(wanted.address),
    }
