"""How much flowed, when and by whom: the question of traffic, and what the store answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import sql

from ctaudit.conntrack.endpoint import Address
from ctaudit.database.connection import asking, repeated
from ctaudit.errors import UsageError
from ctaudit.query.lookup import select_rows
from ctaudit.query.notation import Network, parse_network
from ctaudit.query.purpose import UNSAID, Purpose, announce, find_inquiry, set_purpose
from ctaudit.query.time_notation import parse_instant, refuse_future

T = TypeVar("T")

BUCKETS_MAX = 10_000  # as ctaudit.check_buckets has it
_TOP_MAX = 1000
_DEFAULT_SPAN = timedelta(days=1)
_DEFAULT_BUCKETS = 48
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 5, 10, 20, 60, 300, 900, 3600, 21_600, 86_400, 604_800, 2_592_000)
)

_TRAFFIC = sql.SQL(
    "ctaudit.traffic(%(begin)s, %(end)s::timestamptz, %(bucket)s, %(by)s, %(node)s::text, "
    "%(host)s::inet, %(remote)s::inet, %(top)s)"
)
_DURATIONS = sql.SQL(
    "ctaudit.durations(%(begin)s, %(end)s::timestamptz, %(node)s::text, %(host)s::inet, "
    "%(remote)s::inet)"
)


@dataclass(frozen=True)
class TrafficQuestion:
    """What flowed in [begin, end) by buckets; ``end`` None: until now; else None: any.

    ``by`` is total, host, remote or service; ``top``: so many parties, and the others as one.
    """

    begin: datetime
    end: datetime | None
    bucket: timedelta
    by: str
    top: int
    node: str | None = None
    host: Network | None = None
    remote: Network | None = None


def find_end(question: TrafficQuestion, now: datetime | None = None) -> datetime:
    """The end of what is known: nothing is later than now."""
    now = now or datetime.now(UTC)
    return min(question.end or now, now)


@dataclass(frozen=True)
class Share:
    """A row of ctaudit.traffic(); ``rank`` None: the parties beyond the top ones, as one."""

    bucket_from: datetime
    bucket_until: datetime
    rank: int | None
    node: str | None
    zone: int | None
    address: Address | None
    proto: int | None
    port: int | None
    connections: int
    began: int
    uncounted: int
    packets: int | None
    bytes: int | None
    interpolated_packets: int
    interpolated_bytes: int
    packets_error: int
    bytes_error: int


@dataclass(frozen=True)
class DurationBin:
    """A row of ctaudit.durations(); seconds None: start or end are not known."""

    proto: int
    seconds_from: float | None
    seconds_until: float | None
    connections: int


@dataclass(frozen=True)
class Answered(Generic[T]):
    """``inquiry``: the question's number on record; None: a standby answered."""

    rows: tuple[T, ...]
    inquiry: int | None


def read_traffic(
    *,
    begin: str | None = None,
    until: str | None = None,
    bucket: str | None = None,
    by: str = "total",
    top: int = 10,
    node: str | None = None,
    host: str | None = None,
    remote: str | None = None,
    durations: bool = False,
    now: datetime | None = None,
) -> TrafficQuestion:
    """Each argument as the command line has it.

    Without ``begin`` the span is a day long, and begins with an hour.
    """
    if durations and (bucket is not None or by != "total"):
        raise UsageError("--durations: takes neither --bucket nor --by; it counts the whole span")
    now = now or datetime.now(UTC)
    last = None if until is None else parse_instant(until, "--until")
    if begin is None:
        first = (last or now) - _DEFAULT_SPAN
        first = first.replace(minute=0, second=0, microsecond=0)
        refuse_future(first, until or "", "--until", now)
    else:
        first = parse_instant(begin, "--from")
        refuse_future(first, begin, "--from", now)
    if last is not None and first >= last:
        raise UsageError(f"--until {until!r}: must be later than --from {begin!r}")
    if not 1 <= top <= _TOP_MAX:
        raise UsageError(f"--top {top}: must be a number from 1 to {_TOP_MAX}")
    span = min(last or now, now) - first
    length = _choose_bucket(span) if bucket is None else _parse_bucket(bucket)
    if span / length > BUCKETS_MAX:
        raise UsageError(
            f"--bucket {bucket!r}: makes {-(-span // length)} buckets of this span, and at most "
            f"{BUCKETS_MAX} can be asked for; give a longer bucket or a shorter span"
        )
    return TrafficQuestion(
        first, last, length, by, top, node,
        parse_network(host, "--host"), parse_network(remote, "--remote"),
    )  # fmt: skip


def _parse_bucket(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,9}) ?(s|min|h|d)", text, re.ASCII)
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta()
    if not timedelta(0) < length <= timedelta(days=3660):
        raise UsageError(
            f"--bucket {text!r}: must be a length of time from 1s on, such as 20s, 5min, 1h or 7d"
        )
    return length


def _choose_bucket(span: timedelta) -> timedelta:
    """The shortest step that makes at most _DEFAULT_BUCKETS of the span."""
    return next((step for step in _STEPS if span / step <= _DEFAULT_BUCKETS), _STEPS[-1])


def ask_traffic(
    connection: psycopg.Connection[Any],
    question: TrafficQuestion,
    purpose: Purpose = UNSAID,
    seconds: float | None = None,
) -> Answered[Share]:
    """By time and rank; commits, so that the question is on record before its answer is shown.

    ``seconds``: how long it may take; raises TooLongError.
    """
    return _ask(connection, Share, _TRAFFIC, question, purpose, seconds)


def count_remoteless(
    connection: psycopg.Connection[Any],
    question: TrafficQuestion,
    purpose: Purpose = UNSAID,
    seconds: float | None = None,
) -> int:
    """Connections alive in the span that may be to ``question.remote``: without a remote end.

    They are not among what is asked for. A question of its own, also on record; none where any
    remote end will do.
    """
    if question.remote is None:
        return 0
    nowhere = ip_network("0.0.0.0/32" if question.remote.version == 4 else "::/128")
    if nowhere.network_address in question.remote:
        return 0
    span = max(find_end(question) - question.begin, timedelta(seconds=1))
    asked = replace(question, remote=nowhere, by="total", bucket=span)
    shares = ask_traffic(connection, asked, purpose, seconds).rows
    return sum(share.connections for share in shares)


def ask_durations(
    connection: psycopg.Connection[Any],
    question: TrafficQuestion,
    purpose: Purpose = UNSAID,
    seconds: float | None = None,
) -> Answered[DurationBin]:
    """Of the connections that ended in the span, by protocol and length; bucket and by are left."""
    return _ask(connection, DurationBin, _DURATIONS, question, purpose, seconds)


def _ask(
    connection: psycopg.Connection[Any],
    shape: type[T],
    source: sql.SQL,
    question: TrafficQuestion,
    purpose: Purpose,
    seconds: float | None,
) -> Answered[T]:
    values = _values(question)
    announced = sql.SQL("SELECT count(*) FROM {}").format(source)
    announcement = announce(connection, purpose, lambda: connection.execute(announced, values))

    def ask() -> Answered[T]:
        with asking(connection, seconds):
            set_purpose(connection, purpose, announcement)
            inquiry = find_inquiry(connection, announcement)
            return Answered(tuple(select_rows(connection, shape, source, values)), inquiry)

    return repeated(ask)


def _values(question: TrafficQuestion) -> dict[str, Any]:
    return {
        "begin": question.begin,
        "end": question.end,
        "bucket": question.bucket,
        "by": question.by,
        "top": question.top,
        "node": question.node,
        "host": None if question.host is None else str(question.host),
        "remote": None if question.remote is None else str(question.remote),
    }
