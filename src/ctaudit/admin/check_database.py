"""check, the database's part, with the recorder's login.

The judge_ functions are pure: they take the values that were read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from ctaudit.admin.check_login import check_login
from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.nodes import judge_nodes, list_nodes
from ctaudit.database.connection import connect, explained, read_schema_version
from ctaudit.database.locks import LockRoom, count_relations, read_lock_room
from ctaudit.database.schema import read_partitions_until
from ctaudit.database.version import OLDEST_RECORDED, Mismatch, SchemaVersion
from ctaudit.errors import CtauditError, DatabaseError, SchemaError
from ctaudit.host.privileges import acting_as, current_user, has_user, is_root

RECORDER_USER = "ctaudit"
_SETUP = "ctaudit setup --local, or correct database.dsn in the configuration"
_BEGAN_OR_ENDED = {"not announced": "began", "end not announced": "ended"}
_MOST_SHOWN = 2
_DAYS_AHEAD = 3  # of the DAYS_AHEAD that maintain makes every day


@dataclass(frozen=True)
class Rights:
    """What a login may do: call the record procedure (None: there is none), read the record."""

    login: str
    execute: bool | None
    read: bool
    superuser: bool


@dataclass(frozen=True)
class Unannounced:
    """What dumps have proved that the kernel did not announce: a gap of that ``cause``."""

    cause: str
    number: int
    gap_from: datetime
    gap_until: datetime | None


def check_database(dsn: str, procedure: str, node: str) -> list[Finding]:
    """Findings on the database; they end with the first that makes the others impossible.

    ``node``: the gateway, whose recent translations are held against its scope.

    As root it connects as the recorder's user, for peer authentication.
    """
    with contextlib.ExitStack() as acting:
        if is_root() and has_user(RECORDER_USER):
            acting.enter_context(acting_as(RECORDER_USER))
        try:
            with connect(dsn, "recorder") as connection:
                found = [*_ask(connection, procedure, node)]
        except DatabaseError as error:
            remedy = _SETUP if is_root() else f"{_SETUP}; run as root to connect as the recorder"
            return [Finding("database", Level.UNFIT, str(error), remedy=remedy)]
    return [*found, *_check_nodes(dsn)]


def _check_nodes(dsn: str) -> list[Finding]:
    """Who may not list the gateways, as the recorder's login, finds nothing of them."""
    try:
        with connect(dsn) as connection:
            return [judge_nodes(list_nodes(connection))]
    except CtauditError:
        return []


def _ask(connection: psycopg.Connection[Any], procedure: str, node: str) -> Iterator[Finding]:
    info = connection.info
    version = f"{info.server_version // 10000}.{info.server_version % 10000}"
    where = f"{info.dbname} on {info.host or 'the local socket'} as {info.user or current_user()}"
    yield Finding("database", Level.GOOD, f"PostgreSQL {version}, {where}")
    try:
        found = read_schema_version(connection)
        yield judge_schema(found)
        if found.installed is None:
            return
        rights = _read_rights(connection, procedure)
        yield judge_rights(procedure, rights)
        yield judge_encoding(_read_one(connection, "SHOW server_encoding"))
        yield judge_log(_read_one(connection, "SHOW log_min_messages"))
        yield judge_partitions(read_partitions_until(connection), datetime.now(UTC).date())
        yield judge_locks(read_lock_room(connection), count_relations(connection))
        if rights.execute:
            yield (login := check_login(connection, node))
            if login.level is Level.UNFIT:
                return
            yield judge_announcements(_read_unannounced(connection, node))
            yield from judge_translations(*_count_outside_scope(connection, node))
            yield from judge_pair(*_read_pair(connection, node))
    except SchemaError as error:
        yield Finding("schema", Level.UNFIT, str(error))
    except CtauditError as error:
        wanted = f"{info.user} a member of ctaudit_recorder"
        yield _refuse("privileges", str(error), wanted)


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


def judge_rights(procedure: str, rights: Rights) -> Finding:
    if rights.execute is None:
        wanted, remedy = (
            "the configured procedure",
            "correct procedure or mode in the configuration",
        )
        return _refuse("privileges", f"no procedure {procedure}", wanted, remedy)
    if not rights.execute:
        wanted = f"{rights.login} a member of ctaudit_recorder"
        remedy = f'GRANT ctaudit_recorder TO "{rights.login}"'
        return _refuse("privileges", f"{rights.login} may not call {procedure}", wanted, remedy)
    if rights.superuser:
        found = f"{rights.login} is a superuser"
    elif rights.read:
        found = f"{rights.login} may read what is recorded"
    else:
        found = f"{rights.login} may call {procedure} and read nothing"
    return make_finding(
        "privileges",
        found,
        good=not rights.superuser and not rights.read,
        wanted="a login that may record and nothing else",
        remedy='CREATE ROLE "..." LOGIN IN ROLE ctaudit_recorder, and use it in database.dsn',
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


def judge_translations(translated: int, outside: int) -> Iterator[Finding]:
    """``outside``: how many of them use an address that is in no scope."""
    if translated:
        found = f"{translated:,} of the last ten minutes"
        yield make_finding(
            "translations",
            f"{outside:,} of {found} use an address outside of the scope" if outside else found,
            good=not outside,
            wanted="public addresses that the scope holds",
            remedy="set public in [scope] of the configuration; ctaudit flows shows the addresses",
        )


def judge_pair(pair: str | None, is_known: bool, is_mutual: bool) -> Iterator[Finding]:
    """``pair``: as this gateway's last start declared it; None: it did not."""
    if pair is not None:
        state = "names this gateway too" if is_mutual else "does not name this gateway"
        yield make_finding(
            "pair",
            f"{pair} {state if is_known else 'is no gateway of this database'}",
            good=is_mutual,
            wanted="two gateways that name each other, else neither counts for the other",
            remedy="set pair in the configuration of both to the node of the other, and restart "
            "ctaudit-receiver on both",
        )


def judge_announcements(found: Sequence[Unannounced]) -> Finding:
    """``found``: the newest first."""
    if not found:
        return Finding("announcements", Level.GOOD, "table dumps show nothing unannounced")
    shown = [
        f"{gap.number:,} connections {_BEGAN_OR_ENDED[gap.cause]} without an event of the kernel, "
        f"{gap.gap_from:%Y-%m-%d %H:%M:%S%z} until "
        + (f"{gap.gap_until:%Y-%m-%d %H:%M:%S%z}" if gap.gap_until else "now")
        for gap in found[:_MOST_SHOWN]
    ]
    if len(found) > _MOST_SHOWN:
        shown.append(f"and {len(found) - _MOST_SHOWN} such gaps before")
    return make_finding(
        "announcements",
        "; ".join(shown),
        good=False,
        wanted="every connection announced when it begins and when it ends",
        remedy="look for rules with ct event set or --ctevents and for offloading, and set "
        "nf_conntrack_events to 1",
    )


def _refuse(name: str, found: str, wanted: str, remedy: str = _SETUP) -> Finding:
    return Finding(name, Level.UNFIT, found, wanted, remedy)


def _read_one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = _read_row(connection, statement)
    return row[0] if row else None


def _read_row(connection: psycopg.Connection[Any], statement: str, *values: object) -> Any:
    with explained("asking the database"), connection.transaction():
        return connection.execute(statement.encode(), values or None).fetchone()


def _count_outside_scope(connection: psycopg.Connection[Any], node: str) -> tuple[int, int]:
    return _read_row(connection, "SELECT * FROM ctaudit.outside_scope(%s)", node) or (0, 0)


def _read_pair(connection: psycopg.Connection[Any], node: str) -> tuple[str | None, bool, bool]:
    statement = "SELECT pair, is_known, is_mutual FROM ctaudit.pairs(%s)"
    return _read_row(connection, statement, node) or (None, False, False)


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
        raise DatabaseError("reading the privileges: the login is not in pg_roles")
    login, superuser, execute, read = row
    return Rights(login, execute, bool(read), superuser)


def _read_unannounced(connection: psycopg.Connection[Any], node: str) -> list[Unannounced]:
    with explained("asking what was not announced"), connection.transaction():
        rows = connection.execute("SELECT * FROM ctaudit.unannounced(%s)", (node,)).fetchall()
    return [Unannounced(*row) for row in rows]
