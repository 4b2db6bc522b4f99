"""Where the rows of flows may lack connections: the parts of its span that are not covered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.database.connection import asking
from ctaudit.errors import UsageError
from ctaudit.query.lookup import select_rows
from ctaudit.query.question import FlowsQuestion

_UNCOVERED = sql.SQL(
    "ctaudit.uncovered(%(node)s::text, %(begin)s::timestamptz, %(end)s::timestamptz, "
    "%(open)s::boolean)"
)
_NODES = sql.SQL("ctaudit.completeness(%(node)s::text, '-infinity', 'infinity') ORDER BY node")


@dataclass(frozen=True)
class Uncovered:
    """A row of ctaudit.uncovered(). ``node`` None: no gateway had a record; times None: unbounded.

    ``why``: a sentence without a full stop.
    """

    node: str | None
    uncovered_from: datetime | None
    uncovered_until: datetime | None
    why: str


@dataclass(frozen=True)
class _Node:
    node: str


def ask_uncovered(
    connection: psycopg.Connection[Any], question: FlowsQuestion, seconds: float | None = None
) -> tuple[Uncovered, ...]:
    """To be asked before the rows: what is committed in between is then in the rows as well.

    ``seconds``: how long it may take; raises TooLongError. Raises UsageError where the question
    names a gateway that the store does not know.
    """
    values = {
        "node": question.node,
        "begin": question.begin,
        "end": question.end,
        "open": question.only_open,
    }
    with asking(connection, seconds):
        if question.node is not None:
            _check_node(connection, question.node)
        return tuple(select_rows(connection, Uncovered, _UNCOVERED, values))


def _check_node(connection: psycopg.Connection[Any], node: str) -> None:
    """A name that a gateway had before is one of its names."""
    if not select_rows(connection, _Node, _NODES, {"node": node}):
        names = [item.node for item in select_rows(connection, _Node, _NODES, {"node": None})]
        there = f"known are {', '.join(names)}" if names else "none has recorded anything yet"
        raise UsageError(f"--node {node!r}: no gateway of that name is known; {there}")
