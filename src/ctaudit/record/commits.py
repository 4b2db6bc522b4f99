"""How far the database has come: the batch that is on its way, and what is committed.

A batch is sent and not waited for: the recorder reads the next one meanwhile. Only the answer
makes it committed; without one the position in the database decides.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from uuid import UUID

import psycopg

from ctaudit.config import Config
from ctaudit.database.connection import check_schema_version, connect
from ctaudit.host.log import log_fault
from ctaudit.host.systemd import notify
from ctaudit.record.procedures import Span, Store
from ctaudit.spool.decoder import Batch
from ctaudit.spool.segment import Segment

log = logging.getLogger(__name__)

_LONGEST_WAIT = 5.0  # seconds between two tries to reach the database, at most


@dataclass(frozen=True)
class _Sent:
    segment: Segment
    offset: int
    span: Span
    count: int


class Commits:
    """The connection, and the positions that it has told or been told.

    ``live``: what is committed is marked in the segments. ``committed``: events, since the start;
    ``refused``: events of the batch that has just failed; ``position_conflict``: its position did
    not fit, and nothing has been committed since; ``last_at``, ``last_events_at``: when a batch,
    and one with events, was sent last, monotonic.
    """

    def __init__(self, config: Config, dsn: str, *, live: bool) -> None:
        self._dsn = dsn
        self._procedure = config.record_procedure
        self._live = live
        self._store: Store | None = None
        self._sent: _Sent | None = None
        self._positions: dict[tuple[str, UUID], int | None] = {}
        self._failures = 0
        self.committed = 0
        self.refused = 0
        self.position_conflict = False
        self.last_at = self.last_events_at = time.monotonic()

    @property
    def is_answering(self) -> bool:
        return self._store is not None and not self._store.connection.broken

    def reach(self) -> Store:
        """The store, with nothing under way. Raises DatabaseError, SchemaError, psycopg.Error."""
        self.settle()
        return self.open()

    def open(self) -> Store:
        """Connects where there is no connection. Raises DatabaseError, SchemaError."""
        if self._store is None:
            connection = connect(self._dsn, "recorder")
            check_schema_version(connection)
            self._store = Store(connection, self._procedure)
        return self._store

    def find_position(self, node: str, stream: UUID) -> int | None:
        """Where to go on, None for a stream that the database does not know."""
        if (node, stream) not in self._positions:
            self._positions[node, stream] = self.reach().find_position(node, stream)
        return self._positions[node, stream]

    def span(self, segment: Segment, offset: int) -> Span:
        """What has neither been sent nor committed, up to ``offset``."""
        first = self._positions[segment.node, segment.stream] or 0
        return Span(segment.node, segment.stream, first, segment.base + offset)

    def send(self, segment: Segment, offset: int, batch: Batch) -> None:
        """Sends what has been read up to ``offset``, once the batch before it is committed."""
        span = self.span(segment, offset)
        # While the server is still at work on the one before.
        call = self.open().encode(span, batch)
        self.reach().send(call)
        self._sent = _Sent(segment, offset, span, batch.count)
        self.last_at = time.monotonic()
        if batch.count:
            self.last_events_at = self.last_at
        self.skip(span)

    def settle(self) -> None:
        """Waits for the answer to what is under way. Raises psycopg.Error."""
        sent, store = self._sent, self._store
        if sent is None or store is None:
            return
        self._sent = None
        try:
            store.receive()
        except psycopg.Error:
            self.refused = sent.count
            self._positions[sent.span.node, sent.span.stream] = sent.span.first
            raise
        self.committed += sent.count
        self.mark(sent.segment, sent.offset)

    def mark(self, segment: Segment, offset: int) -> None:
        """The segment is committed up to ``offset``."""
        self.skip(self.span(segment, offset))
        if self._failures:
            log_fault(log, "database back", "the database is back, recording goes on", logging.INFO)
            notify("STATUS=recording")
        self._failures, self.position_conflict = 0, False
        if self._live:
            segment.commit(offset)

    def skip(self, span: Span) -> None:
        """Goes on after ``span``."""
        self._positions[span.node, span.stream] = span.until

    def forget(self) -> None:
        """The database is to be asked again; what is under way is not waited for."""
        if self._sent is not None:
            self.close()
        self.refused = 0
        self._positions.clear()

    def back_off(self, words: str) -> None:
        """Waits a while for a database that is away."""
        self.close()
        if not self._failures:
            log_fault(log, "database away", f"events wait in the spool: {words}")
            notify(f"STATUS=the database is away: {words}")
        self._failures += 1
        # Jitter keeps a fleet from coming back in one moment.
        longest = min(_LONGEST_WAIT, 0.1 * 2 ** min(self._failures, 10))
        time.sleep(random.uniform(longest / 2, longest))  # noqa: S311

    def close(self) -> None:
        if self._store is not None:
            self._store.connection.close()
        self._store = self._sent = None
