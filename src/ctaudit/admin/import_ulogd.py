"""ulogd2's history into the store: batch by batch, each committed with its position.

What is imported is under a node of its own, which proves nothing to be complete. Killed at any
moment, the next import goes on behind the last batch that was committed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ctaudit.admin.as_owner import as_owner
from ctaudit.admin.ulogd_row import Connection, Limits, RawRow, Refused, read_row
from ctaudit.admin.ulogd_source import BATCH, Source
from ctaudit.database.connection import (
    check_schema_version,
    connect,
    describe_error,
    explained,
)
from ctaudit.database.locks import holders_named, retry_locked
from ctaudit.errors import UsageError

_DAY = 86_400_000_000  # microseconds
# of ctaudit.import_batch, from p_number on
_TYPES = (
    *("bigint", "boolean", "bigint", "bigint", "bigint", "bigint", "text", "smallint"),
    *("inet", "inet", "integer", "integer") * 2,
    *("bigint",) * 5,
    "integer",
)
_BATCH = (
    "SELECT ctaudit.import_batch(%s::text, %s::bigint, %s::bigint, %s::jsonb, "
    + ", ".join(f"%s::{name}[]" for name in _TYPES)
    + ")"
)


@dataclass
class Run:
    """What this run has done so far. ``refused``: by reason how many, and the first number.

    ``share``: of the source; ``ended``: openings of an earlier run that have an end now.
    """

    share: float = 0.0
    read: int = 0
    taken: int = 0
    ended: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)

    def refuse(self, number: int, reason: str) -> None:
        self.refused[reason] += 1
        self.examples.setdefault(reason, number)


@dataclass(frozen=True)
class Imported:
    """An import at its end: ``run`` is this run; ``read`` and ``refused`` are of all runs.

    ``refused``: reason -> {count, example}. ``overlooked``: rows that stand before the position
    now and were not read: they were committed after a later number was read.
    """

    node: str
    source: str
    read: int
    refused: Mapping[str, Mapping[str, int]]
    overlooked: int
    run: Run

    @property
    def is_whole(self) -> bool:
        return not self.refused and not self.overlooked


def import_ulogd(
    dsn: str,
    node: str,
    source: Source,
    retention_days: int,
    show: Callable[[Run], None],
    detail: Mapping[str, Any],
) -> Imported:
    """``show`` is called after each batch. Raises UsageError, DatabaseError, PrivilegeError."""
    run = Run()
    with connect(dsn, "owner") as store, explained("importing"):
        store.autocommit = True
        check_schema_version(store)
        node, position = _begin(store, node, source.name, detail)
        writer = _Writer(store, node, _find_limits(retention_days))
        for batch in source.read_batches(position):
            writer.write(position, batch.until, batch.rows, batch.unreadable, run)
            position = batch.until
            run.share = batch.share
            show(run)
        _end_openings(writer, position, source, run)
        with as_owner(store):
            read, refused = store.execute(
                "SELECT read, refused FROM ctaudit.import WHERE node = %s", (node,)
            ).fetchall()[0]
        overlooked = max(0, source.count_passed(position) - read)
    return Imported(node, source.name, read, refused, overlooked, run)


def _find_limits(retention_days: int) -> Limits:
    """As ctaudit.maintain cuts: at the UTC midnight ``retention_days`` before today."""
    kept = datetime.now(UTC).date() - timedelta(days=retention_days)
    since = datetime(kept.year, kept.month, kept.day, tzinfo=UTC)
    return Limits(round(since.timestamp()) * 1_000_000, time.time_ns() // 1000 + _DAY)


def _begin(
    store: psycopg.Connection[Any], node: str, source: str, detail: Mapping[str, Any]
) -> tuple[str, int]:
    """Returns the node's name as it is now, and the position."""
    try:
        with as_owner(store):
            row = store.execute(
                "SELECT node, position FROM ctaudit.begin_import(%s::text, 'ulogd2', %s::text, %s)",
                (node, source, Jsonb(detail)),
            ).fetchall()[0]
    except (psycopg.errors.UniqueViolation, psycopg.errors.InvalidParameterValue) as error:
        raise UsageError(f"--node {node}: {describe_error(error)}") from None
    now, position = row
    return now, position


class _Writer:
    """Rows into the store; makes the partitions of their days before."""

    def __init__(self, store: psycopg.Connection[Any], node: str, limits: Limits) -> None:
        self.store = store
        self.node = node
        self._limits = limits
        self._made: set[tuple[str, date]] = set()

    def write(
        self,
        first: int,
        until: int,
        rows: Iterable[RawRow],
        unreadable: Iterable[tuple[int, str]],
        run: Run,
    ) -> int:
        """Returns how many rows were taken."""
        taken, here = [], Run()
        for raw in rows:
            try:
                taken.append(read_row(raw, self._limits))
            except Refused as error:
                here.refuse(raw.number, str(error))
        for number, reason in unreadable:
            here.refuse(number, reason)
        self._make_partitions(taken)
        refused = {
            reason: {"count": count, "example": here.examples[reason]}
            for reason, count in here.refused.items()
        }
        columns: Sequence[Sequence[Any]] = list(zip(*taken, strict=True)) or [()] * len(_TYPES)
        with as_owner(self.store):
            values = (self.node, first, until, Jsonb(refused), *map(list, columns))
            self.store.execute(_BATCH, values)
        if until > first:
            run.read += len(taken) + here.refused.total()
            run.taken += len(taken)
            run.refused += here.refused
            run.examples = {**here.examples, **run.examples}
        return len(taken)

    def _make_partitions(self, rows: Iterable[Connection]) -> None:
        days = {("flow" if row.is_ended else "opening", row.received_us // _DAY) for row in rows}
        wanted = {(table, date(1970, 1, 1) + timedelta(days=day)) for table, day in days}
        for table, day in sorted(wanted - self._made):
            with holders_named(self.store, "making the partitions of the import"):
                retry_locked(partial(self._make_partition, table, day))
        self._made |= wanted

    def _make_partition(self, table: str, day: date) -> None:
        # Another session, such as ctaudit maintain, may make it at this moment.
        with suppress(psycopg.errors.DuplicateTable), as_owner(self.store):
            self.store.execute("SELECT ctaudit.make_partition(%s::text, %s::date)", (table, day))


def _end_openings(writer: _Writer, position: int, source: Source, run: Run) -> None:
    """Looks again at the rows that were open when they were read (INSERT_OR_REPLACE_CT)."""
    last = -1
    while numbers := _list_openings(writer, last):
        last = numbers[-1]
        if rows := source.read_again(numbers):
            run.ended += writer.write(position, position, rows, (), run)


def _list_openings(writer: _Writer, after: int) -> list[int]:
    with as_owner(writer.store):
        rows = writer.store.execute(
            "SELECT number FROM ctaudit.import_opening WHERE node = %s AND number > %s "
            "ORDER BY number LIMIT %s",
            (writer.node, after, BATCH),
        ).fetchall()
    return [row[0] for row in rows]
