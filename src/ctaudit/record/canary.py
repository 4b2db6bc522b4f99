"""The canary: a packet that the gateway sends to itself, and finds in the record later.

It takes the way of every event, from the kernel through receiver and recorder into a row. What it
proves is that this way is whole; where it is not found, something on it is not.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from ctaudit.database.connection import describe_error
from ctaudit.host.log import log_fault
from ctaudit.record.commits import Commits
from ctaudit.record.in_flight import Committed

log = logging.getLogger(__name__)

DISCARD = 9  # the port of RFC 863, at which nobody answers as a rule
_LOOK_EVERY = 1.0  # seconds


@dataclass(frozen=True)
class Sent:
    """A UDP packet of 127.0.0.1 to itself; ``at``: nanoseconds since 1970."""

    at: int
    sport: int
    dport: int = DISCARD


def send_packet() -> Sent:
    """Raises OSError where this process may have no such socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", DISCARD))
        at = time.time_ns()
        # IPAddressDeny= drops it after conntrack has seen it, systemd.resource-control(5).
        with suppress(PermissionError, ConnectionRefusedError):
            sender.send(b"ctaudit")
        return Sent(at, sender.getsockname()[1])


class Canary:
    """Sends a packet every ``interval`` seconds, and looks for it after each commit.

    While the database is away nothing is sent: that is said already.
    """

    def __init__(
        self,
        commits: Commits,
        interval: float,
        send: Callable[[], Sent] = send_packet,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commits = commits
        self._interval = interval
        self._send = send
        self._monotonic = monotonic
        self._sent: Sent | None = None
        self._next = self._look = monotonic()
        self._said = ""

    def follow(self, committed: Committed) -> None:
        """Called after a commit, when nothing is in flight. Raises psycopg.Error.

        Only for a connection that broke; what the server refuses is logged once.
        """
        now = self._monotonic()
        if self._sent is not None and now >= self._look:
            self._look = now + _LOOK_EVERY
            self._look_for(self._sent, committed)
        if now >= self._next:
            self._next = now + self._interval
            self._replace()

    def _look_for(self, sent: Sent, committed: Committed) -> None:
        try:
            is_found = self._commits.find_canary(committed.span, sent.at, sent.sport, sent.dport)
        except psycopg.Error as error:
            if not self._commits.is_connected:
                raise
            # As of an older database, which has no such function.
            self._say(f"the canary cannot be looked for: {describe_error(error)}")
            self._sent = None
            return
        if is_found:
            if self._said:
                log.info("the canary is found again")
            self._sent, self._said = None, ""

    def _replace(self) -> None:
        if self._sent is not None:
            self._say(
                f"the canary that was sent {self._interval:.0f} s ago is not in the record: other "
                "connections may be missing too; ctaudit check looks for the reason"
            )
        try:
            self._sent = self._send()
        except OSError as error:
            self._sent = None
            self._say(
                f"the canary cannot be sent: {error.strerror}; look at RestrictAddressFamilies= of "
                "the recorder's unit"
            )

    def _say(self, sentence: str) -> None:
        """Once, until one has been found."""
        if sentence != self._said:
            log_fault(log, "canary", sentence, logging.WARNING)
        self._said = sentence
