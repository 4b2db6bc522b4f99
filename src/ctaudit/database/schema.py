"""The store's schema: install, upgrade, status, from the files below sql/.

Each migration runs once, in a transaction of its own; functions, procedures and grants are
replaced after the migrations, in one transaction. Every command may be repeated at any time, and
two may run at once: they take turns step by step, by a lock that ends with the transaction, as a
pooler needs it. Gateways record meanwhile: no step waits longer than two seconds for a lock,
and with it those who come after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from ctaudit.database import front, version
from ctaudit.database.connection import (
    connect,
    describe_error,
    explained,
    read_schema_version,
)
from ctaudit.database.limits import unlimited
from ctaudit.database.locks import (
    NO_LOCK,
    LockRoom,
    count_relations,
    holders_named,
    read_lock_room,
    retry_locked,
)
from ctaudit.database.maintenance import DAYS_AHEAD
from ctaudit.database.public_access import close_statements, find_open_database
from ctaudit.database.steps import Done, find_sql, refuse_newer, stepping
from ctaudit.database.version import SchemaVersion
from ctaudit.errors import DatabaseError, SchemaError

_DOING = "installing the schema"


@dataclass(frozen=True)
class Step:
    """Files that run in one transaction; ``migration`` is the number where it is one."""

    files: tuple[Path, ...]
    migration: int | None = None
    as_owner: bool = False

    @property
    def name(self) -> str:
        return self.files[0].stem

    def read_locks(self) -> list[str]:
        """Tables whose partitions the migration locks, all at once: its line ``-- Locks: ...``."""
        declared = re.search(r"^-- Locks: (.*)$", self.files[0].read_text(), re.MULTILINE)
        return re.findall(r"\w+", declared[1]) if declared else []


@dataclass(frozen=True)
class SchemaStatus:
    """``pending``: migrations to apply; ``partitions_until``: the last day that has its own."""

    version: SchemaVersion
    pending: tuple[str, ...]
    partitions_until: date | None
    is_front: bool = False


def read_steps(folder: Path) -> list[Step]:
    """The steps of install.list, which explains its headings."""
    steps: list[Step] = []
    heading, files = "", []
    lines = (folder / "install.list").read_text().splitlines()
    for line in [*(text.split("#")[0].strip() for text in lines), "[end]"]:
        if not line.startswith("["):
            files += [folder / line] if line else []
            continue
        if heading == "[migrations]":
            steps += [Step((file,), int(file.name[:4]), True) for file in files]
        elif files:
            steps.append(Step(tuple(files), as_owner=heading == "[transaction as owner]"))
        heading, files = line, []
    return steps


def install(dsn: str) -> Done:
    """Installs the schema, or upgrades it to this program's version.

    Raises DatabaseError, PrivilegeError, SchemaError (the schema is newer than this program: its
    functions would be replaced by older ones, even where this program can use them).
    """
    steps = read_steps(find_sql())
    with connect(dsn, "owner") as connection, explained(_DOING):
        connection.autocommit = True
        with stepping(connection):
            found = refuse_newer(connection)
            front.refuse_front(connection)
        pending = list_pending(steps, found.installed)
        if found.installed is not None:
            _refuse_without_room(connection, pending)
        with holders_named(connection, _DOING):
            applied = [step for step in steps if retry_locked(partial(_run, connection, step))]
            made = retry_locked(partial(_make_partitions, connection))
        with unlimited(connection):
            database = find_open_database(connection)
        to_close = close_statements(connection, database) if database else ()
    names = tuple(step.name for step in applied)
    return Done(version.EXPECTED_SCHEMA, names, made, tuple(to_close))


def upgrade(dsn: str) -> Done:
    """As install, of a front as well, but raises SchemaError where no schema is installed."""
    with connect(dsn, "owner") as connection:
        with explained(_DOING), unlimited(connection):
            found = read_schema_version(connection)
        if found.installed is None:
            raise SchemaError(f"database {connection.info.dbname} has {found.describe()}")
        with explained(_DOING), unlimited(connection):
            is_front = front.is_front(connection)
    return front.install(dsn) if is_front else install(dsn)


def status(dsn: str) -> SchemaStatus:
    """What is installed and what is to be applied; a login with any of our roles may ask."""
    with connect(dsn) as connection:
        found = read_schema_version(connection)
        until = read_partitions_until(connection)
        with explained("reading the schema's version"), connection.transaction():
            is_front = front.is_front(connection)
    pending = list_pending(read_steps(find_sql()), found.installed)
    names = () if is_front else tuple(step.name for step in pending)
    return SchemaStatus(found, names, until, is_front)


def list_pending(steps: Sequence[Step], installed: int | None) -> list[Step]:
    """The migrations that follow version ``installed``."""
    return [
        step for step in steps if step.migration is not None and step.migration > (installed or 0)
    ]


def read_partitions_until(connection: psycopg.Connection[Any]) -> date | None:
    """The last day that has a partition of its own, None where there is none."""
    with explained("reading the partitions"), connection.transaction():
        row = connection.execute(
            "SELECT max(to_date(right(c.relname, 8), 'YYYYMMDD')) "
            "FROM pg_catalog.pg_class AS c "
            "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
            r"WHERE n.nspname = 'ctaudit' AND c.relname ~ '^opening_p\d{8}$'"
        ).fetchone()
    return row[0] if row else None


def _make_partitions(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    with stepping(connection):
        connection.execute("SET LOCAL ROLE ctaudit_owner")
        rows = connection.execute(
            "SELECT partition FROM ctaudit.make_partitions(%s::integer)", (DAYS_AHEAD,)
        ).fetchall()
    return tuple(row[0] for row in rows)


def _run(connection: psycopg.Connection[Any], step: Step) -> bool:
    """Runs a step's files in one transaction; True where it is a migration that was pending.

    Between two steps another installer may have had its turn, of a newer program even.
    """
    with stepping(connection):
        refuse_newer(connection)
        if step.as_owner:
            connection.execute("SET LOCAL ROLE ctaudit_owner")
        if step.migration is not None and _is_applied(connection, step.migration):
            return False
        for file in step.files:
            try:
                connection.execute(file.read_bytes())
            except (psycopg.errors.InsufficientPrivilege, *NO_LOCK):
                raise
            except psycopg.Error as error:
                raise DatabaseError(f"{file}: {describe_error(error)}") from None
    return step.migration is not None


def _is_applied(connection: psycopg.Connection[Any], number: int) -> bool:
    return bool(
        connection.execute("SELECT FROM ctaudit.migration WHERE number = %s", (number,)).fetchall()
    )


def _refuse_without_room(connection: psycopg.Connection[Any], pending: Sequence[Step]) -> None:
    """Raises DatabaseError if a migration's locks are more than the server has room for."""
    room = read_lock_room(connection)
    for step in pending:
        tables = step.read_locks()
        locks = count_relations(connection, tables) if tables else 0
        if not room.has_room(locks):
            raise DatabaseError(describe_lack(step.name, locks, room))


def describe_lack(migration: str, locks: int, room: LockRoom) -> str:
    return (
        f"migration {migration} may lock {locks:,} tables and indexes at once, and the server has "
        f"room for {room.per_transaction * room.connections:,} locks of all sessions "
        f"(max_locks_per_transaction = {room.per_transaction}, max_connections = "
        f"{room.connections}), so nothing was changed; ALTER SYSTEM SET max_locks_per_transaction "
        f"= {room.wanted(locks)}; as a superuser, restart PostgreSQL, then run it again"
    )
