"""The recorder's statements: one CALL a batch or note, and the position the database holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from ctaudit.batch import build_columns, register_columns
from ctaudit.decode import Batch
from ctaudit.event import COLUMNS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Raised by the record procedures: the position does not fit, the stream is not known.
_MISFIT = ("CT001", "CT002")
# SQLSTATE classes that speak of the data, not of the server's state or of this program.
_POISON = ("21", "22", "23", "P0")


def is_misfit(error: Exception) -> bool:
    """Whether the database's position is another than was thought."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _MISFIT


def is_poison(error: Exception) -> bool:
    """Whether the server refuses the content: the same again would be refused again."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(_POISON)


@dataclass(frozen=True)
class Span:
    """Bytes of a node's stream: what one CALL makes recorded, exactly once."""

    node: str
    stream: UUID
    first: int
    until: int


class Store:
    """An open connection and the procedure that takes its batches."""

    def __init__(self, connection: psycopg.Connection[Any], procedure: str) -> None:
        self.connection = connection
        connection.autocommit = True
        register_columns(connection.adapters)
        arrays = ", ".join(["%b"] * len(COLUMNS))
        # The name is checked by config: a schema and a procedure, lower case.
        self._record = f"CALL {procedure}(%s, %s, %s, %s, %s, {arrays})".encode()

    def record(self, span: Span, batch: Batch) -> None:
        """Stores a batch; an empty one moves the position and the coverage."""
        covered = to_time(batch.covered_until) if batch.covered_until else None
        self.connection.execute(
            self._record,
            (
                span.node,
                span.stream,
                Int8(span.first),
                Int8(span.until),
                covered,
                *build_columns(batch),
            ),
            prepare=True,
        )

    def record_note(self, span: Span, at: int, note: str, detail: dict[str, object]) -> None:
        """Stores a note that came at ``at`` nanoseconds."""
        self.connection.execute(
            "CALL ctaudit.record_note(%s, %s, %s, %s, %s, %s, %s)",
            (
                span.node,
                span.stream,
                Int8(span.first),
                Int8(span.until),
                to_time(at),
                note,
                Jsonb(detail),
            ),
        )

    def find_position(self, node: str, stream: UUID) -> int | None:
        """The position committed last, None for a stream that the database does not know."""
        row = self.connection.execute(
            "SELECT ctaudit.resume_position(%s, %s)", (node, stream)
        ).fetchone()
        return None if row is None else row[0]


def to_time(nanoseconds: int) -> datetime:
    """PostgreSQL's microseconds; what is finer is cut off."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
