"""The store's daily maintenance: small functions of the schema, each in a transaction of its own.

A step whose lock others hold is tried again for a while, and then left for the next run; what
else can be done is done first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg

from ctaudit.config import RetentionSection
from ctaudit.database.connection import check_schema_version, connect, explained
from ctaudit.database.limits import unlimited
from ctaudit.database.locks import NO_LOCK, Holder, retry_locked
from ctaudit.errors import DatabaseError

DAYS_AHEAD = 7

_COPIES = 3  # of a day, where rows of it come while it is copied

# Somebody else's lock, or rows that were moved while they were summed; a partition that another
# maintenance or an import made at this moment, or dropped.
_TRY_AGAIN = (
    *NO_LOCK,
    psycopg.errors.SerializationFailure,
    psycopg.errors.DuplicateTable,
    psycopg.errors.UndefinedTable,
)

_STATEMENTS = {
    "make": "SELECT ctaudit.make_partition(%(parent)s, %(day)s, %(portion_until)s)",
    "trim": "SELECT object, rows FROM ctaudit.trim_before(%(retention)s::integer)",
    "drop": "SELECT ctaudit.drop_partition(%(parent)s, %(day)s, %(retention)s::integer)",
    "delete": "SELECT ctaudit.delete_old(%(parent)s, %(retention)s::integer)",
    "inquiries": "SELECT ctaudit.delete_inquiries(%(inquiries)s::integer)",
    "holders": "SELECT ctaudit.delete_holders(%(retention)s::integer)",
    "reach": "SELECT ctaudit.find_reach(%(name)s)",
    "sum": "SELECT ctaudit.sum_day(%(name)s, %(day)s)",
    "begin copy": "SELECT ctaudit.begin_copy(%(parent)s, %(day)s)",
    "copy": "SELECT ctaudit.copy_partition(%(parent)s, %(day)s)",
    "exchange": "SELECT ctaudit.exchange_partition(%(parent)s, %(day)s)",
    "freeze": "SELECT ctaudit.set_freezing(%(parent)s, %(day)s)",
}


@dataclass(frozen=True)
class Step:
    """A row of ctaudit.due_steps(), which explains it; or "inquiries", "holders"."""

    step: str
    parent: str | None = None
    day: date | None = None
    name: str | None = None
    portion_until: datetime | None = None
    counted: int | None = None

    @property
    def lock(self) -> tuple[str, str | None]:
        """Steps of which this is equal need the same lock."""
        return self.step, self.parent


@dataclass(frozen=True)
class Maintained:
    """One thing that maintain did: "made", "moved", "dropped", "trimmed", ... ``object``.

    "kept": nothing was done. "detached": a table of that name is no partition. "held":
    ``object`` is a case, ``rows`` counts its partitions.
    """

    action: str
    object: str
    rows: int | None = None


@dataclass(frozen=True)
class Waiting:
    """A step that was given up because of the locks of ``holders``."""

    step: Step
    holders: tuple[Holder, ...]


def maintain(dsn: str, retention: RetentionSection) -> Iterator[Maintained | Waiting]:
    """Makes partitions ahead, empties the default ones, drops what is past retention, closes days.

    Yields what was done after each step. Raises DatabaseError, at the end if steps were given up.
    """
    with connect(dsn, "maintainer") as connection, explained("maintaining the store"):
        connection.autocommit = True
        with unlimited(connection):
            check_schema_version(connection)
        waiting: dict[tuple[str, str | None], Waiting] = {}
        left = 0
        for step in _list_steps(connection, retention):
            # What is said to be covered is not dropped.
            if step.lock in waiting or (step.step == "drop" and ("trim", None) in waiting):
                left += 1
                continue
            try:
                yield from _run(connection, step, retention)
            except _TRY_AGAIN:
                waiting[step.lock] = Waiting(step, _find_holders(connection, step))
                left += 1
                yield waiting[step.lock]
    if left:
        raise DatabaseError(
            f"{left} {'step waits' if left == 1 else 'steps wait'} for locks that others hold; "
            "run it again when they have ended"
        )


def _list_steps(connection: psycopg.Connection[Any], retention: RetentionSection) -> Iterator[Step]:
    with unlimited(connection):
        rows = connection.execute(
            "SELECT step, parent, day, name, portion_until, counted "
            "FROM ctaudit.due_steps(%s::integer, %s::integer)",
            (retention.days, DAYS_AHEAD),
        ).fetchall()
    yield from (Step(*row) for row in rows)
    yield Step("inquiries", name="inquiry")
    yield Step("holders", name="holder")


def _run(
    connection: psycopg.Connection[Any], step: Step, retention: RetentionSection
) -> Iterator[Maintained]:
    if step.step == "keep":
        action = "kept" if step.parent else "held"
        yield Maintained(action, step.name or "", step.counted)
        return
    if step.step == "close":
        # 22023: another maintenance has closed it, or copies it anew.
        with suppress(psycopg.errors.InvalidParameterValue):
            yield from _close(connection, step, retention)
        return
    while True:
        rows = _try(connection, step.step, step, retention)
        yield from describe_step(step, rows)
        if step.step == "make" and rows[0][0] is None and _is_detached(connection, step):
            yield Maintained("detached", step.name or "")
        if step.step not in ("delete", "holders") or not rows[0][0]:
            return


def _is_detached(connection: psycopg.Connection[Any], step: Step) -> bool:
    """Whether a table of the partition's name is there and is no partition."""
    with unlimited(connection):
        rows = connection.execute(
            "SELECT FROM pg_catalog.pg_class AS c"
            " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'ctaudit'"
            " WHERE c.relname = %s AND NOT c.relispartition",
            (step.name,),
        ).fetchall()
    return bool(rows)


def _close(
    connection: psycopg.Connection[Any], step: Step, retention: RetentionSection
) -> Iterator[Maintained]:
    """Exchanges a day's partition for its copy, made anew where rows came meanwhile."""
    for _ in range(_COPIES):
        if not _try(connection, "begin copy", step, retention)[0][0]:
            return
        ((left_out,),) = _try(connection, "copy", step, retention)
        if _try(connection, "exchange", step, retention)[0][0]:
            yield Maintained("closed", step.name or "", left_out or None)
            return


def _try(
    connection: psycopg.Connection[Any], statement: str, step: Step, retention: RetentionSection
) -> list[tuple[Any, ...]]:
    """The statement's result; each try has the short lock_timeout of its function."""
    values = {
        "name": step.name,
        "parent": step.parent,
        "day": step.day,
        "portion_until": step.portion_until,
        "retention": retention.days,
        "inquiries": retention.inquiries_days,
    }

    def ask() -> list[tuple[Any, ...]]:
        with unlimited(connection):
            return connection.execute(_STATEMENTS[statement].encode(), values).fetchall()

    return retry_locked(ask, _TRY_AGAIN)


def describe_step(step: Step, rows: list[tuple[Any, ...]]) -> Iterator[Maintained]:
    """What a step did, by the rows that its function returned."""
    name, result = step.name or "", rows[0][0]
    match step.step:
        case "make" if result is not None:
            yield Maintained("moved" if result else "made", name, result or None)
        case "trim":
            yield from (Maintained("trimmed", table, count) for table, count in rows if count)
        case "drop" if result:
            yield Maintained("dropped", name)
        case "delete" | "inquiries" | "holders" if result:
            yield Maintained("deleted", name, result)
        case "sum" if result is not None:
            yield Maintained("summed", f"{step.day} of {name}", result)
        case "freeze":
            yield Maintained("to be frozen", name)


def _find_holders(connection: psycopg.Connection[Any], step: Step) -> tuple[Holder, ...]:
    with unlimited(connection):
        rows = connection.execute(
            "SELECT pid, login, application, state, seconds FROM ctaudit.lock_holders(%s::text)",
            (step.parent,),
        ).fetchall()
    return tuple(Holder(*row) for row in rows)
