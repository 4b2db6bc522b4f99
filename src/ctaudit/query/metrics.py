"""metrics: what the database counts of a gateway, or of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.database.connection import explained
from ctaudit.query.lookup import select_rows

_MAY_ASK_OF_ALL = "SELECT pg_catalog.has_function_privilege('ctaudit.metrics()', 'EXECUTE')"


@dataclass(frozen=True)
class NodeMetrics:
    """A row of ctaudit.metrics() or ctaudit.own_metrics().

    The counts are of the node's latest stream, and begin with it. ``lag``, ``uncovered`` and
    ``uncovered_in_part``: seconds, the latter two of the last 24 hours.
    """

    node: str
    started_at: datetime
    lag: float | None
    received: int
    stored: int
    filtered: int
    undecodable: int
    dropped: int
    kernel_drops: int
    open_gaps: int
    uncovered: float
    uncovered_in_part: float
    canary_at: datetime | None


def ask_metrics(connection: psycopg.Connection[Any], node: str) -> list[NodeMetrics]:
    """Of all gateways where the login may, else of ``node``, which must be its own.

    Raises DatabaseError, PrivilegeError.
    """
    with explained("asking for the metrics"), connection.transaction():
        row = connection.execute(_MAY_ASK_OF_ALL).fetchone()
        if row is not None and row[0]:
            return select_rows(connection, NodeMetrics, sql.SQL("ctaudit.metrics()"), {})
        return select_own(connection, node)


def select_own(connection: psycopg.Connection[Any], node: str) -> list[NodeMetrics]:
    """Of a gateway as which the login records; [] before its first note. Raises psycopg.Error."""
    own = sql.SQL("ctaudit.own_metrics(%(node)s)")
    return select_rows(connection, NodeMetrics, own, {"node": node})
