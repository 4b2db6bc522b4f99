"""Limits of an auditor's login, so that a question does not take what the recorders need.

PostgreSQL's own: a user may raise statement_timeout for a session, and neither of the others.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ctaudit.database.connection import explained

AUDITOR_CONNECTIONS = 10
AUDITOR_SETTINGS = {"statement_timeout": "10min", "temp_file_limit": "10GB"}


def limit_auditor(connection: psycopg.Connection[Any], login: str, database: str) -> None:
    """Sets what the login has not got yet, as a superuser: a site's own limits stay."""
    with explained(f"limiting the login {login}"):
        rows = connection.execute(
            "SELECT split_part(setting, '=', 1) FROM pg_catalog.pg_db_role_setting AS s"
            " JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole AND r.rolname = %s"
            " CROSS JOIN unnest(s.setconfig) AS setting"
            " WHERE s.setdatabase IN"
            "  (0, (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = %s))",
            (login, database),
        ).fetchall()
        for name in AUDITOR_SETTINGS.keys() - {row[0] for row in rows}:
            connection.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(login),
                    sql.Identifier(database),
                    sql.Identifier(name),
                    sql.Literal(AUDITOR_SETTINGS[name]),
                )
            )
