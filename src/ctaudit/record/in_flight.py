"""The batch that has been sent to the server and not been answered: one at most (decision 0006)."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from ctaudit.record.positions import Span
from ctaudit.record.procedures import Call, Fault, Store, classify


@dataclass(frozen=True)
class Committed:
    """The database has committed the span; ``count`` events were in it.

    ``since``: when the first of them was received, nanoseconds since 1970; 0: not known.
    """

    span: Span
    count: int
    since: int = 0


@dataclass(frozen=True)
class Rejected:
    """The server has rejected the span for its content, and would reject it again."""

    span: Span
    count: int
    error: psycopg.Error


@dataclass(frozen=True)
class InFlight:
    """A batch of ``count`` events on its way: made by ``send_batch``, ended by ``settle``.

    ``since``: see Committed.
    """

    store: Store
    span: Span
    count: int
    since: int = 0

    def settle(self) -> Committed | Rejected:
        """Waits for the answer.

        Raises psycopg.Error for any other fault; only the database's position says then
        whether the batch has been committed.
        """
        try:
            self.store.receive()
        except psycopg.Error as error:
            if not self.count or classify(error) is not Fault.CONTENT:
                raise
            return Rejected(self.span, self.count, error)
        return Committed(self.span, self.count, self.since)


def send_batch(store: Store, span: Span, call: Call, count: int, since: int = 0) -> InFlight:
    """Sends an encoded batch; nothing may be in flight. Raises psycopg.Error."""
    store.send(call)
    return InFlight(store, span, count, since)
