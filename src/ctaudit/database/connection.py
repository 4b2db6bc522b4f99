"""The connection to PostgreSQL, and whether its schema is the one this program knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ctaudit.errors import DatabaseError, PrivilegeError, SchemaError

# The number of the newest file in sql/migrations.
EXPECTED_SCHEMA = 1

_CONNECT_TIMEOUT = 10
# A server that is gone without a word (power, a cut cable) is given up after half a minute.
_KEEPALIVES = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}


def connect(dsn: str, role_hint: str = "") -> psycopg.Connection[Any]:
    """An open connection. ``role_hint`` is the role of ours it will need, for the error's text.

    "" as ``dsn`` means libpq's own environment. Raises DatabaseError, without the password.
    """
    try:
        words = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # Its text repeats pieces of the string, a password perhaps.
        raise DatabaseError(
            'the DSN is no connection string of libpq; write "host=... dbname=..." '
            "or postgresql://host/dbname"
        ) from None
    name = f"ctaudit {role_hint}".strip()
    words.setdefault("fallback_application_name", name)
    # A database in SQL_ASCII would hand text over as bytes.
    words.setdefault("client_encoding", "UTF8")
    words.setdefault("connect_timeout", str(_CONNECT_TIMEOUT))
    for name, value in _KEEPALIVES.items():
        words.setdefault(name, value)
    try:
        return psycopg.connect(**words)
    except psycopg.Error as error:
        hint = f"; the login needs membership in ctaudit_{role_hint}" if role_hint else ""
        if not _is_refused_login(error):
            hint = ""
        raise DatabaseError(
            f"cannot connect to database {describe_target(words)}: {describe_error(error)}{hint}"
        ) from None


def describe_target(words: dict[str, Any]) -> str:
    """Which database a connection's parameters name, without credentials."""
    place = words.get("host") or words.get("hostaddr") or words.get("service")
    name = words.get("dbname")
    return " on ".join(str(part) for part in (name, place) if part) or "of libpq's environment"


def describe_error(error: psycopg.Error) -> str:
    """An error of the server or of libpq as one line."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith("Is the server running"))


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turns a refusal of the server into one sentence that begins with ``doing``."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise PrivilegeError(f"{doing}: the database refuses: {describe_error(error)}") from None
    except psycopg.Error as error:
        raise DatabaseError(f"{doing}: {describe_error(error)}") from None


def schema_version(connection: psycopg.Connection[Any]) -> int | None:
    """The database's schema version, None where ctaudit is not installed. Ends its transaction.

    Raises PrivilegeError where the login may not ask.
    """
    with explained("reading the schema's version"), connection.transaction():
        try:
            with connection.transaction():
                row = connection.execute("SELECT ctaudit.schema_version()").fetchone()
        except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction):
            return None
    if row is None:
        return None
    version: int = row[0]
    return version


def check_schema_version(connection: psycopg.Connection[Any]) -> None:
    """Raises SchemaError unless the database's schema is EXPECTED_SCHEMA."""
    version = schema_version(connection)
    name = connection.info.dbname
    if version is None:
        raise SchemaError(f"database {name} has no ctaudit schema; run: ctaudit schema install")
    if version < EXPECTED_SCHEMA:
        raise SchemaError(
            f"the schema of database {name} is version {version}, this program needs "
            f"{EXPECTED_SCHEMA}; run: ctaudit schema upgrade"
        )
    if version > EXPECTED_SCHEMA:
        raise SchemaError(
            f"the schema of database {name} is version {version}, this program knows "
            f"{EXPECTED_SCHEMA}; upgrade ctaudit"
        )


def _is_refused_login(error: psycopg.Error) -> bool:
    return any(word in str(error) for word in ("authentication", "role ", "permission denied"))
