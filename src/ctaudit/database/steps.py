"""What the installations of a store and of a front have in common."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ctaudit.database.connection import read_schema_version
from ctaudit.database.limits import unlimited
from ctaudit.database.version import SchemaVersion
from ctaudit.errors import SchemaError

_PACKAGED = Path("/usr/share/ctaudit/sql")
_CHECKOUT = Path(__file__).resolve().parents[3] / "sql"
# The advisory lock that makes two installers take turns: any number that never changes.
_LOCK = 0x6374_6175_6469_74
_LOCK_TIMEOUT = "2s"  # autovacuum gives way after one second


@dataclass(frozen=True)
class Done:
    """What an installation did: migrations applied, partitions made.

    ``to_close``: what the database's owner may run to keep other logins of the server out.
    """

    version: int
    migrations: tuple[str, ...]
    partitions: tuple[str, ...]
    to_close: tuple[str, ...] = ()
    is_front: bool = False


def find_sql() -> Path:
    """The folder of the SQL files: $CTAUDIT_SQL, else the checkout's, else the package's."""
    named = os.environ.get("CTAUDIT_SQL")
    for folder in [Path(named)] if named else [_CHECKOUT, _PACKAGED]:
        if (folder / "install.list").is_file():
            return folder
    raise SchemaError(
        f"no SQL files in {named or _PACKAGED}; name their folder in the variable CTAUDIT_SQL"
    )


def refuse_newer(connection: psycopg.Connection[Any]) -> SchemaVersion:
    found = read_schema_version(connection)
    if found.is_newer:
        raise SchemaError(
            f"database {connection.info.dbname} has ctaudit schema version {found.installed}, "
            f"newer than this program's {found.expected}; upgrade ctaudit"
        )
    return found


@contextmanager
def stepping(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction beside which no other installer has one."""
    with unlimited(connection):
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'".encode())
        yield
