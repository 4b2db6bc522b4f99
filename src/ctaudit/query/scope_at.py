"""Whether an address was one of a gateway's, as the store has its scope."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg

from ctaudit.conntrack.endpoint import Address
from ctaudit.database.connection import asking
from ctaudit.query.time_notation import TimeSpan

InScope = Callable[[Address, TimeSpan], bool | None]

_IN_SCOPE = (
    "SELECT bool_or(c.in_scope) FROM ctaudit.completeness("
    "NULL, %(begin)s, %(end)s, p_address => %(address)s::inet) AS c"
)


def read_scopes(connection: psycopg.Connection[Any]) -> InScope:
    """A function that says it of one address; None: no gateway's scope is known then.

    Of a day each address is looked up once. This is no question, and is not put on record.
    """
    known: dict[tuple[Address, date], bool | None] = {}

    def is_in_scope(address: Address, span: TimeSpan) -> bool | None:
        key = (address, span.begin.date())
        if key not in known:
            values = {"address": str(address), "begin": span.begin, "end": span.end}
            with asking(connection):
                row = connection.execute(_IN_SCOPE, values).fetchone()
            known[key] = row[0] if row else None
        return known[key]

    return is_in_scope
