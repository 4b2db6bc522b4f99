"""Questions put to the store: who and flows, with the rows that come back.

status asks for rows of its own in the same way (select_rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from ctaudit.database.connection import asking, explained, set_local
from ctaudit.query.answer import Answer, Coverage, Import
from ctaudit.query.question import FlowsQuestion, WhoQuestion
from ctaudit.query.verdict import (
    ProtocolVerdict,
    Verdict,
    doubt_remotes,
    judge,
    judge_protocols,
)

ANSWERS_MAX = 1000
_FETCH = 2000

T = TypeVar("T")

_WHO = sql.SQL(
    "ctaudit.who(%(address)s::inet, %(port)s::integer, %(begin)s, %(end)s, %(remote)s::inet, "
    "%(remote_port)s::integer, %(proto)s::smallint, %(node)s::text) "
    "ORDER BY started_at DESC NULLS LAST LIMIT %(limit)s"
)
_COMPLETENESS = sql.SQL(
    "ctaudit.completeness(%(node)s::text, %(begin)s, %(end)s, %(proto)s::smallint, "
    "%(address)s::inet) ORDER BY node"
)
_IMPORTS = sql.SQL("ctaudit.imports(%(node)s::text, %(begin)s, %(end)s) ORDER BY node")
_NO_GAPS_OF_ITS_OWN = -1  # for ctaudit.completeness: any protocol of which that is true
_FLOWS = sql.SQL(
    "ctaudit.flows(%(host)s::cidr, %(nat)s::cidr, %(remote)s::cidr, %(begin)s::timestamptz, "
    "%(end)s::timestamptz, %(open)s::boolean, %(node)s::text, %(limit)s::integer)"
)


@dataclass(frozen=True)
class Reply:
    """The reply to a WhoQuestion. ``cut``: there were more than ANSWERS_MAX answers.

    ``protocols``: the verdict on each, where the record is complete for some only. ``imports``:
    what was asked as well and is not judged.
    """

    question: WhoQuestion
    answers: tuple[Answer, ...]
    coverage: tuple[Coverage, ...]
    verdict: Verdict
    cut: bool
    protocols: tuple[ProtocolVerdict, ...] = ()
    imports: tuple[Import, ...] = ()


def make_reply(
    question: WhoQuestion,
    answers: Sequence[Answer],
    coverage: Sequence[Coverage],
    by_protocol: Mapping[int | None, Sequence[Coverage]] | None = None,
    imports: Sequence[Import] = (),
) -> Reply:
    """The first ANSWERS_MAX answers, and the verdict on them.

    ``by_protocol``: as judge_protocols takes it. Where answers are cut, a protocol's may be.
    """
    first = tuple(answers[:ANSWERS_MAX])
    is_cut = len(answers) > ANSWERS_MAX
    verdict = judge(first, coverage, question.node, imports)
    if question.remote:
        verdict = doubt_remotes(first, verdict)
    protocols: tuple[ProtocolVerdict, ...] = ()
    if not is_cut and not (question.remote and _lacks_remote(first)):
        protocols = judge_protocols(first, by_protocol or {}, question.node, imports)
    return Reply(question, first, tuple(coverage), verdict, is_cut, protocols, tuple(imports))


def _lacks_remote(answers: Sequence[Answer]) -> bool:
    return any(not answer.is_remote_stored for answer in answers)


def ask_who(connection: psycopg.Connection[Any], question: WhoQuestion) -> Reply:
    """Asks the store; commits, so that the question is on record before its answer is shown.

    One snapshot for all functions: a connection that is committed between two of them would
    otherwise be missing from the answers and yet covered.
    """
    public, remote = question.public, question.remote
    values = {
        "address": str(public.address),
        "port": public.port,
        "begin": question.span.begin,
        "end": question.span.end,
        "remote": str(remote.address) if remote else None,
        "remote_port": remote.port if remote else None,
        "proto": question.proto,
        "node": question.node,
        "limit": ANSWERS_MAX + 1,
    }
    with asking(connection):
        answers = select_rows(connection, Answer, _WHO, values)
        coverage = select_rows(connection, Coverage, _COMPLETENESS, values)
        by_protocol = _select_by_protocol(connection, coverage, values)
        imports = select_rows(connection, Import, _IMPORTS, values)
    return make_reply(question, answers, coverage, by_protocol, imports)


def _select_by_protocol(
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


def ask_flows(connection: psycopg.Connection[Any], question: FlowsQuestion) -> Iterator[Answer]:
    """Streams the flows, _FETCH rows at a time, after the question has been committed."""
    values = {
        "host": _text(question.host),
        "nat": _text(question.nat),
        "remote": _text(question.remote),
        "begin": question.begin,
        "end": question.end,
        "open": question.only_open,
        "node": question.node,
        "limit": question.limit,
    }
    with explained("asking the database"):
        cursor = connection.cursor("flows", row_factory=class_row(Answer), withhold=True)
        try:
            set_local(connection)
            cursor.execute(_columns(Answer, _FLOWS), values)
            connection.commit()
            set_local(connection)
            cursor.itersize = _FETCH
            yield from cursor
        finally:
            # After an error the server has no such cursor any more; that is not the error.
            with suppress(psycopg.Error):
                cursor.close()


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
    names = sql.SQL(", ").join(sql.Identifier(item.name) for item in fields(shape))
    return sql.SQL("SELECT {} FROM {}").format(names, source)
