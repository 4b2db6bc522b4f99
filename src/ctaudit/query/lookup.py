"""Questions put to the store: who and flows, with the rows that come back.

status asks for rows of its own in the same way (select_rows).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from ctaudit.conntrack.endpoint import Address
from ctaudit.database.connection import (
    asking,
    begin_question,
    explained,
    repeated,
)
from ctaudit.query.answer import Answer, Coverage, Import
from ctaudit.query.behind import Follower
from ctaudit.query.hint import FOUND_MAX, Hint, TooSlow, find_hints
from ctaudit.query.holder import Holder, read_holder
from ctaudit.query.kept_rows import KeptRows
from ctaudit.query.path import begin_of
from ctaudit.query.purpose import UNSAID, Purpose, announce, find_inquiry, set_purpose
from ctaudit.query.question import FlowsQuestion, WhoQuestion
from ctaudit.query.reply import ANSWERS_MAX, Reply, make_reply

_FETCH = 2000
_HINTS_MAX = 3.0  # seconds

T = TypeVar("T")
Holders = dict[Answer, Holder]

_ASKED = (
    "%(address)s::inet, %(port)s::integer, %(begin)s, %(end)s, %(remote)s::inet, "
    "%(remote_port)s::integer, %(proto)s::smallint, %(node)s::text, %(zone)s::integer"
)
# hosts: of all answers, in the first row.
_WHO = sql.SQL(
    "WITH found AS MATERIALIZED (SELECT (w.connection).*, w.holder "  # noqa: S608
    "FROM ctaudit.who_and_holder(" + _ASKED + ", %(limit)s) AS w) "
    "SELECT {}, holder, CASE WHEN row_number() OVER (ORDER BY started_at DESC NULLS LAST) = 1 "
    "THEN (SELECT array_agg(DISTINCT host) FROM found) END AS hosts "
    "FROM found ORDER BY started_at DESC NULLS LAST LIMIT %(limit)s"
)
_WHO_ANNOUNCED = sql.SQL("SELECT count(*) FROM ctaudit.who(" + _ASKED + ")")  # noqa: S608
_WHO_ALONE = sql.SQL(
    "ctaudit.who(" + _ASKED + ") ORDER BY started_at DESC NULLS LAST LIMIT %(limit)s"
)
_WHO_BEHIND = sql.SQL(
    "SELECT {}, holder FROM (SELECT (w.connection).*, w.holder "  # noqa: S608
    "FROM ctaudit.who_and_holder(" + _ASKED + ", %(limit)s) AS w) AS found "
    "ORDER BY started_at DESC NULLS LAST LIMIT %(limit)s"
)
_NEARBY = sql.SQL("ctaudit.nearby(" + _ASKED + ", %(limit)s::integer)")
_COMPLETENESS = sql.SQL(
    "ctaudit.completeness_for(%(node)s::text, %(begin)s, %(end)s, %(address)s::inet, "
    "%(port)s::integer, %(remote)s::inet, %(remote_port)s::integer, %(proto)s::smallint, "
    "%(zone)s::integer, %(hosts)s::inet[], %(hosts_from)s::timestamptz) ORDER BY node"
)
_IMPORTS = sql.SQL("ctaudit.imports(%(node)s::text, %(begin)s, %(end)s) ORDER BY node")
_NO_GAPS_OF_ITS_OWN = -1  # for ctaudit.completeness_for: any protocol of which that is true
_FLOWS = sql.SQL(
    "ctaudit.flows(%(host)s::cidr, %(nat)s::cidr, %(remote)s::cidr, %(begin)s::timestamptz, "
    "%(end)s::timestamptz, %(open)s::boolean, %(node)s::text, %(limit)s::integer, "
    "%(zone)s::integer)"
)


def ask_who(
    connection: psycopg.Connection[Any],
    question: WhoQuestion,
    purpose: Purpose = UNSAID,
    *,
    with_hints: bool = True,
    with_inquiry: bool = False,
) -> Reply:
    """Asks the store; commits, so that the question is on record before its answer is shown.

    ``with_inquiry``: the reply has the inquiry's number.

    One snapshot for all functions: a connection that is committed between two of them would
    otherwise be missing from the answers and yet covered.
    """
    values = name_values(question)
    announcement = announce(connection, purpose, lambda: connection.execute(_WHO_ANNOUNCED, values))

    def ask() -> Reply:
        with asking(connection):
            set_purpose(connection, purpose, announcement)
            inquiry = find_inquiry(connection, announcement) if with_inquiry else None
            holders: Holders = {}
            answers, hosts = _select_answers(connection, values, holders)
            answers, coverage = follow(connection, question, answers, holders)
            by_protocol = select_by_protocol(connection, coverage, name_values(question, answers))
            imports = select_rows(connection, Import, _IMPORTS, values)
            is_hinted = with_hints and coverage and not answers
            hints = _look_for_hints(connection, question) if is_hinted else ()
        reply = make_reply(question, answers, coverage, by_protocol, hosts, imports)
        return name_holders(replace(reply, hints=hints, inquiry=inquiry), holders)

    return repeated(ask)


def name_holders(reply: Reply, holders: Holders) -> Reply:
    """The reply, with who had the host's address of each connection."""
    named = (replace(one, holder=holders.get(one.answer)) for one in reply.connections)
    return replace(reply, connections=tuple(named))


def follow(
    connection: psycopg.Connection[Any],
    question: WhoQuestion,
    answers: Sequence[Answer],
    holders: Holders,
) -> tuple[list[Answer], list[Coverage]]:
    """With those behind other gateways. More than ANSWERS_MAX are several, whoever they are.

    ``holders``: gets who had the address of those behind.
    """

    def ask(asked: WhoQuestion) -> list[Answer]:
        rows = connection.execute(_WHO_BEHIND.format(names(Answer)), name_values(asked))
        found = [(Answer(*row[:-1]), row[-1]) for row in rows.fetchall()]
        for answer, held in found:
            if held is not None:
                holders.setdefault(answer, read_holder(held))
        return [answer for answer, _ in found]

    def cover(asked: WhoQuestion, found: Sequence[Answer]) -> list[Coverage]:
        return select_rows(connection, Coverage, _COMPLETENESS, name_values(asked, found))

    return Follower(question, ask, cover).follow(answers)


def name_values(question: WhoQuestion, found: Sequence[Answer] = ()) -> dict[str, Any]:
    """The parameters of ctaudit.who and ctaudit.completeness; ``found``: answers so far."""
    public, remote = question.public, question.remote
    return {
        "address": str(public.address),
        "port": public.port,
        "begin": question.span.begin,
        "end": question.span.end,
        "remote": str(remote.address) if remote else None,
        "remote_port": remote.port if remote else None,
        "proto": question.proto,
        "node": question.node,
        "zone": question.zone,
        "limit": ANSWERS_MAX + 1,
        "hosts": sorted({str(answer.host) for answer in found}),
        "hosts_from": min((begin_of(answer) for answer in found), default=None),
    }


def _look_for_hints(connection: psycopg.Connection[Any], question: WhoQuestion) -> tuple[Hint, ...]:
    """Within _HINTS_MAX seconds; what takes longer is given up, and the transaction goes on."""
    last = time.monotonic() + _HINTS_MAX

    own = _read_own_limit(connection)

    def select(source: sql.SQL, asked: WhoQuestion) -> list[Answer]:
        left = round((last - time.monotonic()) * 1000)
        if left <= 0:
            raise TooSlow
        try:
            with connection.transaction():
                _limit_statements(connection, min(left, own or left))
                return select_rows(
                    connection, Answer, source, {**name_values(asked), "limit": FOUND_MAX}
                )
        except psycopg.errors.QueryCanceled:
            raise TooSlow from None

    hints = find_hints(question, partial(select, _WHO_ALONE), partial(select, _NEARBY))
    _limit_statements(connection, own)
    return hints


def _read_own_limit(connection: psycopg.Connection[Any]) -> int:
    """The login's own statement_timeout in milliseconds, 0: none; the hints do not lift it."""
    [(value,)] = connection.execute(
        "SELECT s.setting::integer FROM pg_catalog.pg_settings AS s"
        " WHERE s.name = 'statement_timeout'"
    ).fetchall()
    return int(value)


def _limit_statements(connection: psycopg.Connection[Any], milliseconds: int) -> None:
    connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])


def _select_answers(
    connection: psycopg.Connection[Any], values: Mapping[str, Any], holders: Holders
) -> tuple[list[Answer], list[Address]]:
    """The answers, and the hosts of those beyond the limit as well; adds to ``holders``."""
    rows = connection.execute(_WHO.format(names(Answer)), values).fetchall()
    answers = [Answer(*row[:-2]) for row in rows]
    holders.update(
        (answer, read_holder(row[-2])) for answer, row in zip(answers, rows, strict=True) if row[-2]
    )
    return answers, rows[0][-1] if rows else []


def select_by_protocol(
    connection: psycopg.Connection[Any], coverage: Sequence[Coverage], values: Mapping[str, Any]
) -> dict[int | None, list[Coverage]]:
    """The coverage of each protocol with gaps of its own, and under None that of all others."""
    asked: dict[int | None, int] = {proto: proto for item in coverage for proto in item.protocols}
    if asked:
        asked[None] = _NO_GAPS_OF_ITS_OWN
    return {
        key: select_rows(connection, Coverage, _COMPLETENESS, {**values, "proto": proto})
        for key, proto in asked.items()
    }


def ask_flows(
    connection: psycopg.Connection[Any], question: FlowsQuestion, purpose: Purpose = UNSAID
) -> Iterator[Answer]:
    """The flows, after the question has been committed.

    They wait in a temporary file of this side: a reader who stops reading keeps no transaction
    open, and a cursor that outlives its transaction does not work behind a pooler.
    """
    values = {
        "host": _text(question.host),
        "nat": _text(question.nat),
        "remote": _text(question.remote),
        "begin": question.begin,
        "end": question.end,
        "open": question.only_open,
        "node": question.node,
        "limit": question.limit,
        "zone": question.zone,
    }

    announced = sql.SQL("SELECT count(*) FROM {}").format(_FLOWS)
    announcement = announce(connection, purpose, lambda: connection.execute(announced, values))

    def ask(kept: KeptRows[Answer]) -> None:
        kept.forget()
        with explained("asking the database"), connection.transaction():
            begin_question(connection)
            set_purpose(connection, purpose, announcement)
            # Behind a pooler an older program may have left a cursor called flows.
            name = f"flows_{secrets.token_hex(8)}"
            with connection.cursor(name, row_factory=class_row(Answer)) as cursor:
                cursor.execute(_columns(Answer, _FLOWS), values)
                while rows := cursor.fetchmany(_FETCH):
                    kept.add(rows)

    with KeptRows[Answer]() as kept:
        repeated(partial(ask, kept))
        yield from kept


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def select_rows(
    connection: psycopg.Connection[Any],
    shape: type[T],
    source: sql.SQL,
    values: Mapping[str, Any],
) -> list[T]:
    """The rows of a function of the store, each as a ``shape``, by the names of its fields."""
    with connection.cursor(row_factory=class_row(shape)) as cursor:
        return cursor.execute(_columns(shape, source), values).fetchall()


def _columns(shape: type[Any], source: sql.SQL) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {}").format(names(shape), source)


def names(shape: type[Any]) -> sql.SQL:
    """Identifiers of Python, so nothing in them needs to be escaped."""
    return sql.SQL(", ".join(f'"{item.name}"' for item in fields(shape)))
