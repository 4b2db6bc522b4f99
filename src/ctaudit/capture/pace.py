"""When the receiver sleeps, how long it polls, and when it writes a DRAINED note."""

from __future__ import annotations

from typing import NamedTuple

# Seconds. An idle stream has a DRAINED note at least this often, so that coverage advances.
HEARTBEAT = 0.25
# Nanoseconds. A busy stream has one at most this often: each costs a look at the kernel's drops.
DRAINED_EVERY = 50_000_000
# Seconds. Sleep after the queue has been emptied, so that the next events are read in one burst
# instead of one wake-up each. It delays received_at by up to this long.
COALESCE_DELAY = 0.08
# Bytes. A smaller receive buffer could overrun during the sleep: this one holds 19,000 events
# (1,280 bytes each, with the kernel's overhead), 80 ms of 230,000 events/s.
BUFFER_FOR_DELAY = 24 << 20


class Pace(NamedTuple):
    """What the last burst says about the next turn.

    ``drained``: it emptied the queue; ``noted_at``: when the last DRAINED note was written,
    nanoseconds since 1970.
    """

    drained: bool = False
    noted_at: int = 0

    def sleep_before(self, buffer: int, dump_wait: float) -> float:
        """Seconds to sleep before polling; ``dump_wait``: seconds until a dump needs a turn."""
        is_idle = self.drained and buffer >= BUFFER_FOR_DELAY and dump_wait > 0
        return COALESCE_DELAY if is_idle else 0.0

    def is_note_due(self, count: int, began: int) -> bool:
        """Whether a burst of ``count`` events, begun at ``began``, ends with a DRAINED note."""
        return count == 0 or began - self.noted_at >= DRAINED_EVERY


def poll_timeout(dump_wait: float) -> float:
    """Seconds for which the receiver waits for an event, at most."""
    return min(HEARTBEAT, dump_wait)
