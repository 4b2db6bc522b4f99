"""What of a span is recorded at each gateway, what is missing and why, and what that rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.database.connection import asking
from ctaudit.errors import UsageError
from ctaudit.query.lookup import select_rows
from ctaudit.query.status import Gap, Pair
from ctaudit.query.time_notation import parse_instant, refuse_future

SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "year": timedelta(days=365)}
GAPS_MAX = 200
_STEPS = 160  # of the span, two pixels of a phone: what lies closer together is one row
_SECONDS = 10.0  # that each function may take
_LONGEST = timedelta(days=3660)

_OF = "%(begin)s, %(end)s"
_NODE = "%(node)s::text"
_RECORDED = sql.SQL(f"ctaudit.recorded_spans({_OF}, %(step)s, {_NODE})")
_CAUSES = sql.SQL(f"ctaudit.gap_causes({_OF}, {_NODE})")
_LATEST = sql.SQL(f"ctaudit.latest_gaps({_OF}, %(limit)s::integer, {_NODE})")
_BASIS = sql.SQL(f"ctaudit.record_basis({_OF}, {_NODE})")


@dataclass(frozen=True)
class RecordQuestion:
    """[begin, end), and one gateway; ``node`` None: each."""

    begin: datetime
    end: datetime
    node: str | None = None

    @property
    def step(self) -> timedelta:
        """What lies closer together is one part."""
        return (self.end - self.begin) / _STEPS


@dataclass(frozen=True)
class RecordedSpan:
    """A row of ctaudit.recorded_spans()."""

    node: str
    kind: str
    span_from: datetime
    span_until: datetime
    seconds: float
    gaps: int


@dataclass(frozen=True)
class GapCause:
    """A row of ctaudit.gap_causes(). ``lost`` None: of no gap it is known."""

    node: str
    cause: str
    proto: int | None
    gaps: int
    open: int
    lost: int | None
    uncounted: int
    seconds: float
    longest: float
    first_from: datetime
    last_until: datetime | None


@dataclass(frozen=True)
class Basis:
    """A row of ctaudit.record_basis(): what the record of a gateway rests on."""

    node: str
    first_seen: datetime
    retired_at: datetime | None
    imported_from: str | None
    mode: str | None
    started_at: datetime | None
    stopped_at: datetime | None
    covered_until: datetime | None
    lag: float | None
    dropped: int | None
    excludes: bool
    dumps: int
    dumped_at: datetime | None
    entries: int | None
    clock_notes: int
    unsynchronised: int
    noted_at: datetime | None
    synchronised: bool | None
    estimated_error_us: int | None
    largest_error_us: int | None
    steps: int
    largest_step: float | None


@dataclass(frozen=True)
class Recorded:
    """``gaps``: the latest, at most GAPS_MAX; the causes have the numbers of all."""

    question: RecordQuestion
    spans: tuple[RecordedSpan, ...]
    causes: tuple[GapCause, ...]
    gaps: tuple[Gap, ...]
    bases: tuple[Basis, ...]
    pairs: tuple[Pair, ...]

    @property
    def gap_count(self) -> int:
        return sum(cause.gaps for cause in self.causes)


def read_record(
    *,
    span: str | None = None,
    begin: str | None = None,
    until: str | None = None,
    node: str | None = None,
    now: datetime | None = None,
) -> RecordQuestion:
    """``span`` is day, week or year, back from ``until``, if there is no ``begin``.

    Times as the command line has them, until now where nothing is said. Raises UsageError.
    """
    now = now or datetime.now(UTC)
    last = now if until is None else min(parse_instant(until, "--until"), now)
    if span is not None and span not in SPANS:
        raise UsageError(f"--span {span!r}: must be {', '.join(SPANS)}")
    if begin is None:
        return RecordQuestion(last - SPANS[span or "day"], last, node)
    first = parse_instant(begin, "--from")
    refuse_future(first, begin, "--from", now)
    if first >= last:
        raise UsageError(f"--until {until!r}: must be later than --from {begin!r}")
    if last - first > _LONGEST:
        raise UsageError(f"--from {begin!r}: is over ten years before the end; give a later time")
    return RecordQuestion(first, last, node)


def ask_record(connection: psycopg.Connection[Any], question: RecordQuestion) -> Recorded:
    """In one snapshot. It is no inquiry: it shows no connection.

    Raises TooLongError, and UsageError where the store does not know the gateway.
    """
    values = {
        "begin": question.begin,
        "end": question.end,
        "step": question.step,
        "node": question.node,
        "limit": GAPS_MAX,
    }
    with asking(connection, _SECONDS):
        bases = select_rows(connection, Basis, _BASIS, values)
        if question.node is not None and not bases:
            raise UsageError(
                f"--node {question.node!r}: no gateway of that name had recorded anything by "
                "then; leave it out to see all"
            )
        spans = select_rows(connection, RecordedSpan, _RECORDED, values)
        causes = select_rows(connection, GapCause, _CAUSES, values)
        gaps = select_rows(connection, Gap, _LATEST, values)
        pairs = select_rows(connection, Pair, sql.SQL("ctaudit.pairs()"), {})
    return Recorded(question, tuple(spans), tuple(causes), tuple(gaps), tuple(bases), tuple(pairs))
