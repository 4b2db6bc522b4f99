"""The recorder's statements: one CALL a batch or note, and the position the database holds.

A batch's CALL goes through libpq itself, so that the recorder reads on while the server works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from select import select
from typing import Any
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from ctaudit.conntrack.event import COLUMNS
from ctaudit.record.encoder import build_columns, register_columns
from ctaudit.spool.decoder import Batch

_STATEMENT = b"record"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Raised by the record procedures: the position does not fit, the stream is not known.
_POSITION_CONFLICT = ("CT001", "CT002")
# SQLSTATE classes that speak of the data, not of the server's state or of this program.
_REJECTED_CONTENT = ("21", "22", "23", "P0")


def is_position_conflict(error: Exception) -> bool:
    """Whether the database's position is another than was thought."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _POSITION_CONFLICT


def is_rejected_content(error: Exception) -> bool:
    """Whether the server refuses the content: the same again would be refused again."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(_REJECTED_CONTENT)


@dataclass(frozen=True)
class Span:
    """Bytes of a node's stream: what one CALL makes recorded, exactly once."""

    node: str
    stream: UUID
    first: int
    until: int


@dataclass(frozen=True)
class Call:
    """A CALL's arguments as libpq takes them."""

    values: Sequence[Buffer | None]
    types: Sequence[int]
    formats: Sequence[Format]


class Store:
    """An open connection and the procedure that takes its batches."""

    def __init__(self, connection: psycopg.Connection[Any], procedure: str) -> None:
        self.connection = connection
        connection.autocommit = True
        register_columns(connection.adapters)
        placeholders = ", ".join(f"${number}" for number in range(1, 6 + len(COLUMNS)))
        # The name is checked by config: a schema and a procedure, lower case.
        self._record = f"CALL {procedure}({placeholders})".encode()
        self._is_prepared = False

    def encode(self, span: Span, batch: Batch) -> Call:
        """What ``send`` takes. An empty batch moves the position and the coverage."""
        covered = to_time(batch.covered_until) if batch.covered_until else None
        place = (span.node, span.stream, Int8(span.first), Int8(span.until), covered)
        transformer = Transformer(self.connection)
        values = transformer.dump_sequence(
            (*place, *build_columns(batch)),
            [PyFormat.AUTO] * len(place) + [PyFormat.BINARY] * len(COLUMNS),
        )
        return Call(values, transformer.types or (), transformer.formats or ())

    def send(self, call: Call) -> None:
        """Sends a batch; ``receive`` comes before anything else."""
        server = self.connection.pgconn
        if not self._is_prepared:
            _raise_for(server.prepare(_STATEMENT, self._record, call.types))
            self._is_prepared = True
        server.send_query_prepared(_STATEMENT, call.values, call.formats)
        # The server reads a message whole before it begins.
        while server.flush():
            select((server.socket,), (server.socket,), ())
            server.consume_input()

    def receive(self) -> None:
        """Waits until what was sent is committed. Raises what the server says otherwise."""
        server = self.connection.pgconn
        refused = None
        while True:
            while server.is_busy():
                select((server.socket,), (), ())
                server.consume_input()
            result = server.get_result()
            if result is None:
                break
            refused = refused or result
        if refused is not None:
            _raise_for(refused)

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


def _raise_for(result: PGresult) -> None:
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)


def to_time(nanoseconds: int) -> datetime:
    """PostgreSQL's microseconds; what is finer is cut off."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
