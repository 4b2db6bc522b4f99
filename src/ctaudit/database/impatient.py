"""A connection that is given up when the server says nothing.

Keepalives notice a host that is gone, not one whose kernel answers while its processes do not run:
a frozen virtual machine, a hung disk. The recorder loses nothing by giving up, since the database's
position says afterwards what was committed (decision 0035).
"""

from __future__ import annotations

import select
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

LONGEST_SILENCE = 60.0  # seconds

T = TypeVar("T")


class ImpatientConnection(psycopg.Connection[Any]):
    """Raises OperationalError, and is closed, when an answer takes longer than LONGEST_SILENCE.

    Only its first byte has to come in that time, and each further one within it again.
    """

    def wait(self, gen: PQGen[T], *_args: Any, **_options: Any) -> T:
        """In place of the driver's, whose generators it drives; for calls without Ctrl-C."""
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(self._await(wanted))
        except StopIteration as done:
            answer: T = done.value
            return answer

    def _await(self, wanted: Wait) -> Ready:
        poll = select.poll()
        poll.register(
            self.pgconn.socket,
            (select.POLLIN if wanted & Wait.R else 0) | (select.POLLOUT if wanted & Wait.W else 0),
        )
        events = poll.poll(LONGEST_SILENCE * 1000)
        if not events:
            self.close()
            raise psycopg.OperationalError(
                f"the server has not answered for {LONGEST_SILENCE:g} s, though its host does"
            )
        [(_, event)] = events
        # An error or the end of the connection is read as what the server said last.
        ready = Ready.R if event & ~select.POLLOUT else 0
        return Ready(ready | (Ready.W if event & select.POLLOUT else 0))
