"""The position of each stream that the database has committed: known here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Span:
    """The bytes [first, until) of a node's stream: what one CALL records, exactly once."""

    node: str
    stream: UUID
    first: int
    until: int


class PositionSource(Protocol):
    def find_position(self, node: str, stream: UUID) -> int | None: ...


class Positions:
    """The committed position of each stream, None for a stream that the database does not know.

    The database is asked once; each commit advances. After a fault everything is forgotten and
    the database is asked again: its position decides (decision 0003).
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, UUID], int | None] = {}

    def take(self, source: PositionSource, node: str, stream: UUID) -> int | None:
        """The position; ``source`` is asked if it is not known yet. Raises what that raises."""
        key = node, stream
        if key not in self._known:
            self._known[key] = source.find_position(node, stream)
        return self._known[key]

    def advance(self, span: Span) -> None:
        """The database has committed ``span``."""
        self._known[span.node, span.stream] = span.until

    def forget(self) -> None:
        self._known.clear()
