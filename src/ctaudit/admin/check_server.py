"""check: the database's server and schema, which any login of ours may ask about.

The judge_ functions are pure: they take the values that were read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.database.connection import explained
from ctaudit.database.limits import unlimited
from ctaudit.database.locks import LockRoom, count_relations, read_lock_room
from ctaudit.database.version import OLDEST_RECORDED, Mismatch, SchemaVersion
from ctaudit.host.privileges import current_user

_DAYS_AHEAD = 3  # of the DAYS_AHEAD that maintain makes every day


def describe_server(connection: psycopg.Connection[Any]) -> Finding:
    info = connection.info
    version = f"{info.server_version // 10000}.{info.server_version % 10000}"
    where = f"{info.dbname} on {info.host or 'the local socket'} as {info.user or current_user()}"
    return Finding("database", Level.GOOD, f"PostgreSQL {version}, {where}")


def check_server(
    connection: psycopg.Connection[Any], partitions_until: date | None
) -> Iterator[Finding]:
    """``partitions_until``: as read_partitions_until returns it."""
    yield judge_encoding(_read_one(connection, "SHOW server_encoding"))
    yield judge_log(_read_one(connection, "SHOW log_min_messages"))
    yield judge_partitions(partitions_until, datetime.now(UTC).date())
    yield judge_locks(read_lock_room(connection), count_relations(connection))


def judge_schema(found: SchemaVersion) -> Finding:
    """A warning where the recorder goes on: the upgrade is under way."""
    mismatch = Mismatch.NEWER if found.is_newer else found.mismatch
    remedy = mismatch.value if mismatch else ""
    if mismatch in (Mismatch.MISSING, Mismatch.OLDER):
        remedy += " --dsn DSN as the schema's owner, or ctaudit setup --local"
    goes_on = found.find_mismatch(OLDEST_RECORDED) is None
    return make_finding(
        "schema",
        "no schema" if found.installed is None else f"version {found.installed}",
        good=mismatch is None,
        wanted=f"version {found.expected}",
        remedy=remedy,
        level=Level.WARNING if goes_on else Level.UNFIT,
    )


def judge_encoding(encoding: str) -> Finding:
    return make_finding(
        "encoding",
        encoding,
        good=encoding == "UTF8",
        wanted="UTF8",
        remedy="create a new one: createdb -T template0 -E UTF8 --locale=C ctaudit",
    )


def judge_log(level: str) -> Finding:
    """``level``: log_min_messages. Each question is a line of level LOG in the server's log."""
    return make_finding(
        "server log",
        f"log_min_messages = {level}",
        good=level not in ("fatal", "panic"),
        wanted="log or lower, so that each question is in the log",
        remedy="ALTER SYSTEM RESET log_min_messages; SELECT pg_reload_conf(); as a superuser",
    )


def judge_partitions(until: date | None, today: date) -> Finding:
    """``until``: as read_partitions_until returns it."""
    return make_finding(
        "partitions",
        "none" if until is None else f"until {until}",
        good=until is not None and until >= today + timedelta(days=_DAYS_AHEAD),
        wanted=f"at least {_DAYS_AHEAD} days ahead",
        remedy="systemctl enable --now ctaudit-maintain.timer on the database's host",
    )


def judge_locks(room: LockRoom, relations: int) -> Finding:
    """``relations``: the schema's tables and indexes, all of which a migration may lock at once."""
    wanted = room.wanted(relations)
    return make_finding(
        "locks",
        f"max_locks_per_transaction = {room.per_transaction}, {relations:,} tables and indexes",
        good=room.has_room(relations),
        wanted=f"{wanted} or more, for migrations",
        remedy=f"ALTER SYSTEM SET max_locks_per_transaction = {wanted}; as a superuser, then "
        "restart PostgreSQL",
    )


def _read_one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = read_row(connection, statement)
    return row[0] if row else None


def read_row(connection: psycopg.Connection[Any], statement: str, *values: object) -> Any:
    """The first row of a query; None: there is none."""
    with explained("asking the database"), unlimited(connection):
        return connection.execute(statement.encode(), values or None).fetchone()
