"""Who may connect to the store's database: our roles alone, where it holds nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ctaudit.database.connection import explained

_ROLES = (
    "ctaudit_owner", "ctaudit_recorder", "ctaudit_auditor", "ctaudit_maintainer", "ctaudit_front",
    "ctaudit_supervisor", "ctaudit_registrar",
)  # fmt: skip
_IS_OPEN = """
SELECT d.datname, bool_or(a.grantee = 0)
FROM pg_catalog.pg_database AS d
CROSS JOIN LATERAL pg_catalog.aclexplode(
    coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))
) AS a
WHERE d.datname = pg_catalog.current_database()
GROUP BY d.datname
"""


def find_open_database(connection: psycopg.Connection[Any]) -> str | None:
    """The database's name if each login of the server may connect or make temporary tables."""
    with explained("reading the database's privileges"), connection.transaction():
        name, is_open = connection.execute(_IS_OPEN.encode()).fetchall()[0]
    return str(name) if is_open else None


def close_statements(connection: psycopg.Connection[Any], database: str) -> list[str]:
    """Leave connecting to our roles; for the database's owner."""
    roles = sql.SQL(", ").join(map(sql.Identifier, _ROLES))
    texts = (
        "REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {} TO {}",
    )
    place = sql.Identifier(database)
    return [sql.SQL(text).format(place, roles).as_string(connection) for text in texts]


def close_to_public(connection: psycopg.Connection[Any], database: str) -> None:
    """Raises DatabaseError, PrivilegeError."""
    with explained("closing the database to other logins"), connection.transaction():
        for statement in close_statements(connection, database):
            connection.execute(statement.encode())
