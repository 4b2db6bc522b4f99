"""check: whether the recorder's login may record as this gateway."""

from __future__ import annotations

from typing import Any

import psycopg

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.database.connection import explained

_FOREIGN_NODE = "CT005"  # sql/functions/refuse_foreign.sql


def check_login(connection: psycopg.Connection[Any], node: str) -> Finding:
    """Asks something that only a login of the gateway is told; a refusal is in the server's log."""
    login = connection.info.user
    with explained("asking as this gateway"):
        try:
            with connection.transaction():
                connection.execute("SELECT count(*) FROM ctaudit.unannounced(%s)", (node,))
        except psycopg.Error as error:
            if error.sqlstate != _FOREIGN_NODE:
                raise
            return judge_login(login, node, error.diag.message_hint or "")
    return judge_login(login, node, None)


def judge_login(login: str, node: str, advice: str | None) -> Finding:
    """``advice``: of the database, whose login does not record as the node; None: it does."""
    return make_finding(
        "login",
        f"{login} records as {node}" if advice is None else f"{login} does not record as {node}",
        good=advice is None,
        wanted=f"a login that records as {node}",
        remedy=(advice or "")[:1].lower() + (advice or "")[1:],
        level=Level.UNFIT,
    )
