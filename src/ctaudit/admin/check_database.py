"""Is this gateway fit to be believed? The database's part, seen by the recorder's login."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.database.connection import EXPECTED_SCHEMA, connect, explained, schema_version
from ctaudit.errors import CtauditError, DatabaseError
from ctaudit.host.privileges import acting_as, current_user, has_user, is_root

RECORDER_USER = "ctaudit"
_SETUP = "ctaudit setup --local, or database.dsn in the configuration"
_DAYS_AHEAD = 3  # of the seven that maintain makes every day


@dataclass(frozen=True)
class Rights:
    """What a login may do. ``execute`` None: there is no such procedure."""

    login: str
    execute: bool | None
    read: bool
    superuser: bool


def check_store(dsn: str, procedure: str) -> list[Finding]:
    """Findings on the database, the first that stands in the way of the others being the last.

    As root it asks as the recorder's user, whom peer authentication knows.
    """
    with contextlib.ExitStack() as acting:
        if is_root() and has_user(RECORDER_USER):
            acting.enter_context(acting_as(RECORDER_USER))
        try:
            with connect(dsn, "recorder") as connection:
                return [*_ask(connection, procedure)]
        except DatabaseError as error:
            remedy = _SETUP if is_root() else f"{_SETUP}; as root it is asked for the recorder"
            return [
                _refuse("database", str(error), "a database that the recorder can reach", remedy)
            ]


def _ask(connection: psycopg.Connection[Any], procedure: str) -> Iterator[Finding]:
    info = connection.info
    version = f"{info.server_version // 10000}.{info.server_version % 10000}"
    where = f"{info.dbname} on {info.host or 'the local socket'} as {info.user or current_user()}"
    yield Finding("database", Level.GOOD, f"PostgreSQL {version}, {where}")
    try:
        found = schema_version(connection)
        yield judge_schema(found)
        if found is None:
            return
        yield judge_rights(procedure, _read_rights(connection, procedure))
        yield judge_encoding(_read_one(connection, "SHOW server_encoding"))
        yield judge_partitions(_read_partitions(connection), datetime.now(UTC).date())
    except CtauditError as error:
        wanted = f"{info.user} a member of ctaudit_recorder"
        yield _refuse("privileges", str(error), wanted)


def judge_schema(version: int | None) -> Finding:
    found = "no schema" if version is None else f"version {version}"
    if version is None or version < EXPECTED_SCHEMA:
        verb = "install" if version is None else "upgrade"
        remedy = f"ctaudit setup --local, or ctaudit schema {verb} --dsn DSN as its owner"
    else:
        remedy = "a newer ctaudit on this gateway"
    return make_finding(
        "schema",
        found,
        good=version == EXPECTED_SCHEMA,
        wanted=f"version {EXPECTED_SCHEMA}",
        remedy=remedy,
        level=Level.UNFIT,
    )


def judge_rights(procedure: str, rights: Rights) -> Finding:
    if rights.execute is None:
        wanted, remedy = "the procedure of the configuration", "correct procedure or mode there"
        return _refuse("privileges", f"no procedure {procedure}", wanted, remedy)
    if not rights.execute:
        wanted = f"{rights.login} a member of ctaudit_recorder"
        remedy = f'GRANT ctaudit_recorder TO "{rights.login}"'
        return _refuse("privileges", f"may not call {procedure}", wanted, remedy)
    excess = "is a superuser" if rights.superuser else "may read what is recorded"
    return make_finding(
        "privileges",
        f"{rights.login} {excess}"
        if rights.superuser or rights.read
        else f"{rights.login} may call {procedure}, and read nothing",
        good=not rights.superuser and not rights.read,
        wanted="a login that may record and nothing else",
        remedy='CREATE ROLE "..." LOGIN IN ROLE ctaudit_recorder, for database.dsn',
    )


def judge_encoding(encoding: str) -> Finding:
    return make_finding(
        "encoding",
        encoding,
        good=encoding == "UTF8",
        wanted="UTF8",
        remedy="a new database: createdb -T template0 -E UTF8 --locale=C ctaudit",
    )


def judge_partitions(until: date | None, today: date) -> Finding:
    """``until``: the last day that has a partition of its own; None: there is none."""
    return make_finding(
        "partitions",
        "none" if until is None else f"up to {until}",
        good=until is not None and until >= today + timedelta(days=_DAYS_AHEAD),
        wanted=f"at least {_DAYS_AHEAD} days ahead",
        remedy="systemctl enable --now ctaudit-maintain.timer on the database's host",
    )


def _refuse(name: str, found: str, wanted: str, remedy: str = _SETUP) -> Finding:
    return Finding(name, Level.UNFIT, found, wanted, remedy)


def _read_one(connection: psycopg.Connection[Any], statement: str) -> Any:
    with explained("asking the database"), connection.transaction():
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def _read_partitions(connection: psycopg.Connection[Any]) -> date | None:
    until: date | None = _read_one(
        connection,
        "SELECT max(to_date(right(c.relname, 8), 'YYYYMMDD')) FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        r" WHERE n.nspname = 'ctaudit' AND c.relname ~ '^opening_p\d{8}$'",
    )
    return until


def _read_rights(connection: psycopg.Connection[Any], procedure: str) -> Rights:
    schema, name = procedure.split(".")
    with explained("reading the privileges"), connection.transaction():
        row = connection.execute(
            "SELECT r.rolname, r.rolsuper,"
            " (SELECT bool_or(has_function_privilege(p.oid, 'EXECUTE')"
            "    AND has_schema_privilege(n.oid, 'USAGE'))"
            "  FROM pg_catalog.pg_proc AS p"
            "  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace"
            "  WHERE n.nspname = %s AND p.proname = %s AND p.prokind = 'p'),"
            " (SELECT bool_or(has_table_privilege(c.oid, 'SELECT'))"
            "  FROM pg_catalog.pg_class AS c"
            "  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
            "  WHERE n.nspname = 'ctaudit' AND c.relname IN ('opening', 'flow'))"
            " FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user",
            (schema, name),
        ).fetchone()
    if row is None:
        raise DatabaseError("reading the privileges: the server does not know its own login")
    login, superuser, execute, read = row
    return Rights(login, execute, bool(read), superuser)
