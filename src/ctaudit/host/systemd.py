"""What systemd offers a service: readiness, a watchdog, and a store that keeps the socket open.

sd_notify(3), systemd.service(5) FileDescriptorStoreMax=. Without python3-systemd, or run by
hand, all of this does nothing and the socket lives as long as its process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator

try:
    from systemd import daemon as _daemon
except ImportError:
    _daemon = None

log = logging.getLogger(__name__)


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGINT fill."""
    heard: list[int] = []
    earlier = {
        number: signal.signal(number, lambda number, _: heard.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield heard
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def notify(*lines: str) -> bool:
    """Tells systemd ``READY=1``, ``STATUS=...``; False where nobody listens."""
    return bool(_daemon is not None and _daemon.notify("\n".join(lines)))


def take_stored(name: str) -> socket.socket | None:
    """The stored socket of that name; sockets of other names are closed and forgotten."""
    if _daemon is None:
        return None
    taken = None
    for descriptor, given in _daemon.listen_fds_with_names().items():
        kept = socket.socket(fileno=descriptor)
        if given == name and taken is None:
            taken = kept
            continue
        kept.close()
        _daemon.notify(f"FDSTOREREMOVE=1\nFDNAME={given}")
    return taken


def store_socket(kept: socket.socket, name: str) -> bool:
    """Puts a socket into systemd's store, where a kill of this process does not close it.

    FDPOLL=0: a pending ENOBUFS would otherwise make systemd drop it at the first overrun.
    """
    if _daemon is None:
        return False
    state = f"FDSTORE=1\nFDNAME={name}\nFDPOLL=0"
    return bool(_daemon.notify(state, fds=[kept.fileno()]))


class Watchdog:
    """Tells systemd that work advances, at most twice in its interval (sd_watchdog_enabled(3))."""

    def __init__(self) -> None:
        self._every = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6
        self._next = 0.0

    def feed(self) -> None:
        now = time.monotonic()
        if self._every and now >= self._next:
            self._next = now + self._every
            notify("WATCHDOG=1")
