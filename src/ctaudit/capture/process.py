"""The receiver's process: its lock, its socket, which may outlive it, and its word with systemd."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

from ctaudit.capture.event_source import EventSource
from ctaudit.capture.receiver import Receiver
from ctaudit.config import Config
from ctaudit.conntrack.netlink import groups_of, open_event_socket, set_reliable
from ctaudit.host.systemd import Watchdog, notify, stop_signals, store_socket, take_stored
from ctaudit.spool.lock import spool_lock

log = logging.getLogger(__name__)

_NAMESPACE = Path("/proc/self/ns/net")


def run(config: Config) -> int:
    """Receives until SIGTERM or SIGINT. Raises PrivilegeError, DiskError, UsageError."""
    with (
        spool_lock(config.spool.directory, "receiver"),
        _event_socket(config) as (events, inherited),
        stop_signals() as stop,
    ):
        receiver = Receiver(config, EventSource(events, config.socket.receive_buffer_max))
        receiver.begin(inherited=inherited)
        # From here on systemd keeps the socket open across a kill, if it has a store. Not before
        # its stream has begun: the next receiver would continue the stream of an earlier socket.
        stored = store_socket(events, _name_socket(config))
        notify("READY=1", f"STATUS=receiving, mode {config.mode}")
        log.info(
            "receiving conntrack events of mode %s into %s", config.mode, config.spool.directory
        )
        watchdog = Watchdog()
        try:
            while not stop:
                receiver.turn()
                watchdog.feed()
        finally:
            notify("STOPPING=1")
            receiver.finish(going_on=stored)
    return 0


def _name_socket(config: Config) -> str:
    """The name under which systemd stores the socket: equal only if the stream can go on with it.

    A socket of other groups or of another network namespace receives other events; the stream of
    another node is recorded under that node's name.
    """
    groups = "-".join(str(group) for group in groups_of(config.mode, config.socket))
    return f"conntrack-{config.mode}-{groups}-{_NAMESPACE.stat().st_ino}-{config.node}"


@contextlib.contextmanager
def _event_socket(config: Config) -> Iterator[tuple[socket.socket, bool]]:
    """The event socket, and whether it was subscribed before this process began."""
    stored = take_stored(_name_socket(config))
    groups = groups_of(config.mode, config.socket)
    with stored or open_event_socket(groups, config.socket.receive_buffer) as events:
        events.setblocking(False)
        set_reliable(events, wanted=config.socket.reliable)
        yield events, stored is not None
