"""What stands around an answer: the public port before and after, the record, the clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.database.connection import asking
from ctaudit.query.lookup import name_values, select_rows
from ctaudit.query.question import WhoQuestion
from ctaudit.query.reply import Reply
from ctaudit.query.time_notation import TimeSpan
from ctaudit.query.uncovered import Uncovered

NEAR = timedelta(minutes=5)  # on either side of the asked time, in which the port is looked at
AROUND = timedelta(hours=1)  # on either side, in which the record's gaps are named

# A part is one that may lack what the question is for: other protocols and other ports do not
# count. Where one part ends the next one begins, so the first microsecond is left out. Of a span
# that ends later than now, ctaudit.uncovered would leave out the last minute.
_UNCOVERED = sql.SQL(
    "ctaudit.uncovered(%(node)s::text, %(around_from)s::timestamptz, "
    "least(%(around_until)s::timestamptz, now())) AS u "
    "WHERE u.node = ANY (%(nodes)s::text[]) AND NOT EXISTS ("
    "SELECT FROM ctaudit.completeness_for(u.node, u.uncovered_from + interval '1 us', "
    "u.uncovered_until, %(address)s::inet, %(port)s::integer, %(remote)s::inet, "
    "%(remote_port)s::integer, %(proto)s::smallint, %(zone)s::integer) AS c "
    "WHERE c.node = u.node AND c.complete) ORDER BY uncovered_from, node"
)
_CLOCKS = sql.SQL("ctaudit.clocks(%(nodes)s::text[], %(begin)s, %(end)s)")

Ask = Callable[[WhoQuestion], Reply]


@dataclass(frozen=True)
class ClockState:
    """A row of ctaudit.clocks(); errors in microseconds, None: not known or not so."""

    node: str
    noted_at: datetime | None
    synchronised: bool | None
    estimated_error_us: int | None
    maximum_error_us: int | None
    stepped_at: datetime | None
    step_seconds: float | None
    doubt_from: datetime | None
    doubt_until: datetime | None


@dataclass(frozen=True)
class Surroundings:
    """``port``: who used the public port within NEAR; None: the question names no port.

    ``uncovered``: parts within AROUND in which the record is not complete for the question.
    ``looked_at``: by the database's clock; of later times nothing is known.
    """

    port: Reply | None
    uncovered: tuple[Uncovered, ...]
    clocks: tuple[ClockState, ...]
    looked_at: datetime = datetime.max.replace(tzinfo=UTC)


def list_nodes(reply: Reply) -> list[str]:
    """The gateways that the question concerns: those of the answers, and of the address."""
    found = {one.node for connection in reply.connections for one in connection.seen_by}
    return sorted(found | {each.node for each in reply.coverage if each.in_scope is not False})


def ask_surroundings(connection: psycopg.Connection[Any], reply: Reply, ask: Ask) -> Surroundings:
    """``ask``: who's reply to a question, which is put on record as each one is."""
    question = reply.question
    port = None if question.public.port is None else ask(widen(question))
    nodes = list_nodes(reply)
    if port is not None and not reply.coverage:
        # Nobody had a record at the asked time, and somebody may have had one soon after it.
        nodes = list_nodes(port)
    values = {
        **name_values(question),
        "nodes": nodes,
        "around_from": question.span.begin - AROUND,
        "around_until": question.span.end + AROUND,
    }
    with asking(connection):
        [(looked_at,)] = connection.execute("SELECT pg_catalog.now()").fetchall()
        uncovered = select_rows(connection, Uncovered, _UNCOVERED, values)
        clocks = select_rows(connection, ClockState, _CLOCKS, values)
    return Surroundings(port, tuple(uncovered), tuple(clocks), looked_at)


def widen(question: WhoQuestion) -> WhoQuestion:
    """Who used its public port within NEAR, to whatever remote end."""
    span = TimeSpan(question.span.begin - NEAR, question.span.end + NEAR)
    return replace(question, span=span, remote=None)
