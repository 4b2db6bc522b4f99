"""Legal holds: spans of the record that retention keeps; for the owner, each on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.database.connection import (
    check_schema_version,
    connect,
    describe_error,
    explained,
    set_local,
)
from ctaudit.errors import UsageError
from ctaudit.query.lookup import select_rows
from ctaudit.query.notation import parse_network
from ctaudit.query.time_notation import parse_instant
from ctaudit.query.value_text import localise_times

# no_data_found, invalid_parameter_value: the functions' own refusals, in a sentence each.
_REFUSALS = {"P0002", "22023"}


@dataclass(frozen=True)
class Hold:
    """A row of ctaudit.holds(), which explains the columns."""

    case_reference: str
    held_from: datetime
    held_until: datetime
    node: str | None
    addresses: list[str] | None
    set_at: datetime
    set_by: str
    lifted_at: datetime | None
    lifted_by: str | None
    kept_from: date | None
    kept_until: date | None


@dataclass(frozen=True)
class Wanted:
    """A hold to be set: ``begin`` to before ``until``."""

    case: str
    begin: datetime
    until: datetime
    node: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """What a hold keeps: whole days; ``since``: the first day that the record still has."""

    first: date
    last: date
    since: date | None


def read_hold(
    case: str, begin: str, until: str, *, node: str | None, addresses: Sequence[str]
) -> Wanted:
    """Raises UsageError. A date alone is the beginning of that day."""
    if not case.strip():
        raise UsageError("--case: must not be empty")
    span = parse_instant(begin, "--from"), parse_instant(until, "--until")
    if span[0] >= span[1]:
        raise UsageError(f"--until {until!r}: must be later than --from {begin!r}")
    networks = tuple(str(parse_network(text, "--address")) for text in addresses)
    return Wanted(case, *span, node, networks)


def set_hold(dsn: str, wanted: Wanted) -> Kept:
    """Raises UsageError where the store refuses it."""
    with _as_owner(dsn) as connection:
        [row] = connection.execute(
            "SELECT kept_from, kept_until, kept_since FROM ctaudit.set_hold("
            "%s::text, %s::timestamptz, %s::timestamptz, %s::text, %s::cidr[])",
            (wanted.case, wanted.begin, wanted.until, wanted.node, list(wanted.addresses)),
        ).fetchall()
    return Kept(*row)


def lift_hold(dsn: str, case: str) -> int:
    """Returns how many holds of the case were lifted. Raises UsageError where it has none."""
    with _as_owner(dsn) as connection:
        [(lifted,)] = connection.execute("SELECT ctaudit.lift_hold(%s::text)", (case,)).fetchall()
    return int(lifted)


def list_holds(dsn: str) -> list[Hold]:
    with _as_owner(dsn) as connection:
        return select_rows(connection, Hold, sql.SQL("ctaudit.holds()"), {})


@contextmanager
def _as_owner(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction as the owner; the login is on record all the same (session_user)."""
    with connect(dsn, "owner") as connection:
        check_schema_version(connection)
        try:
            with explained("the holds"), _refusing(), connection.transaction():
                set_local(connection)
                connection.execute("SET LOCAL ROLE ctaudit_owner")
                yield connection
        finally:
            connection.rollback()


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate in _REFUSALS:
            raise UsageError(localise_times(describe_error(error))) from None
        raise
