"""The server's room for locks, what a migration wants of it, and who holds a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ctaudit.database.connection import explained

FEWEST_PER_TRANSACTION = 64  # PostgreSQL's own default


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
