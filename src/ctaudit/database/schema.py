"""The store's schema: install, upgrade, status, from the files below sql/.

Each migration runs once, in a transaction of its own; functions, procedures and grants are
replaced after the migrations, in one transaction. Every command may be repeated at any time, and
two may run at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from ctaudit.database import version
from ctaudit.database.connection import (
    check_schema_version,
    connect,
    describe_error,
    explained,
    schema_version,
)
from ctaudit.database.maintenance import DAYS_AHEAD
from ctaudit.database.version import Mismatch, SchemaVersion
from ctaudit.errors import DatabaseError, SchemaError

_PACKAGED = Path("/usr/share/ctaudit/sql")
_CHECKOUT = Path(__file__).resolve().parents[3] / "sql"
# The advisory lock that makes two installers take turns: any number that never changes.
_LOCK = 0x6374_6175_6469_74
_TRIES = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """Files that run in one transaction; ``migration`` is the number where it is one."""

    files: tuple[Path, ...]
    migration: int | None = None
    as_owner: bool = False


@dataclass(frozen=True)
class Done:
    """What an installation did: migrations applied, partitions made."""

    version: int
    migrations: tuple[str, ...]
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class SchemaStatus:
    """``pending``: migrations to apply; ``partitions_until``: the last day that has its own."""

    version: SchemaVersion
    pending: tuple[str, ...]
    partitions_until: date | None


def find_sql() -> Path:
    """The folder of the SQL files: $CTAUDIT_SQL, else the checkout's, else the package's."""
    named = os.environ.get("CTAUDIT_SQL")
    for folder in [Path(named)] if named else [_CHECKOUT, _PACKAGED]:
        if (folder / "install.list").is_file():
            return folder
    raise SchemaError(
        f"no SQL files in {named or _PACKAGED}; name their folder in the variable CTAUDIT_SQL"
    )


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

    Raises DatabaseError, PrivilegeError, SchemaError (the schema is newer than this program).
    """
    steps = read_steps(find_sql())
    with connect(dsn, "owner") as connection, explained("installing the schema"):
        connection.autocommit = True
        connection.execute("SET client_min_messages = warning")
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        installed = check_schema_version(connection, {Mismatch.NEWER}) or 0
        applied = []
        for step in steps:
            if step.migration is not None and step.migration <= installed:
                continue
            _run(connection, step)
            if step.migration is not None:
                applied.append(step.files[0].stem)
        made = retry_locked(lambda: _make_partitions(connection))
        return Done(version.EXPECTED_SCHEMA, tuple(applied), made)


def upgrade(dsn: str) -> Done:
    """As install, but raises SchemaError where no schema is installed."""
    with connect(dsn, "owner") as connection:
        check_schema_version(connection, {Mismatch.MISSING})
    return install(dsn)


def status(dsn: str) -> SchemaStatus:
    """What is installed and what is to be applied; a login with any of our roles may ask."""
    with connect(dsn) as connection:
        installed = schema_version(connection)
        until = read_partitions_until(connection)
    pending = tuple(
        step.files[0].stem
        for step in read_steps(find_sql())
        if step.migration is not None and step.migration > (installed or 0)
    )
    return SchemaStatus(SchemaVersion(installed, version.EXPECTED_SCHEMA), pending, until)


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
    with connection.transaction():
        connection.execute("SET LOCAL ROLE ctaudit_owner")
        rows = connection.execute(
            "SELECT partition FROM ctaudit.make_partitions(%s::integer)", (DAYS_AHEAD,)
        ).fetchall()
    return tuple(row[0] for row in rows)


def _run(connection: psycopg.Connection[Any], step: Step) -> None:
    """Runs a step's files in one transaction."""
    with connection.transaction():
        if step.as_owner:
            connection.execute("SET LOCAL ROLE ctaudit_owner")
        for file in step.files:
            try:
                connection.execute(file.read_bytes())
            except psycopg.errors.InsufficientPrivilege:
                raise
            except psycopg.Error as error:
                raise DatabaseError(f"{file}: {describe_error(error)}") from None


def retry_locked(work: Callable[[], T]) -> T:
    """Repeats ``work`` while another session holds a lock; each try has a short lock_timeout."""
    for attempt in range(_TRIES):
        try:
            return work()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.2 * (attempt + 1))
    raise AssertionError
