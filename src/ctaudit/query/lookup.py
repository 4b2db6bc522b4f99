"""who, flows, status: questions put to the store's functions, and the verdict on who's answers.

The verdict is a pure function. It holds what the store knows against what it covers: an
answer is exact, or its absence certain, only where every gateway asked has a complete record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from ctaudit.database.connection import explained
from ctaudit.query.notation import Address
from ctaudit.query.question import FlowsQuestion, WhoQuestion

ANSWERS_MAX = 1000
_FETCH = 2000

T = TypeVar("T")

_WHO = sql.SQL(
    "ctaudit.who(%(address)s::inet, %(port)s::integer, %(begin)s, %(end)s, %(remote)s::inet, "
    "%(remote_port)s::integer, %(proto)s::smallint, %(node)s::text) "
    "ORDER BY started_at DESC NULLS LAST LIMIT %(limit)s"
)
_COMPLETENESS = sql.SQL("ctaudit.completeness(%(node)s::text, %(begin)s, %(end)s) ORDER BY node")
_FLOWS = sql.SQL(
    "ctaudit.flows(%(host)s::cidr, %(nat)s::cidr, %(remote)s::cidr, %(begin)s::timestamptz, "
    "%(end)s::timestamptz, %(open)s::boolean, %(node)s::text, %(limit)s::integer)"
)

EXIT_STATUS = {"one": 0, "none": 1, "several": 3, "unknown": 4}


@dataclass(frozen=True)
class Answer:
    """One connection: the fields of the store's type ctaudit.connection, NULL is None."""

    node: str
    direction: str
    state: str
    exact: bool
    host: Address
    host_port: int | None
    remote: Address
    remote_port: int | None
    started_at: datetime | None
    started_source: str | None
    started_after: datetime | None
    ended_at: datetime | None
    ended_source: str | None
    ended_after: datetime | None
    ended_before: datetime | None
    ended_cause: str | None
    last_seen_at: datetime | None
    provenance: str
    zone: int
    orig_zone: int | None
    reply_zone: int | None
    proto: int
    orig_src: Address
    orig_dst: Address
    orig_sport: int | None
    orig_dport: int | None
    reply_src: Address
    reply_dst: Address
    reply_sport: int | None
    reply_dport: int | None
    orig_icmp_type: int | None
    orig_icmp_code: int | None
    reply_icmp_type: int | None
    reply_icmp_code: int | None
    orig_packets: int | None
    orig_bytes: int | None
    reply_packets: int | None
    reply_bytes: int | None
    ct_id: int | None
    mark: int | None
    status: int | None
    protocol_state: int | None
    helper: str | None
    labels: bytes | None

    @property
    def public(self) -> Address:
        """The gateway's end, as the outside saw it."""
        return self.orig_dst if self.direction == "inward" else self.reply_dst

    @property
    def public_port(self) -> int | None:
        return self.orig_dport if self.direction == "inward" else self.reply_dport

    @property
    def duration(self) -> timedelta | None:
        """From start to end; it includes the protocol's closing time-out in the kernel."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


@dataclass(frozen=True)
class Coverage:
    """Whether one gateway's record is complete over the asked span, and why not."""

    node: str
    complete: bool
    why: str | None
    covered_from: datetime | None
    covered_until: datetime | None


@dataclass(frozen=True)
class Verdict:
    """``name`` one of EXIT_STATUS; ``complete``: no connection can be missing from the answers."""

    name: str
    complete: bool
    reasons: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        return EXIT_STATUS[self.name]


@dataclass(frozen=True)
class Reply:
    """What is said to a WhoQuestion. ``cut``: there were more than ANSWERS_MAX answers."""

    question: WhoQuestion
    answers: tuple[Answer, ...]
    coverage: tuple[Coverage, ...]
    cut: bool = False

    @property
    def verdict(self) -> Verdict:
        return judge(self.answers, self.coverage, self.question.node)


def judge(
    answers: Sequence[Answer], coverage: Sequence[Coverage], node: str | None = None
) -> Verdict:
    """The verdict on the answers of the gateways in ``coverage``.

    Unknown comes first: while one gateway's record is incomplete, the connection asked for
    may be none of the answers, however many there are.
    """
    if not coverage:
        reason = f"no gateway named {node} is known" if node else "no gateway had a record then"
        return Verdict("unknown", False, (reason,))
    missing = tuple(
        item.why or f"{item.node}: incomplete" for item in coverage if not item.complete
    )
    if missing:
        return Verdict("unknown", False, missing)
    if not answers:
        return Verdict("none", True, ())
    if len(answers) > 1:
        return Verdict("several", True, ())
    if not answers[0].exact:
        reason = f"{answers[0].node}: whether this connection was alive then was not observed"
        return Verdict("unknown", True, (reason,))
    return Verdict("one", True, ())


def ask_who(connection: psycopg.Connection[Any], question: WhoQuestion) -> Reply:
    """Asks the store; commits, so that the question is on record before its answer is shown.

    One snapshot for both: what is committed between the two must not be covered, yet missing.
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
    with explained("asking"), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        answers = select_rows(connection, Answer, _WHO, values)
        coverage = select_rows(connection, Coverage, _COMPLETENESS, values)
    cut = len(answers) > ANSWERS_MAX
    return Reply(question, tuple(answers[:ANSWERS_MAX]), tuple(coverage), cut)


def ask_flows(connection: psycopg.Connection[Any], question: FlowsQuestion) -> Iterator[Answer]:
    """Streams the flows, a few thousand at a time, after the question has been committed."""
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
    with explained("asking"):
        cursor = connection.cursor("flows", row_factory=class_row(Answer), withhold=True)
        with cursor:
            cursor.execute(_columns(Answer, _FLOWS), values)
            connection.commit()
            cursor.itersize = _FETCH
            yield from cursor


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _columns(shape: type[Any], source: sql.SQL) -> sql.Composed:
    names = sql.SQL(", ").join(sql.Identifier(item.name) for item in fields(shape))
    return sql.SQL("SELECT {} FROM {}").format(names, source)


def select_rows(
    connection: psycopg.Connection[Any],
    shape: type[T],
    source: sql.SQL,
    values: Mapping[str, Any],
) -> list[T]:
    """The rows of a function of the store, each as a ``shape``, by the names of its fields."""
    with connection.cursor(row_factory=class_row(shape)) as cursor:
        return cursor.execute(_columns(shape, source), values).fetchall()
