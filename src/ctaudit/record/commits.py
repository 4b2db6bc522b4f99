"""What the recorder sends to the database, in the order of the streams, and what is committed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from ctaudit.record.in_flight import Committed, InFlight, Rejected, send_batch
from ctaudit.record.positions import Positions, Span
from ctaudit.record.procedures import Call, Fault, classify
from ctaudit.record.session import Session
from ctaudit.spool.decoder import Batch
from ctaudit.spool.note import Note
from ctaudit.spool.segment import Segment


class Commits:
    """The committed positions, and the batch in flight, which begins at one of them.

    ``number``: commits so far; ``events``: events in them. The methods raise DatabaseError and
    psycopg.Error; after that the caller calls ``forget``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._positions = Positions()
        self._in_flight: InFlight | None = None
        self.number = 0
        self.events = 0

    def connect(self) -> None:
        self._session.open()

    def find_position(self, node: str, stream: UUID) -> int | None:
        """The committed position; None: the database does not know the stream."""
        return self._positions.take(self._session.open(), node, stream)

    def find_filter(self, segment: Segment, offset: int) -> dict[str, Any] | None:
        """What the stream has said of its filter rules before ``offset``; nothing is in flight."""
        position = segment.base + offset
        return self._session.open().find_filter(segment.node, segment.stream, position)

    def span(self, segment: Segment, offset: int) -> Span:
        """From where the batch in flight ends, else from the position, to ``offset``."""
        if self._in_flight is not None:
            first = self._in_flight.span.until
        else:
            first = self.find_position(segment.node, segment.stream) or 0
        return Span(segment.node, segment.stream, first, segment.base + offset)

    def encode(self, span: Span, batch: Batch) -> Call:
        """The batch as ``send`` takes it; the server may still work on the one before."""
        return self._session.open().encode(span, batch)

    def send(self, span: Span, call: Call, count: int, since: int = 0) -> None:
        """Sends a batch of ``count`` events; ``settle`` comes before. ``since``: see Committed."""
        self._in_flight = send_batch(self._session.open(), span, call, count, since)

    def settle(self) -> Committed | Rejected | None:
        """Takes the answer to the batch in flight; None if there is none."""
        if self._in_flight is None:
            return None
        in_flight, self._in_flight = self._in_flight, None
        return self._confirm(in_flight.settle())

    def record_note(self, span: Span, note: Note) -> Committed | Rejected:
        """Sends a note and waits until it is committed; ``settle`` comes before."""
        try:
            self._session.open().record_note(span, note)
        except psycopg.Error as error:
            if classify(error) is not Fault.CONTENT:
                raise
            return Rejected(span, 0, error)
        return self._confirm(Committed(span, 0))

    def refresh_live_copy(self, span: Span) -> None:
        """For the stream of ``span``; nothing may be in flight."""
        self._session.open().refresh_live_copy(span.node, span.stream)

    def find_canary(self, span: Span, sent_at: int, sport: int, dport: int) -> bool:
        """Whether it is in the record, see Store.find_canary; nothing may be in flight."""
        return self._session.open().find_canary(span.node, span.stream, sent_at, sport, dport)

    @property
    def is_connected(self) -> bool:
        return self._session.is_connected

    def forget(self) -> None:
        """Forgets the positions, and what is in flight without waiting for the answer."""
        if self._in_flight is not None:
            self._session.close()
            self._in_flight = None
        self._positions.forget()

    def _confirm(self, outcome: Committed | Rejected) -> Committed | Rejected:
        if isinstance(outcome, Committed):
            self._positions.advance(outcome.span)
            self._session.confirm()
            self.number += 1
            self.events += outcome.count
        return outcome
