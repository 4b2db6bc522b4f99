"""The recorder's statements: a CALL for each batch and each note, and the position of a stream.

A batch's CALL goes through libpq's own functions (psycopg.pq), so that the recorder reads the
next batch while the server works (decision 0006). psycopg's generators and Connection.wait are
not in its documentation; tests/store/test_batch_calls.py runs them on the oldest version and
the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import psycopg
from psycopg import generators
from psycopg.abc import Buffer
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from ctaudit.conntrack.event import COLUMNS
from ctaudit.database.limits import Unlimited
from ctaudit.errors import DatabaseError
from ctaudit.record.encoder import build_columns, register_columns
from ctaudit.record.positions import Span
from ctaudit.spool.decoder import Batch
from ctaudit.spool.note import Note

_PLACE = 5  # parameters before the columns: node, stream, from, until, covered_until
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Raised by the record procedures: the position does not fit; the stream is not known.
_POSITION_CONFLICT = ("CT001", "CT002")
_FOREIGN_NODE = "CT005"  # the login does not record as this node
# Classes of SQLSTATE that are about the data, not about the server's state or this program:
# cardinality violation, data exception, integrity constraint violation, PL/pgSQL error.
_REJECTED_CONTENT = ("21", "22", "23", "P0")
# A RAISE without a code: what a site's procedure or trigger means by it is not known (docs/sql.md).
_PLAIN_RAISE = ("P0000", "P0001")
# Without the name of a constraint it is about partitions: none for the row, not even a default one.
_CHECK_VIOLATION = "23514"


class Fault(Enum):
    """What an error asks for."""

    CONTENT = "the server rejects the data, and would reject the same data again"
    POSITION = "the database's position is not the one that was assumed"
    LOGIN = "the login may not record as this node, until the owner of the schema says so"
    UNREACHABLE = "there is no connection, or the server cannot do it now"


def classify(error: Exception) -> Fault:
    """The fault behind an error, by its SQLSTATE."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state in _POSITION_CONFLICT:
        return Fault.POSITION
    if state == _FOREIGN_NODE:
        return Fault.LOGIN
    is_about_data = isinstance(error, psycopg.Error) and _is_about_data(error)
    return Fault.CONTENT if is_about_data else Fault.UNREACHABLE


def _is_about_data(error: psycopg.Error) -> bool:
    """Not what would make one event after the other undecodable (decision 0033)."""
    state = error.sqlstate or ""
    if state == _CHECK_VIOLATION:
        return error.diag.constraint_name is not None
    return state.startswith(_REJECTED_CONTENT) and state not in _PLAIN_RAISE


@dataclass(frozen=True)
class Call:
    """A CALL's arguments as libpq takes them."""

    values: Sequence[Buffer | None]
    types: Sequence[int]
    formats: Sequence[Format]


def read_taken_columns(connection: psycopg.Connection[Any], procedure: str) -> int:
    """How many of event.COLUMNS, from the first on, ``procedure`` takes in this database."""
    schema, name = procedure.split(".")
    with connection.transaction():
        rows = connection.execute(
            "SELECT p.pronargs FROM pg_catalog.pg_proc AS p "
            "JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace "
            "WHERE n.nspname = %s AND p.proname = %s AND p.prokind = 'p'",
            (schema, name),
        ).fetchall()
    return count_taken([row[0] for row in rows])


def read_knows_filters(connection: psycopg.Connection[Any]) -> bool:
    """Whether this database answers unknown for what filter rules exclude."""
    with connection.transaction():
        rows = connection.execute(
            "SELECT to_regprocedure('ctaudit.filter_at(text, uuid, bigint)') IS NOT NULL"
        ).fetchall()
    return bool(rows[0][0])


def count_taken(parameters: Iterable[int]) -> int:
    """By the numbers of parameters of the procedures of one name.

    An older database's procedure has fewer columns. A newer one's has more, with defaults; so
    all are sent to it, and where there is none, for the server's own error.
    """
    columns = [number - _PLACE for number in parameters]
    return max((number for number in columns if 0 < number <= len(COLUMNS)), default=len(COLUMNS))


class Store:
    """An open connection, in autocommit, and the procedure that takes the batches.

    ``taken``: how many of event.COLUMNS it takes. ``knows_filters``: read_knows_filters.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        procedure: str,
        taken: int,
        *,
        knows_filters: bool = True,
    ) -> None:
        self._connection = connection
        self._knows_filters = knows_filters
        connection.autocommit = True
        register_columns(connection.adapters)
        self._taken = taken
        placeholders = ", ".join(f"${number + 1}" for number in range(_PLACE + taken))
        # config has checked the name: a schema and a procedure, lower case.
        self._record = f"CALL {procedure}({placeholders})".encode()
        self._unlimited = Unlimited(connection)

    def encode(self, span: Span, batch: Batch) -> Call:
        """The batch as ``send`` takes it. An empty one advances position and coverage only."""
        covered = to_time(batch.covered_until) if batch.covered_until else None
        place = (span.node, span.stream, Int8(span.first), Int8(span.until), covered)
        transformer = Transformer(self._connection)
        values = transformer.dump_sequence(
            (*place, *build_columns(batch)[: self._taken]),
            [PyFormat.AUTO] * len(place) + [PyFormat.BINARY] * self._taken,
        )
        return Call(values, transformer.types or (), transformer.formats or ())

    def send(self, call: Call) -> None:
        """Sends a batch. ``receive`` must come before anything else on this connection."""
        self._unlimited.begin()
        server = self._connection.pgconn
        # Not prepared: behind a pooler a statement's name is another session's (decision 0032).
        server.send_query_params(self._record, call.values, call.types, call.formats)
        # The server reads a message whole before it begins to work on it.
        self._connection.wait(generators.send(server))

    def receive(self) -> None:
        """Waits for the answer to what was sent. Raises psycopg.Error if it is an error."""
        with self._unlimited.ending():
            for result in self._connection.wait(generators.fetch_many(self._connection.pgconn)):
                _raise_for(result)

    def record_note(self, span: Span, note: Note) -> None:
        """Records a note whose bytes are ``span``.

        Raises DatabaseError where the note says filter rules that the database does not know.
        """
        if note.detail.get("filter") and not self._knows_filters:
            raise DatabaseError(
                f"database {self._connection.info.dbname} does not know filter rules, and would "
                "answer none for what they exclude; run: ctaudit schema upgrade"
            )
        values = (
            span.node,
            span.stream,
            Int8(span.first),
            Int8(span.until),
            to_time(note.at),
            note.name,
            Jsonb(note.detail),
        )
        with self._unlimited.transaction():
            self._connection.execute("CALL ctaudit.record_note(%s, %s, %s, %s, %s, %s, %s)", values)

    def find_position(self, node: str, stream: UUID) -> int | None:
        """The position committed last; None: the database does not know the stream."""
        with self._unlimited.transaction():
            row = self._connection.execute(
                "SELECT ctaudit.resume_position(%s, %s)", (node, stream)
            ).fetchone()
        return None if row is None else row[0]

    def find_filter(self, node: str, stream: UUID, position: int) -> dict[str, Any] | None:
        """What the stream said last of its filter rules before ``position``; None: it has none."""
        if not self._knows_filters:
            return None
        with self._unlimited.transaction():
            row = self._connection.execute(
                "SELECT ctaudit.filter_at(%s, %s, %s)", (node, stream, Int8(position))
            ).fetchone()
        return None if row is None else row[0]

    def refresh_live_copy(self, node: str, stream: UUID) -> None:
        """Brings the copy of what is open nearer to what is recorded."""
        with self._unlimited.transaction():
            self._connection.execute("SELECT ctaudit.refresh_live_copy(%s, %s)", (node, stream))

    def find_canary(self, node: str, stream: UUID, sent_at: int, sport: int, dport: int) -> bool:
        """Whether a UDP packet of 127.0.0.1 to itself is recorded; if so, its time is kept.

        ``sent_at``: nanoseconds since 1970.
        """
        at = to_time(sent_at)
        with self._unlimited.transaction():
            row = self._connection.execute(
                "SELECT ctaudit.canary(%s, %s, %s, %s, %s)", (node, stream, at, sport, dport)
            ).fetchone()
            is_found = bool(row and row[0])
            if is_found:
                self._connection.execute(
                    "SELECT ctaudit.set_canary(%s, %s, %s)", (node, stream, at)
                )
        return is_found

    @property
    def is_broken(self) -> bool:
        return self._connection.broken

    def close(self) -> None:
        self._connection.close()


def _raise_for(result: PGresult) -> None:
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)


def to_time(nanoseconds: int) -> datetime:
    """In PostgreSQL's microseconds, rounded down."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
