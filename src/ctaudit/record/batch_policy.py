"""When the batch being filled is sent to the server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ctaudit.spool.decoder import Batch

_COVERAGE_EVERY = 1.0  # seconds between two batches that only advance the coverage


class Due(Enum):
    """Why the batch is sent. After FULL the next one is read before the answer has come."""

    FULL = "it has batch.events events; more are likely to follow"
    LIMIT = "it has as many events as the bisection allows"
    NOTE = "a note, an undecodable message or damage follows: each is recorded by a CALL of its own"
    QUIET = "it has coverage only, and events follow, which go into a batch of their own"
    END = "nothing more is read: the segment has ended, or the recorder stops"
    WAITED = "its events have waited for batch.wait"
    COVERAGE = "it has coverage only, and nothing has been sent for a second"


@dataclass(frozen=True)
class Moment:
    """One moment on two clocks: ``monotonic`` in seconds, ``wall`` in nanoseconds since 1970."""

    monotonic: float
    wall: int


@dataclass(frozen=True)
class LastSent:
    """When a batch was sent last, and when one with events; monotonic seconds."""

    batch: float
    events: float

    def after(self, batch: Batch, now: float) -> LastSent:
        return LastSent(now, now) if batch.count else replace(self, batch=now)


@dataclass(frozen=True)
class BatchPolicy:
    """``events``: in a full batch; ``wait``: seconds that an event waits in a batch at most."""

    events: int
    wait: float

    def due_after_step(self, batch: Batch, limit: int, *, note_next: bool) -> Due | None:
        """After a step of reading. ``limit``: of the bisection; ``note_next``: see Due.NOTE."""
        if batch.count >= limit:
            return Due.FULL if batch.count >= self.events > 1 else Due.LIMIT
        return Due.NOTE if note_next and has_content(batch) else None

    def due_at_rest(self, batch: Batch, last: LastSent, now: Moment, *, ended: bool) -> Due | None:
        """When everything published has been read; ``ended``: nothing more will be read."""
        if ended:
            return Due.END
        if batch.count:
            return Due.WAITED if self.wait_left(batch, last, now) <= 0 else None
        idle = now.monotonic - last.batch >= _COVERAGE_EVERY
        return Due.COVERAGE if has_content(batch) and idle else None

    def wait_left(self, batch: Batch, last: LastSent, now: Moment) -> float:
        """Seconds until the events of the batch have waited for ``wait``."""
        # Coverage that was sent just before does not make events wait, hence last.events.
        # After a backlog the first event has been waiting since it was received.
        waited = max(now.monotonic - last.events, (now.wall - batch.since) / 1e9)
        return self.wait - waited


def has_content(batch: Batch) -> bool:
    return bool(batch.count or batch.covered_until)


def is_quiet(batch: Batch) -> bool:
    """Whether the batch has coverage and no event yet.

    Events that follow go into a batch of their own: the coverage committed before a batch is,
    in the database, the earliest time at which its events can have happened.
    """
    return not batch.count and bool(batch.covered_until)
