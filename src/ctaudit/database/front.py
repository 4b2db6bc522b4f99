"""A front: a database that records nothing and asks several stores as one (decision 0050)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg

from ctaudit.database import version
from ctaudit.database.connection import connect, describe_error, explained
from ctaudit.database.front_sql import Statement, read_front
from ctaudit.database.limits import unlimited
from ctaudit.database.locks import NO_LOCK, holders_named, retry_locked
from ctaudit.database.public_access import close_statements, find_open_database
from ctaudit.database.steps import Done, find_sql, refuse_newer, stepping
from ctaudit.errors import DatabaseError, PrivilegeError, SchemaError

_DOING = "installing the front"
# The latter since PostgreSQL 16.
_NO_EXTENSION = (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported)
_IS_FRONT = "SELECT to_regclass('ctaudit.store') IS NOT NULL"
_IS_STORE = "SELECT to_regclass('ctaudit.stream') IS NOT NULL"
_IS_SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
# All of it is made anew, so that no object of an older version is left or is in the way; what a
# front keeps are tables.
_DROP = """
DO $drop$
DECLARE
    v_object text;
BEGIN
    -- All names before the first is dropped: it may take others with it.
    FOREACH v_object IN ARRAY ARRAY(
        SELECT format('FUNCTION IF EXISTS %s', f.oid::regprocedure) FROM pg_catalog.pg_proc AS f
        WHERE f.pronamespace = to_regnamespace('ctaudit')
        UNION ALL
        SELECT format('TYPE IF EXISTS %s', t.oid::regtype) FROM pg_catalog.pg_type AS t
        LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
        WHERE t.typnamespace = to_regnamespace('ctaudit')
            AND (t.typtype = 'e' OR c.relkind = 'c')
    ) LOOP
        EXECUTE format('DROP %s CASCADE', v_object);
    END LOOP;
END
$drop$
"""
_VERSION = """
INSERT INTO ctaudit.migration (number, name, compatible_since)
SELECT %(number)s, 'front ' || %(number)s, 1
WHERE NOT EXISTS (SELECT FROM ctaudit.migration AS m WHERE m.number = %(number)s)
"""


def is_front(connection: psycopg.Connection[Any]) -> bool:
    return _ask(connection, _IS_FRONT)


def refuse_front(connection: psycopg.Connection[Any]) -> None:
    """Raises SchemaError where the database is a front, which cannot be a store as well."""
    if is_front(connection):
        raise SchemaError(
            f"database {connection.info.dbname} is a front, which records nothing; "
            "run: ctaudit schema install --front"
        )


def install(dsn: str) -> Done:
    """Makes the database a front, or upgrades it to this program's version.

    Raises DatabaseError; PrivilegeError: the login is no superuser; SchemaError: the database is a
    store, or newer than this program.
    """
    statements = list(read_front(find_sql()))
    with connect(dsn, "owner") as connection, explained(_DOING):
        connection.autocommit = True
        with stepping(connection):
            refuse_newer(connection)
            _refuse_store(connection)
            _refuse_others(connection)
        with holders_named(connection, _DOING):
            retry_locked(partial(_run, connection, statements))
        with unlimited(connection):
            database = find_open_database(connection)
        to_close = close_statements(connection, database) if database else ()
    return Done(version.EXPECTED_SCHEMA, (), (), tuple(to_close), is_front=True)


def _run(connection: psycopg.Connection[Any], statements: Sequence[Statement]) -> None:
    """All in one transaction: a question meets the old functions or the new ones."""
    with stepping(connection):
        refuse_newer(connection)
        connection.execute(_DROP)
        for statement in statements:
            with _named(statement):
                connection.execute(
                    "SET LOCAL ROLE ctaudit_owner" if statement.as_owner else "SET LOCAL ROLE NONE"
                )
                connection.execute(statement.text.encode())
        connection.execute("SET LOCAL ROLE ctaudit_owner")
        connection.execute(_VERSION, {"number": version.EXPECTED_SCHEMA})


@contextmanager
def _named(statement: Statement) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, *NO_LOCK):
        raise
    except psycopg.Error as error:
        if isinstance(error, _NO_EXTENSION) and "extension" in str(error):
            raise DatabaseError(
                "the server has no extension dblink: install what its package has for contrib"
            ) from None
        raise DatabaseError(f"{statement.name}: {describe_error(error)}") from None


def _refuse_store(connection: psycopg.Connection[Any]) -> None:
    if _ask(connection, _IS_STORE):
        raise SchemaError(
            f"database {connection.info.dbname} is a store, which records; a front needs a "
            "database of its own: createdb, then ctaudit schema install --front there"
        )


def _refuse_others(connection: psycopg.Connection[Any]) -> None:
    if not _ask(connection, _IS_SUPERUSER):
        raise PrivilegeError(
            f"{_DOING}: the login {connection.info.user} is no superuser, who alone makes the "
            "extension dblink and says who may connect by it"
        )


def _ask(connection: psycopg.Connection[Any], query: str) -> bool:
    row = connection.execute(query.encode()).fetchone()
    return bool(row and row[0])
