"""The stores that a front asks: listed by auditor and owner; changed by the owner, on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ctaudit.admin.as_owner import acting_as_owner
from ctaudit.database.connection import asking
from ctaudit.database.dsn import check_dsn, parse_dsn
from ctaudit.database.front import is_front
from ctaudit.errors import UsageError
from ctaudit.query.lookup import select_rows

_REFUSALS = {"P0002", "22023", "54000"}
_LONG = timedelta(minutes=10)
# What the front says itself when it connects.
_RESERVED = ("options", "connect_timeout")


@dataclass(frozen=True)
class Store:
    """A row of ctaudit.stores(). ``retired_at``: no gateway records there, yet it is asked.

    ``gone_at``: it is not asked any more, and what it had recorded is not known.
    """

    store_id: int
    name: str
    dsn: str
    patience: timedelta
    long_patience: timedelta
    added_at: datetime
    retired_at: datetime | None
    gone_at: datetime | None


def list_stores(connection: psycopg.Connection[Any]) -> list[Store]:
    """Raises UsageError where the database is no front."""
    with asking(connection):
        _require_front(connection)
        return select_rows(connection, Store, sql.SQL("ctaudit.stores()"), {})


def add(dsn: str, name: str, store: str, patience: float) -> str:
    """Returns what was done, as a sentence. ``dsn`` is the front's, ``store`` that of the store.

    ``patience``: seconds that a question of who waits for it. Raises UsageError.
    """
    if not 1 <= patience <= 3600:
        raise UsageError(f"--patience {patience:g}: must be a number of seconds from 1 to 3600")
    check_dsn(store, "--store", public=True)
    parameters = parse_dsn(store, "--store")
    for key in _RESERVED:
        if key in parameters:
            raise UsageError(f"--store: leave out {key}, which the front sets itself")
    for key in ("dbname", "user"):
        if key not in parameters and "service" not in parameters:
            raise UsageError(
                f"--store: has no {key}; the front's server connects, whose own environment "
                "would decide"
            )
    waits = timedelta(seconds=patience)
    with _changing(dsn) as connection:
        [(number,)] = connection.execute(
            "SELECT ctaudit.add_store(%s::text, %s::text, %s::interval, %s::interval)",
            (name, make_conninfo(**parameters), waits, max(_LONG, waits)),
        ).fetchall()
    return f"Store {name} (number {number}) is asked from now on."


def retire(dsn: str, name: str, *, is_gone: bool) -> str:
    """As add."""
    with _changing(dsn) as connection:
        connection.execute("SELECT ctaudit.retire_store(%s::text, %s)", (name, is_gone))
    if is_gone:
        return (
            f"Store {name} is not asked any more: what it had recorded is unknown to questions "
            "from now on."
        )
    return f"Store {name} is retired: no gateway records there, and it is asked all the same."


@contextmanager
def _changing(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction as the owner of a front."""
    with acting_as_owner(dsn, "changing a store", _REFUSALS) as connection:
        _require_front(connection)
        yield connection


def _require_front(connection: psycopg.Connection[Any]) -> None:
    if not is_front(connection):
        raise UsageError(
            f"database {connection.info.dbname} is no front; name one with --dsn, or make it: "
            "ctaudit schema install --front"
        )
