"""The gateways of a store: listed by an auditor or the owner; changed by the owner, on record."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from ctaudit.admin.as_owner import acting_as_owner
from ctaudit.admin.finding import Finding, make_finding
from ctaudit.database.connection import asking
from ctaudit.query.lookup import select_rows
from ctaudit.query.value_text import format_time

# no_data_found, object_not_in_prerequisite_state, invalid_parameter_value, unique_violation: the
# function's own refusals, in a sentence each.
_REFUSALS = {"P0002", "55000", "22023", "23505"}


@dataclass(frozen=True)
class Node:
    """A row of ctaudit.nodes(), which explains the columns."""

    node: str
    mode: str | None
    first_seen: datetime | None
    last_at: datetime | None
    committed_at: datetime | None
    stopped: bool | None
    retired_at: datetime | None
    former_names: list[str]
    retire_command: str | None
    imported_from: str | None = None
    logins: list[str] = field(default_factory=list)


def list_nodes(connection: psycopg.Connection[Any]) -> list[Node]:
    with asking(connection):
        return select_rows(connection, Node, sql.SQL("ctaudit.nodes()"), {})


def retire(dsn: str, node: str, at: datetime | None, reason: str | None) -> str:
    """Returns what was done, as a sentence. Raises UsageError where the store refuses it.

    ``node``: its name, or one that it had; so it is with revive and rename.
    """
    with _changing(dsn) as connection:
        node = _find_name(connection, node)
        [(gone_at,)] = connection.execute(
            "SELECT ctaudit.retire_node(%s::text, %s::timestamptz, %s::text)", (node, at, reason)
        ).fetchall()
    return f"{node} is retired: it is asked about no time after {format_time(gone_at, trim=True)}."


def revive(dsn: str, node: str, reason: str | None) -> str:
    """As retire."""
    with _changing(dsn) as connection:
        node = _find_name(connection, node)
        connection.execute("SELECT ctaudit.revive_node(%s::text, %s::text)", (node, reason))
    return f"{node} is asked about all times again."


def rename(dsn: str, node: str, name: str, reason: str | None) -> str:
    """As retire."""
    with _changing(dsn) as connection:
        node = _find_name(connection, node)
        connection.execute(
            "SELECT ctaudit.rename_node(%s::text, %s::text, %s::text)", (node, name, reason)
        )
    return (
        f"{node} is called {name} now, and is found under both names; if it records, set node = "
        f'"{name}" in its configuration and restart ctaudit-receiver and ctaudit there.'
    )


def add_login(dsn: str, node: str, login: str, reason: str | None) -> str:
    """As retire; but ``node`` is the name that it has or will have, not one that it had."""
    with _changing(dsn) as connection:
        connection.execute(
            "SELECT ctaudit.add_login(%s::text, %s::text, %s::text)", (node, login, reason)
        )
    return f"The login {login} records as {node} from now on."


def remove_login(dsn: str, node: str, login: str, reason: str | None) -> str:
    """As add_login."""
    with _changing(dsn) as connection:
        connection.execute(
            "SELECT ctaudit.remove_login(%s::text, %s::text, %s::text)", (node, login, reason)
        )
    return f"The login {login} does not record as {node} any more."


def _find_name(connection: psycopg.Connection[Any], node: str) -> str:
    """The name that the gateway has now."""
    [(name,)] = connection.execute("SELECT ctaudit.node_named(%s::text)", (node,)).fetchall()
    return str(name)


def _changing(dsn: str) -> AbstractContextManager[psycopg.Connection[Any]]:
    return acting_as_owner(dsn, "changing a gateway", _REFUSALS)


def judge_nodes(nodes: Sequence[Node]) -> Finding:
    """The finding on gateways that record nothing and are not retired."""
    silent = [node for node in nodes if node.retire_command]
    return make_finding(
        "gateways",
        "; ".join(map(_describe_silence, silent))
        or f"{sum(node.first_seen is not None for node in nodes)} known, none of them silent",
        good=not silent,
        wanted="a record, or a gateway that is retired",
        remedy="; ".join(f"if {node.node} is gone: {node.retire_command}" for node in silent),
    )


def _describe_silence(node: Node) -> str:
    since = format_time(node.last_at, trim=True) if node.last_at else "its start"
    return f"{node.node} has recorded nothing since {since}"
