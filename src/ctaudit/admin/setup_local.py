"""setup --local: creates the database on this host, over PostgreSQL's socket, without a password.

Every step may be repeated. The recorder's login comes last, so that the recorder cannot connect
before the schema is complete.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.admin.auditor_limits import AUDITOR_CONNECTIONS, limit_auditor
from ctaudit.admin.check_backlog import list_earlier_names
from ctaudit.admin.check_database import MAINTAINER_USER, RECORDER_USER
from ctaudit.admin.units import MAINTAIN_TIMER, Units
from ctaudit.database import schema
from ctaudit.database.connection import connect, explained
from ctaudit.database.dsn import DEFAULT_DATABASE
from ctaudit.database.public_access import close_to_public
from ctaudit.database.schema_text import format_installed
from ctaudit.errors import DatabaseError, PrivilegeError, UsageError
from ctaudit.host.privileges import acting_as, current_user, has_user, is_root

DATABASE = DEFAULT_DATABASE
SUPERUSER = "postgres"
RECORDER_UNIT = Units().recorder
WEB_USER = "ctaudit-web"
_SOCKET = "/var/run/postgresql"
# What the database or the superuser's role is limited to is not for its set-up.
_NO_LIMITS = "-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off"
_PATIENCE = 15.0  # seconds until a restarted recorder has committed something


def local_dsn(name: str) -> str:
    return f"host={_SOCKET} dbname={name} user={SUPERUSER} options='{_NO_LIMITS}'"


def set_up_local(auditors: Sequence[str], node: str, spool: Path | None = None) -> Iterator[str]:
    """Yields a sentence after each step; runs as root or as PostgreSQL's superuser.

    ``spool``: what it holds of this gateway under an earlier name is to be recorded as well.
    Raises PrivilegeError, UsageError (an auditor is not a user of this host), DatabaseError.
    """
    for name in auditors:
        if not has_user(name):
            raise UsageError(f"--auditor {name}: no such user on this host")
    if is_root():
        if not has_user(SUPERUSER):
            raise DatabaseError("no PostgreSQL on this host; run: apt install postgresql")
    elif current_user() != SUPERUSER:
        raise PrivilegeError(
            f"setup --local: runs as {current_user()}; run it as root or as {SUPERUSER}"
        )
    earlier_names = list_earlier_names(spool, node) if spool else []
    with acting_as(SUPERUSER) if is_root() else contextlib.nullcontext():
        is_new, sentence = _create_database(DATABASE)
        yield sentence
        done = schema.install(local_dsn(DATABASE))
        yield from format_installed(replace(done, to_close=()) if is_new else done)
        with connect(local_dsn(DATABASE)) as connection:
            connection.autocommit = True
            if is_new:
                close_to_public(connection, DATABASE)
                yield "Only members of ctaudit's roles may connect to it."
            for name in auditors:
                yield _create_login(connection, name, "ctaudit_auditor", "auditor")
                limit_auditor(connection, name, DATABASE)
            if has_user(WEB_USER):
                yield _create_login(connection, WEB_USER, "ctaudit_front", "front")
                limit_auditor(connection, WEB_USER, DATABASE)
            yield _create_login(connection, MAINTAINER_USER, "ctaudit_maintainer", "maintainer")
            _take_ownership_away(connection, MAINTAINER_USER)
            yield _create_login(connection, RECORDER_USER, "ctaudit_recorder", "recorder")
            yield _let_record(connection, RECORDER_USER, node)
            for name in earlier_names:
                yield from _let_record_earlier(connection, RECORDER_USER, name)
    yield from _start_services(node)


def _create_database(name: str) -> tuple[bool, str]:
    """Whether it is new, and a sentence about it."""
    with connect(local_dsn("postgres")) as connection, explained("creating the database"):
        connection.autocommit = True
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding) FROM pg_catalog.pg_database WHERE datname = %s",
            (name,),
        ).fetchone()
        if row is not None:
            return False, f"Database {name} exists already, with encoding {row[0]}."
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            # Independent of the cluster's locale: text compares by bytes, and no upgrade of the C
            # library changes the order of an index.
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                    sql.Identifier(name)
                )
            )
    return True, f"Created database {name}."


def _create_login(connection: psycopg.Connection[Any], name: str, role: str, purpose: str) -> str:
    """A login without a password: peer authentication takes the user's name from the system."""
    most = AUDITOR_CONNECTIONS if purpose in ("auditor", "front") else -1
    words = {
        "name": sql.Identifier(name), "role": sql.Identifier(role), "most": sql.Literal(most)
    }  # fmt: skip
    with explained(f"creating the login {name}"):
        known = connection.execute(
            "SELECT pg_has_role(oid, %s, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = %s",
            (role, name),
        ).fetchone()
        if known is None:
            with contextlib.suppress(psycopg.errors.DuplicateObject):
                connection.execute(
                    sql.SQL(
                        "CREATE ROLE {name} LOGIN CONNECTION LIMIT {most} IN ROLE {role}"
                    ).format(**words)
                )
            return f"Created login {name} ({purpose})."
        if not known[0]:
            connection.execute(sql.SQL("GRANT {role} TO {name}").format(**words))
            return f"Granted {role} to login {name} ({purpose})."
    return f"Login {name} exists already ({purpose})."


def _let_record(connection: psycopg.Connection[Any], login: str, node: str) -> str:
    """A login that may record this gateway already has what it needs; others of it stay."""
    with explained(f"letting {login} record as {node}"):
        connection.execute(
            "SELECT ctaudit.add_login(%(node)s::text, %(login)s::text, 'ctaudit setup --local')"
            " WHERE NOT EXISTS (SELECT FROM ctaudit.node_login AS l"
            "  WHERE l.node = %(node)s AND l.login = %(login)s)",
            {"node": node, "login": login},
        )
    return f"Login {login} records as {node}."


def _let_record_earlier(
    connection: psycopg.Connection[Any], login: str, name: str
) -> Iterator[str]:
    """Unless it is the name of a gateway with logins: a spool does not prove to be that one's."""
    with explained(f"letting {login} record as {name}"):
        taken = connection.execute(
            "SELECT array_agg(l.login = %s) FROM ctaudit.node_login AS l WHERE l.node = %s",
            (login, name),
        ).fetchone()
    if taken is None or taken[0] is None:
        yield f"{_let_record(connection, login, name)[:-1]}, which this spool was before."
    elif not any(taken[0]):
        yield (
            f"The spool holds what was received as {name}, whose logins are others; if it is this "
            f"gateway, run as postgres: ctaudit node login {shlex.quote(name)} {login}"
        )


def _take_ownership_away(connection: psycopg.Connection[Any], name: str) -> None:
    """Earlier versions made the maintainer a member of the owner, who may change the record."""
    with explained(f"changing the login {name}"):
        row = connection.execute(
            "SELECT FROM pg_catalog.pg_auth_members AS m"
            " JOIN pg_catalog.pg_roles AS r ON r.oid = m.roleid AND r.rolname = 'ctaudit_owner'"
            " JOIN pg_catalog.pg_roles AS l ON l.oid = m.member AND l.rolname = %s",
            (name,),
        ).fetchone()
        if row is not None:
            connection.execute(sql.SQL("REVOKE ctaudit_owner FROM {}").format(sql.Identifier(name)))


def _start_services(node: str) -> Iterator[str]:
    """Enables the daily maintenance, and restarts the recorder so that it connects now."""
    if not Path("/run/systemd/system").is_dir() or not _has_unit(MAINTAIN_TIMER):
        yield "No systemd timer here: run ctaudit maintain once a day."
        return
    if not is_root():
        enabling = f"systemctl enable --now {MAINTAIN_TIMER}"
        yield f"Run as root: {enabling} && systemctl restart {RECORDER_UNIT}"
        return
    _run_systemctl("enable", "--now", "--quiet", MAINTAIN_TIMER)
    yield f"{MAINTAIN_TIMER} runs ctaudit maintain every day."
    if not _is_active(RECORDER_UNIT):
        yield f"{RECORDER_UNIT} is not running; run: systemctl enable --now {RECORDER_UNIT}"
        return
    _run_systemctl("restart", RECORDER_UNIT)
    yield _wait_for_record(node)


def _wait_for_record(node: str) -> str:
    deadline = time.monotonic() + _PATIENCE
    with acting_as(SUPERUSER), connect(local_dsn(DATABASE)) as connection:
        connection.autocommit = True
        while time.monotonic() < deadline:
            if connection.execute(
                "SELECT 1 FROM ctaudit.stream WHERE node = %s AND stopped_at IS NULL"
                " AND committed_at > clock_timestamp() - interval '5 seconds'",
                (node,),
            ).fetchone():
                return f"Gateway {node} is being recorded."
            time.sleep(0.1)
    return f"Gateway {node} is not being recorded yet; see journalctl -xu {RECORDER_UNIT}."


def _has_unit(name: str) -> bool:
    return _ask_systemctl("cat", name)


def _is_active(name: str) -> bool:
    return _ask_systemctl("is-active", "--quiet", name)


def _ask_systemctl(*words: str) -> bool:
    done = subprocess.run(["systemctl", *words], capture_output=True, check=False)
    return done.returncode == 0


def _run_systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()[:1]
        raise DatabaseError(f"systemctl {' '.join(words)}: {said[0] if said else 'failed'}")
