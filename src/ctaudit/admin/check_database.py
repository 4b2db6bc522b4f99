"""check, the database's part, with the recorder's login.

The judge_ functions are pure: they take the values that were read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from ctaudit.admin.check_backlog import check_backlog, list_earlier_names
from ctaudit.admin.check_canary import check_canary
from ctaudit.admin.check_login import check_earlier_names, check_login, find_position
from ctaudit.admin.check_server import check_server, describe_server, judge_schema, read_row
from ctaudit.admin.check_units import judge_maintenance
from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.nodes import judge_nodes, list_nodes
from ctaudit.admin.units import UnitState
from ctaudit.database.connection import connect, explained, is_standby, read_schema_version
from ctaudit.database.dsn import is_local_host
from ctaudit.database.limits import unlimited
from ctaudit.database.schema import read_partitions_until
from ctaudit.database.version import SchemaVersion
from ctaudit.errors import CtauditError, DatabaseError, PrivilegeError, SchemaError
from ctaudit.host.privileges import acting_as, has_user, is_root

RECORDER_USER, MAINTAINER_USER = "ctaudit", "ctaudit-maintain"
_SETUP = "ctaudit setup --local, or correct database.dsn in the configuration"
_IN_SERVER_LOG = "more is in the server's log"
_STANDBY = Finding(
    "standby",
    Level.GOOD,
    "it follows a primary; ctaudit check on that one's host judges the record",
)
_BEGAN_OR_ENDED = {"not announced": "began", "end not announced": "ended"}
_MOST_SHOWN = 2


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


@dataclass(frozen=True)
class Site:
    """What this host is to the database.

    ``spool``: its directory; ``elsewhere``: the database's host, None: it is this one;
    ``maintain_timer``: None where there is no systemd; ``maintain_result``: of the last run here;
    ``canary``: seconds between two, None: there is none.
    """

    spool: Path
    elsewhere: str | None = None
    maintain_timer: UnitState | None = None
    maintain_result: str = ""
    canary: float | None = None


def check_database(dsn: str, procedure: str, node: str, site: Site | None = None) -> list[Finding]:
    """Findings of a gateway on its database, with the recorder's login.

    They end with the first that makes the others impossible. As root it connects as the
    recorder's user, for peer authentication. ``node``: the gateway, whose recent translations are
    held against its scope. ``site`` None: neither backlog nor maintenance is looked at.
    """
    with _acting_as(RECORDER_USER):
        try:
            with connect(dsn, "recorder") as connection:
                found = [*_ask(connection, procedure, node, site)]
        except DatabaseError as error:
            remedy = _SETUP if is_root() else f"{_SETUP}; run as root to connect as the recorder"
            return [Finding("database", Level.UNFIT, str(error), remedy=remedy)]
    return [*found, *_check_nodes(dsn)]


def check_database_host(dsn: str, site: Site) -> list[Finding]:
    """Findings of a host that has the database and is no gateway, with the maintainer's login."""
    with _acting_as(MAINTAINER_USER):
        try:
            with connect(dsn) as connection:
                if is_standby(connection):
                    return [describe_server(connection), _STANDBY]
            with connect(dsn, "maintainer") as connection:
                found = [*_ask_server(connection, site)]
        except CtauditError as error:
            return [Finding("database", Level.UNFIT, str(error), remedy=_SETUP)]
    return [*found, *_check_nodes(dsn)]


@contextlib.contextmanager
def _acting_as(user: str) -> Iterator[None]:
    with acting_as(user) if is_root() and has_user(user) else contextlib.nullcontext():
        yield


def _check_nodes(dsn: str) -> list[Finding]:
    """Who may not list the gateways, as the recorder's login, finds nothing of them."""
    try:
        with connect(dsn) as connection:
            return [judge_nodes(list_nodes(connection))]
    except CtauditError:
        return []


def _ask_server(connection: psycopg.Connection[Any], site: Site) -> Iterator[Finding]:
    yield describe_server(connection)
    found, until = _read_schema(connection)
    yield judge_schema(found)
    if found.installed is not None:
        yield from check_server(connection, until)
        yield _judge_maintenance(connection, site, until)


def _read_schema(connection: psycopg.Connection[Any]) -> tuple[SchemaVersion, date | None]:
    """Its version, and the last day that has a partition."""
    with explained("asking the database"), unlimited(connection):
        return read_schema_version(connection), read_partitions_until(connection)


def _judge_maintenance(
    connection: psycopg.Connection[Any], site: Site, until: date | None
) -> Finding:
    # A service file may have named the host.
    host = connection.info.host or ""
    elsewhere = site.elsewhere or (None if is_local_host(host) else host)
    today = datetime.now(UTC).date()
    return judge_maintenance(elsewhere, site.maintain_timer, until, today, site.maintain_result)


def _ask(
    connection: psycopg.Connection[Any], procedure: str, node: str, site: Site | None
) -> Iterator[Finding]:
    yield describe_server(connection)
    try:
        found, until = _read_schema(connection)
        yield judge_schema(found)
        if found.installed is None:
            return
        rights = _read_rights(connection, procedure)
        yield judge_rights(procedure, rights)
        yield from check_server(connection, until)
        if site is not None:
            yield _judge_maintenance(connection, site, until)
        if rights.execute:
            yield (login := check_login(connection, node))
            if login.level is Level.UNFIT:
                return
            if site is not None:
                yield from _check_spool(connection, node, site.spool)
                yield from check_canary(connection, node, site.canary)
            yield judge_announcements(_read_unannounced(connection, node))
            yield from judge_translations(*_count_outside_scope(connection, node))
            yield from judge_pair(*_read_pair(connection, node))
    except SchemaError as error:
        yield Finding("schema", Level.UNFIT, str(error))
    except PrivilegeError as error:
        wanted = f"{connection.info.user} a member of ctaudit_recorder"
        yield _refuse("privileges", str(error), wanted)
    except CtauditError as error:
        yield _refuse("database", str(error), "answers to what check asks", _IN_SERVER_LOG)


def _check_spool(
    connection: psycopg.Connection[Any], node: str, directory: Path
) -> Iterator[Finding]:
    """What waits for a login's right waits for ever; then how much it is tells nothing."""
    refused = [*check_earlier_names(connection, list_earlier_names(directory, node))]
    yield from refused
    if not refused:
        yield from check_backlog(directory, partial(find_position, connection))


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


def _count_outside_scope(connection: psycopg.Connection[Any], node: str) -> tuple[int, int]:
    return read_row(connection, "SELECT * FROM ctaudit.outside_scope(%s)", node) or (0, 0)


def _read_pair(connection: psycopg.Connection[Any], node: str) -> tuple[str | None, bool, bool]:
    statement = "SELECT pair, is_known, is_mutual FROM ctaudit.pairs(%s)"
    return read_row(connection, statement, node) or (None, False, False)


def _read_rights(connection: psycopg.Connection[Any], procedure: str) -> Rights:
    schema, name = procedure.split(".")
    with explained("reading the privileges"), unlimited(connection):
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
    with explained("asking what was not announced"), unlimited(connection):
        rows = connection.execute("SELECT * FROM ctaudit.unannounced(%s)", (node,)).fetchall()
    return [Unannounced(*row) for row in rows]
