"""What systemd offers a service: readiness, a watchdog, and a store that keeps the socket open.

sd_notify(3); systemd.service(5), FileDescriptorStoreMax=. Without python3-systemd, or for a
process started by hand, all of this does nothing: the socket is closed with the process.
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
    """Within it SIGTERM and SIGINT do not end the process; their numbers go into the list."""
    with _collected(signal.SIGTERM, signal.SIGINT) as received:
        yield received


@contextlib.contextmanager
def reload_signals() -> Iterator[list[int]]:
    """Within it SIGUSR1, which ``systemctl reload`` sends, does nothing but stand in the list."""
    with _collected(signal.SIGUSR1) as received:
        yield received


@contextlib.contextmanager
def _collected(*numbers: signal.Signals) -> Iterator[list[int]]:
    received: list[int] = []
    earlier = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in numbers
    }
    try:
        yield received
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def notify(*lines: str) -> bool:
    """Sends ``READY=1``, ``STATUS=...`` to systemd; False if there is no service manager."""
    return bool(_daemon is not None and _daemon.notify("\n".join(lines)))


def is_service() -> bool:
    """Whether a service manager waits for this process to say that it is ready."""
    return _daemon is not None and "NOTIFY_SOCKET" in os.environ


class SocketStore:
    """The sockets that systemd keeps for this service, open in this process as well.

    They belong to the process, not to one attempt to start in it: the descriptors are handed over
    once.
    """

    def __init__(self) -> None:
        self._kept: dict[str, socket.socket] | None = None

    def take(self, name: str) -> socket.socket | None:
        """The stored socket of that name. All others are closed and removed from the store."""
        if self._kept is None:
            self._kept = _inherit_sockets()
        for other in self._kept.keys() - {name}:
            _remove(self._kept.pop(other), other)
        return self._kept.get(name)

    def keep(self, kept: socket.socket, name: str) -> bool:
        """Puts a socket into systemd's store, so that it stays open when this process is killed.

        FDPOLL=0: otherwise systemd removes it at the first overrun, since a pending ENOBUFS is
        EPOLLERR. False if there is no service manager.
        """
        if _daemon is None:
            return False
        state = f"FDSTORE=1\nFDNAME={name}\nFDPOLL=0"
        if not _daemon.notify(state, fds=[kept.fileno()]):
            return False
        self._kept = {**(self._kept or {}), name: kept}
        return True

    def holds(self, kept: socket.socket) -> bool:
        return kept in (self._kept or {}).values()


def _inherit_sockets() -> dict[str, socket.socket]:
    inherited: dict[str, socket.socket] = {}
    if _daemon is not None:
        for descriptor, name in _daemon.listen_fds_with_names().items():
            given = socket.socket(fileno=descriptor)
            if name in inherited:
                _remove(given, name)
            else:
                inherited[name] = given
    return inherited


def _remove(kept: socket.socket, name: str) -> None:
    kept.close()
    _daemon.notify(f"FDSTOREREMOVE=1\nFDNAME={name}")


class Watchdog:
    """Tells systemd that the process works, twice in its interval (sd_watchdog_enabled(3))."""

    def __init__(self) -> None:
        self._every = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6
        self._next = 0.0

    def feed(self) -> None:
        now = time.monotonic()
        if self._every and now >= self._next:
            self._next = now + self._every
            notify("WATCHDOG=1")
