"""Limits and defaults that a login, a database or another client of a pooler has set.

They are for those who ask. What records and maintains the store lifts them for its own
transactions, and for no longer: behind a pooler other programs use the same session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from ctaudit.database.connection import set_local

_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_SINCE_17 = "transaction_timeout"
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
CLIENT_CHECK = "10s"
_FREE_POSTGRES = 17_00_00  # the version that has _SINCE_17

# Whether a single statement, in a transaction of its own, would meet a limit: by what the session
# began with, since the transaction that asks is freed of it.
_IS_LIMITED = """
SELECT pg_catalog.pg_backend_pid(), EXISTS (
    SELECT FROM (VALUES
        ('statement_timeout', '0'), ('lock_timeout', '0'), ('transaction_timeout', '0'),
        ('default_transaction_read_only', 'off'),
        ('default_transaction_isolation', 'read committed')
    ) AS free (name, value)
    JOIN pg_catalog.pg_settings AS s USING (name)
    WHERE s.reset_val <> free.value
)
"""


def list_timeouts(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """The names of the server's settings that end a transaction or a wait within it."""
    has_newest = connection.info.server_version >= _FREE_POSTGRES
    return (*_TIMEOUTS, _SINCE_17) if has_newest else _TIMEOUTS


@contextmanager
def unlimited(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction that no limit ends, with the settings that are relied on (set_local)."""
    with connection.transaction():
        connection.execute(_settings(connection).encode())
        set_local(connection)
        yield


def _settings(connection: psycopg.Connection[Any]) -> str:
    """Until the transaction ends. Names without a schema are the server's own."""
    timeouts = "".join(f"SET LOCAL {name} = 0; " for name in list_timeouts(connection))
    return f"{timeouts}SET LOCAL search_path = pg_catalog, pg_temp"


class Unlimited:
    """Transactions on a connection in autocommit that no limit ends.

    Where nothing is limited, each statement is a transaction of its own. Otherwise, and where a
    pooler may give the statement to any session, a transaction is begun that lifts the limits.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        with unlimited(connection):
            pid, is_limited = connection.execute(_IS_LIMITED.encode()).fetchall()[0]
            # A pooler tells its clients a process of its own making.
            is_pooled = pid != connection.info.backend_pid
            if not is_pooled:
                # This session is ours, and idle as long as the gateway is. A pooler's own
                # sessions are for the pooler to begin anew.
                connection.execute(b"SET idle_session_timeout = 0")
        if not is_pooled:
            # Or each CALL that the recorder has given up would wait on in a session of its own.
            cannot_look = psycopg.errors.InvalidParameterValue
            with suppress(cannot_look), unlimited(connection):
                connection.execute(
                    f"SET client_connection_check_interval = '{CLIENT_CHECK}'".encode()
                )
        begin = f"{_BEGIN}; {_settings(connection)}".encode()
        self._begin = begin if is_limited or is_pooled else None

    def begin(self) -> None:
        if self._begin is not None:
            self._connection.execute(self._begin)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Ends what ``begin`` has begun: commits, or rolls back after an error."""
        if self._begin is None:
            yield
            return
        try:
            yield
        except BaseException:
            # A connection that broke has rolled back; the error says why.
            with suppress(psycopg.Error):
                self._connection.execute(b"ROLLBACK")
            raise
        self._connection.execute(b"COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.begin()
        with self.ending():
            yield
