"""check: whether the recorder's login may record as the gateways of this spool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import psycopg

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.database.connection import explained
from ctaudit.database.limits import unlimited

_FOREIGN_NODE = "CT005"  # sql/functions/refuse_foreign.sql


class _RefusedError(Exception):
    """The login does not record as the gateway; the text is the database's advice."""


def check_login(connection: psycopg.Connection[Any], node: str) -> Finding:
    """Asks something that only a login of the gateway is told; a refusal is in the server's log."""
    return judge_login(connection.info.user, node, _find_refusal(connection, node))


def check_earlier_names(
    connection: psycopg.Connection[Any], names: Iterable[str]
) -> Iterator[Finding]:
    """``names``: under which this spool holds streams, other than the configured one."""
    for name in names:
        advice = _find_refusal(connection, name)
        if advice is not None:
            yield judge_login(
                connection.info.user, name, advice, "; the spool holds what was received as that"
            )


def find_position(connection: psycopg.Connection[Any], node: str, stream: UUID) -> int | None:
    """Of a stream of this login's gateways; None: not known, or another login's."""
    try:
        row = _ask(connection, "SELECT ctaudit.resume_position(%s, %s)", node, stream)
    except _RefusedError:
        return None
    return row[0] if row else None


def judge_login(login: str, node: str, advice: str | None, more: str = "") -> Finding:
    """``advice``: of the database, whose login does not record as the node; None: it does."""
    return make_finding(
        "login",
        f"{login} records as {node}"
        if advice is None
        else f"{login} does not record as {node}{more}",
        good=advice is None,
        wanted=f"a login that records as {node}",
        remedy=(advice or "")[:1].lower() + (advice or "")[1:],
        level=Level.UNFIT,
    )


def _find_refusal(connection: psycopg.Connection[Any], node: str) -> str | None:
    try:
        _ask(connection, "SELECT count(*) FROM ctaudit.unannounced(%s)", node)
    except _RefusedError as refused:
        return str(refused)
    return None


def _ask(connection: psycopg.Connection[Any], statement: str, *values: object) -> Any:
    """The first row. Raises _RefusedError, DatabaseError."""
    with explained("asking as this gateway"):
        try:
            with unlimited(connection):
                return connection.execute(statement.encode(), values).fetchone()
        except psycopg.Error as error:
            if error.sqlstate != _FOREIGN_NODE:
                raise
            raise _RefusedError(error.diag.message_hint or "") from None
