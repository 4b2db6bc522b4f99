"""The connection to PostgreSQL, its errors as sentences, and the version of its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import psycopg

from ctaudit.database import version
from ctaudit.database.dsn import describe_target, find_remote_host, parse_dsn
from ctaudit.database.hosts import WANTED, list_attempts, read_wanted
from ctaudit.database.impatient import ImpatientConnection
from ctaudit.database.version import SchemaVersion
from ctaudit.errors import DatabaseError, PrivilegeError, SchemaError, UsageError

_CONNECT_TIMEOUT = 10  # seconds
# A server that does not answer any more (power, a cut cable) is given up after half a minute.
_KEEPALIVES = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}
_REPEATS = 2
_ROLES = (
    "the login must be a member of ctaudit_auditor to ask, of ctaudit_recorder to record, "
    "of ctaudit_maintainer to maintain, of ctaudit_owner to install"
)
_ASK_THERE = (
    "ask on the database's host {}, or give --dsn with a login that is a member of ctaudit_auditor"
)

# Whose work no default of the login or the database may hinder; an auditor's limits hold.
_UNLIMITED = ("recorder", "registrar", "maintainer", "owner")
# Of target_session_attrs.
_TAKES_CHANGES = ("primary", "read-write")
_STANDBY_REFUSALS = ("server is in hot standby mode", "session is read-only")
_REASON_REQUIRED = "CT006"  # sql/functions/note_question.sql
_STATEMENT_POOLING = "transaction blocks not allowed in statement pooling mode"

T = TypeVar("T")


def connect(dsn: str, role: str = "") -> psycopg.Connection[Any]:
    """An open connection; ``role`` is what the login needs, "recorder" for ctaudit_recorder.

    Raises UsageError (the connection string) or DatabaseError, without a password in the text.
    """
    parameters = parse_dsn(dsn)
    parameters.setdefault("fallback_application_name", f"ctaudit {role}".strip())
    # A database in SQL_ASCII would hand text over as bytes.
    parameters.setdefault("client_encoding", "UTF8")
    parameters.setdefault("connect_timeout", str(_CONNECT_TIMEOUT))
    for name, value in _KEEPALIVES.items():
        parameters.setdefault(name, value)
    if role in _UNLIMITED and read_wanted(parameters) not in _TAKES_CHANGES:
        # Not "read-write": a login may be read-only by default, and is freed of it.
        parameters[WANTED] = "primary"
    connection = _connect_first(parameters, role, dsn)
    if role in _UNLIMITED:
        connection.read_only = False
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    return connection


def _connect_first(parameters: Mapping[str, Any], role: str, dsn: str) -> psycopg.Connection[Any]:
    """To the first host that answers and is what is wanted."""
    kind = ImpatientConnection if role == "recorder" else psycopg.Connection
    refusals: list[tuple[str, psycopg.Error]] = []
    attempts = list_attempts(parameters)
    for attempt in attempts:
        try:
            # A pooler gives the next transaction to another session, which knows no statement's
            # name.
            return kind.connect(**attempt, prepare_threshold=None)
        except psycopg.Error as error:
            refusals.append((str(attempt.get("hostaddr") or attempt.get("host")), error))
    said = [describe_error(error) for _, error in refusals]
    if len(attempts) > 1:
        said = [f"{host}: {words}" for (host, _), words in zip(refusals, said, strict=True)]
    advice = next(filter(None, (_advise(error, role, dsn) for _, error in refusals)), "")
    raise DatabaseError(
        f"cannot connect to PostgreSQL ({describe_target(parameters)}): "
        f"{'; '.join(dict.fromkeys(said))}{advice}"
    ) from None


def is_standby(connection: psycopg.Connection[Any]) -> bool:
    """As the server told when the connection began; a pooler does not hand it on."""
    return connection.info.parameter_status("in_hot_standby") == "on"


_REFUSALS = ("authentication", "role ", "permission denied", "no password supplied")


def _advise(error: psycopg.Error, role: str, dsn: str) -> str:
    """On a gateway whose database is elsewhere only the recorder has the login's password."""
    text = str(error)
    if any(word in text for word in _STANDBY_REFUSALS):
        return "; a standby takes no changes: name the primary's host, or all of them: host=a,b"
    if "too many connections for" in text:
        return "; end another session of it, or raise its CONNECTION LIMIT"
    if not role or not any(word in text for word in _REFUSALS):
        return ""
    host = find_remote_host(dsn)
    if role != "auditor" or host is None:
        return f"; the login must be a member of ctaudit_{role}"
    return f"; {_ASK_THERE.format(host)}"


def describe_error(error: psycopg.Error) -> str:
    """An error of the server or of libpq as one line, with the server's DETAIL and HINT."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    if _STATEMENT_POOLING in text:
        return (
            "PgBouncer pools single statements here, and each answer takes a transaction; set "
            "pool_mode = transaction, or session, for this database"
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    words = [line for line in lines if not line.startswith("Is the server running")]
    advice = _read_advice(error.diag.message_detail, error.diag.message_hint)
    return "; ".join([*words, *advice, *_name_limit(error)])


def _name_limit(error: psycopg.Error) -> Iterator[str]:
    """Which setting of the login or the database has ended a statement."""
    match error:
        case psycopg.errors.QueryCanceled() if "statement timeout" in str(error):
            yield "it is the login's or the database's statement_timeout that ended it"
        case psycopg.errors.ConfigurationLimitExceeded():
            yield "it is the login's or the database's temp_file_limit that ended it"


def _read_advice(detail: str | None, hint: str | None) -> Iterator[str]:
    """DETAIL, unless it shows a row of the record, and HINT as clauses of a sentence."""
    if detail and not detail.startswith("Failing row contains"):
        yield " ".join(detail.split()).rstrip(".")
    if hint:
        clause = " ".join(hint.split()).rstrip(".")
        # A name in capitals keeps them.
        yield clause if clause[1:2].isupper() else clause[:1].lower() + clause[1:]


class RewrittenError(DatabaseError):
    """Rows were moved while a question was answered: ctaudit.refuse_rewritten."""


class TooLongError(DatabaseError):
    """A statement took longer than the question allows."""


@contextmanager
def explained(doing: str, remedy: Callable[[], str] = lambda: _ROLES) -> Iterator[None]:
    """Raises the server's errors as DatabaseError, PrivilegeError, SchemaError after "``doing``: ".

    ``remedy``: what to do about a lack of privileges.
    """
    try:
        yield
    except (psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable) as error:
        raise _tell_absent(doing, error) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise PrivilegeError(f"{doing}: {describe_error(error)}; {remedy()}") from None
    except psycopg.errors.SerializationFailure as error:
        raise RewrittenError(f"{doing}: {describe_error(error)}") from None
    except psycopg.Error as error:
        if error.sqlstate == _REASON_REQUIRED:
            raise UsageError(f"{error.diag.message_primary}; give --case and --reason") from None
        raise DatabaseError(f"{doing}: {describe_error(error)}") from None


def _tell_absent(doing: str, error: psycopg.Error) -> DatabaseError | SchemaError:
    words = describe_error(error)
    absent = version.describe_absent(words)
    return SchemaError(f"{doing}: {absent}") if absent else DatabaseError(f"{doing}: {words}")


def _who_may_ask(connection: psycopg.Connection[Any]) -> str:
    """On a gateway whose database is elsewhere the configuration has the recorder's login."""
    info = connection.info
    if not info.host or info.host.startswith("/"):
        return f"the login {info.user} must be a member of ctaudit_auditor to ask"
    return f"the login {info.user} is not an auditor's; {_ASK_THERE.format(info.host)}"


# What the driver, and sentences with times in them, rely on. The environment (PGDATESTYLE, PGTZ,
# PGOPTIONS) and the settings of a role or a database may say otherwise. Names without a schema are
# the server's own.
_SETTINGS = b"""
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
"""

# The login's own limit, 0: none, if it is shorter.
_LIMIT = """
SELECT pg_catalog.set_config('statement_timeout',
    least(nullif(s.setting::bigint, 0), %s::bigint)::text, true)
FROM pg_catalog.pg_settings AS s WHERE s.name = 'statement_timeout'
"""


def set_local(connection: psycopg.Connection[Any]) -> None:
    """Makes the settings those that are relied on until the transaction ends.

    No longer, since behind a pooler other programs use the same session.
    """
    connection.execute(_SETTINGS)


@contextmanager
def asking(connection: psycopg.Connection[Any], seconds: float | None = None) -> Iterator[None]:
    """A transaction in which questions are asked: one snapshot, and errors as sentences.

    ``seconds``: how long each statement may take, beside the login's own limit; raises
    TooLongError.
    """
    who_may = partial(_who_may_ask, connection)
    with explained("asking the database", who_may), connection.transaction():
        begin_question(connection, b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;")
        if seconds is not None:
            connection.execute(_LIMIT, [round(seconds * 1000)])
        try:
            yield
        except psycopg.errors.UndefinedColumn as error:
            raise _tell_absent("asking the database", error) from None
        except psycopg.errors.QueryCanceled as error:
            if seconds is None or "statement timeout" not in str(error):
                raise
            raise TooLongError(f"asking the database: no answer within {seconds:g} s") from None


def begin_question(connection: psycopg.Connection[Any], first: bytes = b"") -> None:
    """Comes before the first query of a transaction; ``first``: statements that do as well.

    A login whose transactions are read-only by default may ask all the same: each question is put
    on record. A standby, which cannot write, keeps it in its log. Neither SHOW nor SET takes a
    snapshot, so all of them go to the server at once.
    """
    if _show(connection, b"SHOW transaction_read_only;" + first + _SETTINGS) == "off":
        return
    if _show(connection, b"SHOW in_hot_standby") == "off":
        connection.execute(b"SET TRANSACTION READ WRITE")


def _show(connection: psycopg.Connection[Any], statements: bytes) -> str:
    """What the first of the statements shows."""
    [(value,)] = connection.execute(statements).fetchall()
    return str(value)


def repeated(ask: Callable[[], T]) -> T:
    """What ``ask`` returns; it is called again where the daily maintenance moved rows meanwhile."""
    for _ in range(_REPEATS):
        with suppress(RewrittenError):
            return ask()
    return ask()


# Before 0.1.0 migration 1 was edited in place. Only its released text makes this type.
_VERSION = """
SELECT ctaudit.schema_version(), EXISTS (
    SELECT FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = 'ctaudit' AND t.typname = 'seen_row'
)
"""


def read_schema_version(connection: psycopg.Connection[Any]) -> SchemaVersion:
    """The database's schema version against this program's. Ends its transaction.

    Raises PrivilegeError where the login may not ask, SchemaError where version 1 has a layout
    from before the first release.
    """
    expected = version.EXPECTED_SCHEMA
    with explained("reading the schema's version"), connection.transaction():
        try:
            with connection.transaction():
                number, is_present = _fetch(connection, _VERSION)
        except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction):
            return SchemaVersion(None, expected)
        if number == 1 and not is_present:
            raise SchemaError(
                f"the schema of database {connection.info.dbname} has the layout of an unreleased "
                "ctaudit, which changed without a new version and cannot be upgraded; install "
                "into another database, or drop its record (DROP SCHEMA ctaudit CASCADE) and run: "
                "ctaudit schema install"
            )
        since = None
        if number > expected:
            (since,) = _fetch(connection, "SELECT ctaudit.compatible_since()")
    return SchemaVersion(number, expected, since)


def _fetch(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    """The only row."""
    (row,) = connection.execute(query.encode()).fetchall()
    return tuple(row)


def check_schema_version(
    connection: psycopg.Connection[Any], oldest: int | None = None
) -> SchemaVersion:
    """The database's schema version; raises SchemaError where the caller cannot work with it.

    ``oldest``: the oldest version that the caller works with; None: this program's own.
    """
    found = read_schema_version(connection)
    if found.find_mismatch(found.expected if oldest is None else oldest) is not None:
        raise SchemaError(f"database {connection.info.dbname} has {found.describe()}")
    return found
