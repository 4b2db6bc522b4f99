"""The receiver's process: its lock, its socket, which may outlive it, and its word with systemd."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from ctaudit.capture.event_filter import EventFilter, choose_filter, log_choice
from ctaudit.capture.event_source import EventSource
from ctaudit.capture.receiver import Receiver
from ctaudit.config import Config
from ctaudit.config.readers import format_size
from ctaudit.conntrack.filter_notation import read_rules
from ctaudit.conntrack.netlink import (
    groups_of,
    open_event_socket,
    rmem_max_for,
    set_receive_buffer,
    set_reliable,
)
from ctaudit.host.systemd import SocketStore, Watchdog, notify, reload_signals
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.output_state import forget_others

log = logging.getLogger(__name__)

_NAMESPACE = Path("/proc/self/ns/net")


def run(config: Config, stop: Sequence[int], store: SocketStore) -> int:
    """Receives until ``stop`` holds something. Raises PrivilegeError, DiskError, UsageError.

    It may be called again after an error, with the same ``store``: the stream goes on.
    """
    chosen = choose_filter(read_rules(config.filter))
    with (
        spool_lock(config.spool.directory, "receiver"),
        _event_socket(config, store, chosen) as (events, inherited),
        reload_signals() as reload,
    ):
        # Or what it has not read would be kept for it.
        forget_others(config.spool.directory, set(config.output))
        log_choice(chosen)
        source = EventSource(events, config.socket.receive_buffer_max)
        receiver = Receiver(config, source, event_filter=chosen)
        receiver.begin(inherited=inherited)
        # From here on systemd keeps the socket open across a kill, if it has a store. Not before
        # its stream has begun: the next receiver would continue the stream of an earlier socket.
        stored = store.keep(events, _name_socket(config))
        notify("READY=1", f"STATUS=receiving, mode {config.mode}")
        log.info(
            "receiving conntrack events of mode %s into %s", config.mode, config.spool.directory
        )
        watchdog = Watchdog()
        try:
            while not stop:
                if reload:
                    reload.clear()
                    receiver.request_dump()
                receiver.turn()
                watchdog.feed()
        finally:
            if stop:
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
def _event_socket(
    config: Config, store: SocketStore, chosen: EventFilter
) -> Iterator[tuple[socket.socket, bool]]:
    """The event socket, and whether it was subscribed before; open afterwards if it is stored."""
    stored = store.take(_name_socket(config))
    wanted = config.socket.receive_buffer
    groups = groups_of(config.mode, config.socket)
    events = stored or open_event_socket(groups, wanted, chosen.program)
    try:
        events.setblocking(False)
        set_reliable(events, wanted=config.socket.reliable)
        given = events.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if given < wanted:
            given = set_receive_buffer(events, wanted)
        if given < wanted:
            log.warning("%s", describe_buffer(wanted, given))
        yield events, stored is not None
    finally:
        if not store.holds(events):
            events.close()


def describe_buffer(asked: int, given: int) -> str:
    """A receive buffer smaller than asked for, as a sentence; sizes in bytes."""
    return (
        f"the receive buffer has {format_size(given)} of the {format_size(asked)} of "
        "socket.receive_buffer, since only the host's root may exceed net.core.rmem_max: run "
        f"sysctl -w net.core.rmem_max={rmem_max_for(asked)} on the host, and restart the receiver"
    )
