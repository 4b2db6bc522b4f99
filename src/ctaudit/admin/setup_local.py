"""setup --local: the database of this host, over PostgreSQL's socket and without a password.

Every step may be done again. The recorder's login comes last: before that it cannot meet a
schema that is half made.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.admin.check_database import RECORDER_USER
from ctaudit.database import schema
from ctaudit.database.connection import connect, explained
from ctaudit.database.schema_text import format_installed
from ctaudit.errors import DatabaseError, PrivilegeError, UsageError
from ctaudit.host.privileges import acting_as, current_user, has_user, is_root

DATABASE = "ctaudit"
SUPERUSER = "postgres"
MAINTAINER_USER = "ctaudit-maintain"
TIMER = "ctaudit-maintain.timer"
RECORDER_UNIT = "ctaudit.service"
_SOCKET = "/var/run/postgresql"
_PATIENCE = 15.0  # seconds until a recorder that has just begun has committed something


def local_dsn(name: str) -> str:
    return f"host={_SOCKET} dbname={name} user={SUPERUSER}"


def set_up_local(auditors: Sequence[str], node: str) -> Iterator[str]:
    """Does the steps, a sentence for each one done; run as root or as PostgreSQL's superuser.

    Raises PrivilegeError, UsageError (an auditor who is no user here), DatabaseError.
    """
    for name in auditors:
        if not has_user(name):
            raise UsageError(f"--auditor {name}: no such user on this host")
    if is_root():
        if not has_user(SUPERUSER):
            raise DatabaseError("there is no PostgreSQL on this host: apt install postgresql")
    elif current_user() != SUPERUSER:
        raise PrivilegeError(f"setup --local: run as root or as {SUPERUSER}")
    with acting_as(SUPERUSER) if is_root() else contextlib.nullcontext():
        yield _make_database(DATABASE)
        yield format_installed(schema.install(local_dsn(DATABASE)))
        with connect(local_dsn(DATABASE)) as connection:
            connection.autocommit = True
            for name in auditors:
                yield _make_login(connection, name, "ctaudit_auditor", "may ask")
            yield _make_login(connection, MAINTAINER_USER, "ctaudit_owner", "maintains")
            yield _make_login(connection, RECORDER_USER, "ctaudit_recorder", "records")
    yield from _begin_services(node)


def _make_database(name: str) -> str:
    with connect(local_dsn("postgres")) as connection, explained("making the database"):
        connection.autocommit = True
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding) FROM pg_catalog.pg_database WHERE datname = %s",
            (name,),
        ).fetchone()
        if row is not None:
            return f"Database {name} is there already, in {row[0]}."
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            # Whatever the cluster's locale: names compare by their bytes, and no upgrade of the
            # C library changes an index.
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                    sql.Identifier(name)
                )
            )
    return f"Database {name} is made."


def _make_login(connection: psycopg.Connection[Any], name: str, role: str, purpose: str) -> str:
    """Who logs in as ``name`` is who the system says: peer authentication, no password."""
    words = {"name": sql.Identifier(name), "role": sql.Identifier(role)}
    with explained(f"making the login {name}"):
        known = connection.execute(
            "SELECT pg_has_role(oid, %s, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = %s",
            (role, name),
        ).fetchone()
        if known is None:
            with contextlib.suppress(psycopg.errors.DuplicateObject):
                connection.execute(
                    sql.SQL("CREATE ROLE {name} LOGIN IN ROLE {role}").format(**words)
                )
            return f"Login {name} is made: {purpose}."
        if not known[0]:
            connection.execute(sql.SQL("GRANT {role} TO {name}").format(**words))
            return f"Login {name} is now in {role}: {purpose}."
    return f"Login {name} is there already: {purpose}."


def _begin_services(node: str) -> Iterator[str]:
    """The daily maintenance, and the recorder at once instead of at its next try."""
    if not Path("/run/systemd/system").is_dir() or not _has_unit(TIMER):
        yield "There is no timer here: run ctaudit maintain once a day as the schema's owner."
        return
    if not is_root():
        yield f"As root: systemctl enable --now {TIMER} && systemctl restart {RECORDER_UNIT}"
        return
    _run_systemctl("enable", "--now", "--quiet", TIMER)
    yield f"{TIMER} runs ctaudit maintain every day."
    if not _is_active(RECORDER_UNIT):
        yield f"{RECORDER_UNIT} is not running: systemctl enable --now {RECORDER_UNIT}"
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
    return f"Gateway {node} is not recorded here yet: journalctl -u {RECORDER_UNIT} -x says why."


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
        raise DatabaseError(f"systemctl {' '.join(words)}: {said[0] if said else 'it failed'}")
