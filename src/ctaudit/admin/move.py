"""A gateway that goes on in another store: the position of its stream is handed over."""

from __future__ import annotations

import json

from ctaudit.admin.as_owner import acting_as_owner
from ctaudit.database.dsn import check_dsn, describe_target, parse_dsn
from ctaudit.query.value_text import format_time

_REFUSALS = {"P0002", "55000", "22023", "23505"}


def move(dsn: str, node: str, to: str, login: str | None, reason: str | None) -> str:
    """Returns what was done, as a sentence. Raises UsageError where one of the stores refuses it.

    First the old store takes nothing more, then the new one goes on, and at last the old one is
    told so: whatever fails between, no row is recorded twice, the gateway's spool waits, what
    comes meanwhile is unknown, and the same call finishes it.
    """
    check_dsn(to, "--to", public=True)
    target = describe_target(parse_dsn(to, "--to"))
    with acting_as_owner(dsn, "handing a gateway over", _REFUSALS) as connection:
        [(handed,)] = connection.execute(
            "SELECT ctaudit.hand_over(%s::text, %s::text, %s::text)", (node, target, reason)
        ).fetchall()
    with acting_as_owner(to, "taking a gateway over", _REFUSALS) as connection:
        [(since,)] = connection.execute(
            "SELECT ctaudit.take_over(%s::jsonb, %s::text)", (json.dumps(handed), reason)
        ).fetchall()
        if login is not None:
            connection.execute(
                "SELECT ctaudit.add_login(%(node)s::text, %(login)s::text, %(reason)s::text) "
                "WHERE NOT EXISTS (SELECT FROM ctaudit.node_login AS l "
                "WHERE l.node = %(node)s AND l.login = %(login)s)",
                {"node": handed["node"], "login": login, "reason": reason},
            )
    with acting_as_owner(dsn, "ending the move of a gateway", _REFUSALS) as connection:
        connection.execute("SELECT ctaudit.settle_move(%s::text, %s::text)", (node, target))
    return (
        f"{handed['node']} is recorded in {target} since {format_time(since, trim=True)}; set "
        "database.dsn in its configuration, start ctaudit there, and run systemctl reload "
        "ctaudit-receiver for a table dump."
    )
