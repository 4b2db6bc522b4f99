"""The server's room for locks, what a migration wants of it, and who holds a lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from ctaudit.database.connection import explained
from ctaudit.errors import DatabaseError

FEWEST_PER_TRANSACTION = 64  # PostgreSQL's own default
NO_LOCK = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

_PATIENCE = 20.0  # seconds, for one piece of work
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0  # seconds between two tries

T = TypeVar("T")


@dataclass(frozen=True)
class LockRoom:
    """The settings max_locks_per_transaction and max_connections.

    All sessions share the room; their product is the least number of locks that it takes.
    """

    per_transaction: int
    connections: int

    def wanted(self, locks: int) -> int:
        """The least max_locks_per_transaction with which one session may hold so many.

        It may fill half of the room, the rest is for the others.
        """
        wanted = FEWEST_PER_TRANSACTION
        while wanted * self.connections < 2 * locks:
            wanted *= 2
        return wanted

    def has_room(self, locks: int) -> bool:
        return self.per_transaction >= self.wanted(locks)


@dataclass(frozen=True)
class Holder:
    """A session that holds a lock. ``seconds``: how long its transaction has lasted."""

    pid: int
    login: str | None
    application: str | None
    state: str | None
    seconds: float | None


def format_holders(holders: Sequence[Holder]) -> str:
    return "; ".join(map(_format_holder, holders)) or "another session, which has ended"


def _format_holder(holder: Holder) -> str:
    """``process 4711 (audrey, ctaudit auditor, idle in transaction) for 45 s``"""
    words = ", ".join(filter(None, (holder.login, holder.application, holder.state)))
    age = "" if holder.seconds is None else f" for {holder.seconds:.0f} s"
    return f"process {holder.pid}" + (f" ({words})" if words else "") + age


def read_lock_room(connection: psycopg.Connection[Any]) -> LockRoom:
    with explained("reading the server's settings"), connection.transaction():
        row = connection.execute(
            "SELECT current_setting('max_locks_per_transaction')::integer, "
            "current_setting('max_connections')::integer"
        ).fetchone()
    return LockRoom(*row) if row else LockRoom(FEWEST_PER_TRANSACTION, 1)


def count_relations(
    connection: psycopg.Connection[Any], tables: Sequence[str] | None = None
) -> int:
    """The schema's tables and indexes; of ``tables`` only, with those of their partitions."""
    with explained("counting the tables and indexes"), connection.transaction():
        row = connection.execute(
            """
            WITH RECURSIVE t (oid) AS (
                SELECT c.oid FROM pg_catalog.pg_class AS c
                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = 'ctaudit' AND c.relkind IN ('r', 'p')
                    AND (%(tables)s::text[] IS NULL OR c.relname = ANY (%(tables)s::text[]))
                UNION
                SELECT h.inhrelid FROM t JOIN pg_catalog.pg_inherits AS h ON h.inhparent = t.oid
            )
            SELECT count(*) + (
                SELECT count(*) FROM pg_catalog.pg_index AS x
                WHERE x.indrelid IN (SELECT t.oid FROM t)
            ) FROM t
            """,
            {"tables": None if tables is None else list(tables)},
        ).fetchone()
    return row[0] if row else 0


def find_holders(connection: psycopg.Connection[Any]) -> tuple[Holder, ...]:
    """Who else has held locks in schema ctaudit for two seconds or longer, the oldest first."""
    rows = connection.execute(
        """
        SELECT
            a.pid, coalesce(a.usename::text, a.backend_type), a.application_name, a.state,
            extract(epoch FROM clock_timestamp() - a.xact_start)::double precision
        FROM pg_catalog.pg_stat_activity AS a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
            AND coalesce(a.xact_start < clock_timestamp() - interval '2 s', true)
            AND a.pid IN (
                SELECT l.pid FROM pg_catalog.pg_locks AS l
                JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_catalog.pg_database AS d ON d.oid = l.database
                WHERE l.granted AND d.datname = current_database() AND n.nspname = 'ctaudit'
            )
        ORDER BY a.xact_start LIMIT 3
        """
    ).fetchall()
    return tuple(Holder(*row) for row in rows)


def retry_locked(work: Callable[[], T], errors: tuple[type[psycopg.Error], ...] = NO_LOCK) -> T:
    """Repeats ``work`` while another session holds a lock; each try has a short lock_timeout.

    Raises the last try's error (one of ``errors``) after 20 seconds.
    """
    deadline = time.monotonic() + _PATIENCE
    pause = _FIRST_PAUSE
    while True:
        try:
            return work()
        except errors:
            if time.monotonic() >= deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


@contextmanager
def holders_named(connection: psycopg.Connection[Any], doing: str) -> Iterator[None]:
    """Raises DatabaseError, which begins with ``doing``, in place of one of NO_LOCK."""
    try:
        yield
    except NO_LOCK:
        holders = format_holders(find_holders(connection))
        raise DatabaseError(
            f"{doing}: what it changes is locked by {holders}; run it again when they have ended"
        ) from None
