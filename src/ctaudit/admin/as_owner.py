"""What only the owner of the schema may do, with the store's refusals as sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ctaudit.database.connection import (
    check_schema_version,
    connect,
    describe_error,
    explained,
)
from ctaudit.database.limits import unlimited
from ctaudit.errors import UsageError
from ctaudit.query.value_text import localise_times


@contextmanager
def acting_as_owner(
    dsn: str, doing: str, refusals: Collection[str]
) -> Iterator[psycopg.Connection[Any]]:
    """A transaction as the owner; the login is on record all the same (session_user).

    ``refusals``: SQLSTATEs by which the functions refuse, in a sentence each: a UsageError.
    """
    with connect(dsn, "owner") as connection:
        with explained(doing), unlimited(connection):
            check_schema_version(connection)
        try:
            with explained(doing), refusing(refusals), as_owner(connection):
                yield connection
        finally:
            connection.rollback()


@contextmanager
def as_owner(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction of its own as the owner, which no limit ends."""
    with unlimited(connection):
        connection.execute("SET LOCAL ROLE ctaudit_owner")
        yield


@contextmanager
def refusing(refusals: Collection[str]) -> Iterator[None]:
    """Raises UsageError in place of the server's errors with these SQLSTATEs."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate in refusals:
            raise UsageError(localise_times(describe_error(error))) from None
        raise
