"""The gateways of a store: as text for people, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ctaudit.admin.nodes import Node
from ctaudit.query.value_text import format_time, plain_value


def format_nodes(nodes: Sequence[Node]) -> Iterator[str]:
    """For each gateway its name and mode, and a line for each thing known of it."""
    if not nodes:
        yield "No gateway has recorded anything yet."
    for node in nodes:
        yield f"{node.node} ({node.mode})" if node.mode else node.node
        for label, text in _format_node(node):
            yield f"  {label:<9}  {text}"


def _format_node(node: Node) -> Iterator[tuple[str, str]]:
    if node.first_seen is None:
        recorded = "nothing yet"
    else:
        recorded = f"since {format_time(node.first_seen, trim=True)}"
    if node.last_at is not None:
        recorded += f" until {format_time(node.last_at, trim=True)}"
    yield "recorded", recorded + (", stopped" if node.stopped else "")
    if node.logins:
        yield "login", ", ".join(node.logins)
    if node.former_names:
        yield "formerly", ", ".join(node.former_names)
    if node.imported_from is not None:
        yield "imported", f"from {node.imported_from}, not judged"
    if node.retired_at is not None:
        yield "retired", f"at {format_time(node.retired_at, trim=True)}"
    if node.retire_command is not None:
        yield "silent", f"if it is gone: {node.retire_command}"


def plain_nodes(nodes: Sequence[Node]) -> dict[str, Any]:
    """The keys that ``node list --json`` promises: the function's columns by their names."""
    return {
        "nodes": [
            {name: plain_value(value) for name, value in asdict(node).items()} for node in nodes
        ]
    }
