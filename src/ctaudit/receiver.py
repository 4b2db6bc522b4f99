"""Process one: from the kernel's socket into segment files. Decodes nothing, asks no database."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import platform
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ctaudit import __version__
from ctaudit.config import Config
from ctaudit.netlink import (
    count_drops,
    groups_of,
    open_dump_socket,
    open_event_socket,
    read_sysctl,
    scan_dump,
    set_receive_buffer,
)
from ctaudit.note import pack_drained
from ctaudit.process import hearing_stop
from ctaudit.segment import ROOM
from ctaudit.spool import SpoolWriter, claiming_spool, describe_bound

log = logging.getLogger(__name__)

_BURST = 256  # messages between two looks at the clock: well under a millisecond
_HEARTBEAT = 0.25  # seconds between two DRAINED notes of an idle stream
_DRAINED_EVERY = 50_000_000  # nanoseconds between two of a busy one
_TICK = 1.0
_DUMP_RETRY = 0.2


def run(config: Config) -> int:
    """Receives until SIGTERM or SIGINT. Raises PrivilegeError, DiskError, UsageError."""
    with (
        claiming_spool(config.spool.directory, "receiver"),
        _opening_events(config) as events,
        hearing_stop() as stop,
    ):
        receiver = Receiver(config, events)
        receiver.begin()
        log.info(
            "receiving conntrack events of mode %s into %s", config.mode, config.spool.directory
        )
        try:
            while not stop:
                receiver.turn()
        finally:
            receiver.finish()
    return 0


@contextlib.contextmanager
def _opening_events(config: Config) -> Iterator[socket.socket]:
    groups = groups_of(config.mode, updates=config.socket.updates)
    with open_event_socket(groups, config.socket.receive_buffer) as events:
        yield events


class Receiver:
    """The event socket, the dump under way, and the spool they are written to."""

    def __init__(self, config: Config, events: socket.socket) -> None:
        self._config = config
        self._events = events
        self._spool = SpoolWriter(config)
        self._poll = select.poll()
        self._poll.register(events, select.POLLIN)
        self._buffer = events.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._drops = count_drops(events) or 0
        self._last_read = time.time_ns()
        self._last_drained = 0
        self._next_tick = 0.0
        self._dump: socket.socket | None = None
        self._dump_due: float | None = None
        self._dump_cause = ""
        self._dump_began = (0, 0)
        self._dump_entries = 0

    def begin(self) -> None:
        """Begins a stream and asks for the table, so that what was there before is known."""
        self._spool.begin_stream()
        self._note(
            "start",
            mode=self._config.mode,
            ctaudit=__version__,
            boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            kernel=platform.release(),
            receive_buffer=self._buffer,
            acct=read_sysctl("nf_conntrack_acct"),
            timestamp=read_sysctl("nf_conntrack_timestamp"),
            events=read_sysctl("nf_conntrack_events"),
        )
        self._dump_cause = "start"
        self._begin_dump()

    def turn(self) -> None:
        """Waits for the kernel, then takes one burst of events and one piece of a dump."""
        busy = self._dump is not None
        self._poll.poll(0 if busy else int(_HEARTBEAT * 1000))
        self._take_events()
        if self._dump is not None:
            self._take_dump(self._dump)
        now = time.monotonic()
        if self._dump_due is not None and now >= self._dump_due:
            self._begin_dump()
        if now >= self._next_tick:
            self._next_tick = now + _TICK
            self._tick()

    def finish(self) -> None:
        """Takes what is there, says that the stream ends, and closes it."""
        self._take_events()
        if self._dump is not None:
            self._dump.close()
        self._note("stop")
        self._spool.segment.seal()
        self._spool.close()

    def _take_events(self) -> None:
        spool = self._spool
        if not spool.has_room() and not self._roll():
            return
        began = time.time_ns()
        spool.open_frame()
        view, offset, limit = spool.view, spool.offset, spool.limit
        receive = self._events.recv_into
        count, drained, overrun = 0, False, False
        try:
            while count < _BURST and offset <= limit:
                offset += (receive(view[offset : offset + ROOM]) + 3) & ~3
                count += 1
        except BlockingIOError:
            drained = True
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            overrun = True
        spool.offset = offset
        if drained and (count == 0 or began - self._last_drained >= _DRAINED_EVERY):
            self._last_drained = began
            spool.append(pack_drained(began))
        read = spool.close_frame()
        if count:
            self._last_read = read
        if overrun:
            self._meet_overrun()

    def _roll(self) -> bool:
        if self._spool.roll():
            return True
        log.error("the spool is full: %s", describe_bound(self._config))
        return False

    def _note(self, name: str, **detail: object) -> None:
        self._spool.append_note(name, **detail)

    def _meet_overrun(self) -> None:
        drops = count_drops(self._events)
        lost = drops - self._drops if drops is not None else None
        self._drops = drops if drops is not None else self._drops
        self._note("overrun", last_read_at=self._last_read, lost=lost or None)
        grown = min(2 * self._buffer, self._config.socket.receive_buffer_max)
        if grown > self._buffer:
            self._buffer = set_receive_buffer(self._events, grown)
        log.error(
            "the receive buffer overran, %s events lost; it is now %d bytes",
            lost or "an unknown number of",
            self._buffer,
        )
        self._want_dump("overrun", _DUMP_RETRY)

    def _tick(self) -> None:
        drops = count_drops(self._events)
        if drops is not None and drops > self._drops:
            self._meet_overrun()
        self._spool.prune()

    def _want_dump(self, cause: str, after: float = 0.0) -> None:
        self._abandon_dump()
        self._dump_cause = cause
        self._dump_due = time.monotonic() + after

    def _abandon_dump(self) -> None:
        if self._dump is not None:
            self._poll.unregister(self._dump)
            self._dump.close()
            self._dump = None

    def _begin_dump(self) -> None:
        self._dump_due = time.monotonic() + self._config.dumps.interval
        self._abandon_dump()
        self._dump_began = (time.time_ns(), self._spool.position)
        self._dump_entries = 0
        self._note("dump begin", cause=self._dump_cause)
        self._dump_cause = "interval"
        self._dump = open_dump_socket()
        self._poll.register(self._dump, select.POLLIN)

    def _take_dump(self, dump: socket.socket) -> None:
        spool = self._spool
        if not spool.has_room() and not self._roll():
            return
        spool.open_frame()
        room = spool.view[spool.offset : spool.offset + ROOM]
        try:
            size = dump.recv_into(room)
        except BlockingIOError:
            size = 0
        entries, ended, failed = scan_dump(room[:size])
        self._dump_entries += entries
        spool.offset += (size + 3) & ~3
        spool.close_frame()
        if failed:
            log.warning("a table dump failed (%s); it is asked for again", os.strerror(failed))
            self._want_dump("again", _DUMP_RETRY)
        elif ended:
            self._abandon_dump()
            began, position = self._dump_began
            self._note(
                "dump end", began_at=began, begin_position=position, entries=self._dump_entries
            )
