"""Process one: from the kernel's socket into segment files. Decodes nothing, asks no database."""

from __future__ import annotations

import contextlib
import errno
import logging
import platform
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ctaudit import __version__
from ctaudit.capture.table_dump import RETRY, TableDump
from ctaudit.config import Config, format_size
from ctaudit.conntrack.netlink import (
    clear_congestion,
    count_drops,
    groups_of,
    open_event_socket,
    read_sysctl,
    set_receive_buffer,
    set_reliable,
)
from ctaudit.host.clock import StepWatch, read_synchronisation
from ctaudit.host.log import log_fault
from ctaudit.host.systemd import Watchdog, notify, stop_signals, store_socket, take_stored
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.note import pack_drained
from ctaudit.spool.segment import ROOM
from ctaudit.spool.writer import SpoolWriter

log = logging.getLogger(__name__)

_BURST = 256  # messages between two looks at the clock: well under a millisecond
_HEARTBEAT = 0.25  # seconds between two DRAINED notes of an idle stream
_DRAINED_EVERY = 50_000_000  # nanoseconds between two of a busy one
# Seconds that follow a look which emptied the queue: what comes meanwhile is read at once, at a
# fraction of the price of a look for each event. Its time is later by as much.
_COALESCE_DELAY = 0.08
_ROOM_FOR_DELAY = 24 << 20  # bytes of receive buffer: 18,750 events, 230,000 a second
_TICK = 1.0
_LONGEST_STOP = 5.0  # seconds that a stop goes on reading what is there, at most
_CLOCK_EVERY = 3600.0  # seconds between two notes on the clock's synchronisation
_NAMESPACE = Path("/proc/self/ns/net")


def run(config: Config) -> int:
    """Receives until SIGTERM or SIGINT. Raises PrivilegeError, DiskError, UsageError."""
    with (
        spool_lock(config.spool.directory, "receiver"),
        _opening_events(config) as (events, inherited),
        stop_signals() as stop,
    ):
        # From here on systemd keeps the socket open across a kill, where it keeps anything.
        stored = store_socket(events, _name_socket(config))
        receiver = Receiver(config, events)
        receiver.begin(inherited=inherited)
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
    """Tells a stored socket that cannot go on with this stream from the one that can.

    Other groups or another network namespace: it would not hear what is wanted; another node:
    its stream is under that name.
    """
    groups = "-".join(str(group) for group in groups_of(config.mode, config.socket))
    return f"conntrack-{config.mode}-{groups}-{_NAMESPACE.stat().st_ino}-{config.node}"


@contextlib.contextmanager
def _opening_events(config: Config) -> Iterator[tuple[socket.socket, bool]]:
    """The event socket, and whether it was listening before this process began."""
    stored = take_stored(_name_socket(config))
    groups = groups_of(config.mode, config.socket)
    with stored or open_event_socket(groups, config.socket.receive_buffer) as events:
        events.setblocking(False)
        set_reliable(events, wanted=config.socket.reliable)
        yield events, stored is not None


class Receiver:
    """The event socket, the dump under way, and the spool they are written to."""

    def __init__(self, config: Config, events: socket.socket) -> None:
        self._config = config
        self._events = events
        self._spool = SpoolWriter(config)
        self._dump = TableDump(self._spool, config.dumps.interval)
        self._steps = StepWatch()
        self._poll = select.poll()
        self._poll.register(events, select.POLLIN)
        self._buffer = events.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._drops = 0
        self._is_gap_told = False
        self._last_read = time.time_ns()
        self._last_drained = 0
        self._is_drained = False
        self._next_tick = 0.0
        self._next_clock = 0.0
        self._next_sync = 0.0

    def begin(self, *, inherited: bool) -> None:
        """Goes on with the stream of an inherited socket, or begins one.

        A new one begins with a dump: it tells what was there before, and closes the gap.
        """
        if inherited and self._spool.continue_stream():
            self._drops = self._spool.segment.kernel_drops
            if self._spool.has_room():
                self._note("resume", ctaudit=__version__)
            self._dump.resume()
            return
        self._spool.begin_stream()
        self._drops = count_drops(self._events)
        self._spool.segment.set_kernel_drops(self._drops)
        self._note(
            "start",
            mode=self._config.mode,
            ctaudit=__version__,
            boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            kernel=platform.release(),
            inherited=inherited,
            receive_buffer=self._buffer,
            reliable=self._config.socket.reliable,
            acct=read_sysctl("nf_conntrack_acct"),
            timestamp=read_sysctl("nf_conntrack_timestamp"),
            events=read_sysctl("nf_conntrack_events"),
        )

    def turn(self) -> None:
        """Waits for the kernel, then takes one burst of events and one piece of a dump."""
        if self._is_drained and self._buffer >= _ROOM_FOR_DELAY and self._dump.wait:
            time.sleep(_COALESCE_DELAY)
        self._is_drained = False
        self._poll.poll(1000 * min(_HEARTBEAT, self._dump.wait))
        if self._spool.has_room() or self._roll():
            self._take_events()
            # Its frame must fit as well, and the burst may have filled the segment.
            if self._spool.has_room():
                self._take_dump()
        else:
            self._drop_events()
        now = time.monotonic()
        if self._config.spool.sync and now >= self._next_sync:
            self._next_sync = now + self._config.spool.sync
            self._spool.segment.sync()
        if now >= self._next_tick:
            self._next_tick = now + _TICK
            self._tick(now)

    def finish(self, *, going_on: bool) -> None:
        """Takes what is there; ends the stream unless its socket goes on listening."""
        self._dump.abandon()
        deadline = time.monotonic() + _LONGEST_STOP
        self._is_drained = False
        while not self._is_drained and time.monotonic() < deadline:
            if not self._spool.has_room() and not self._roll():
                break
            self._take_events()
        if count_drops(self._events) != self._spool.segment.kernel_drops:
            self._note_overrun()
        if going_on:
            self._spool.close()
            return
        self._spool.end_stream()

    def _take_events(self) -> None:
        spool = self._spool
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
            # What the kernel could not queue has been sent as well, and was not read.
            overrun = self._find_drops()
            if overrun:
                clear_congestion(self._events)
            else:
                self._last_drained = began
                spool.append(pack_drained(began))
        read = spool.close_frame()
        self._is_drained = drained
        if overrun:
            self._handle_overrun()
        if count:
            self._last_read = read

    def _drop_events(self) -> None:
        """Takes events out of the socket without storing them: their number is kept.

        Drops of the kernel are told when there is room again: the gap of the dropped events
        holds them as well.
        """
        self._dump.abandon()
        try:
            for _ in range(_BURST):
                self._spool.drop(self._events.recv_into)
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._grow_buffer()

    def _take_dump(self) -> None:
        if self._dump.is_due:
            if count_drops(self._events) != self._spool.segment.kernel_drops:
                self._note_overrun()
            self._is_gap_told = False
        self._dump.turn()

    def _roll(self) -> bool:
        dropping = self._spool.dropping
        rolled = self._spool.roll()
        if rolled and dropping:
            log.info("the spool has room again; events are stored from here on")
            self._dump.want("spool full")
        return rolled

    def _note(self, name: str, **detail: object) -> None:
        self._spool.append_note(name, **detail)

    def _find_drops(self) -> bool:
        """Whether the kernel has dropped events since the last look."""
        before, self._drops = self._drops, count_drops(self._events)
        return self._drops != before

    def _handle_overrun(self) -> None:
        """Tells of a gap unless one is open; a dump follows as soon as the rush is over."""
        self._grow_buffer()
        if not self._is_gap_told:
            self._note_overrun()
            log_fault(
                log,
                "overrun",
                "the receive buffer overran and events are lost; "
                f"it has {format_size(self._buffer)} now",
            )
        self._dump.want("overrun", RETRY)

    def _note_overrun(self) -> None:
        """Notes what the kernel has dropped since the last such note."""
        segment = self._spool.segment
        segment.set_dumped(0)
        self._drops = count_drops(self._events)
        drops = (self._drops - segment.kernel_drops) % (1 << 32)
        # What is kept and tried again counts as dropped each time: how many are lost is unknown.
        lost = None if self._config.socket.reliable else drops or None
        self._note("overrun", last_read_at=self._last_read, lost=lost, undelivered=drops)
        segment.set_kernel_drops(self._drops)
        self._is_gap_told = True

    def _grow_buffer(self) -> None:
        grown = min(2 * self._buffer, self._config.socket.receive_buffer_max)
        if grown > self._buffer:
            self._buffer = set_receive_buffer(self._events, grown)

    def _tick(self, now: float) -> None:
        # Without room for events the little that is left is kept for what ends the stream.
        if self._spool.has_room():
            if self._find_drops():
                self._handle_overrun()
            step = self._steps.find_step()
            if step:
                log_fault(log, "clock", f"the wall clock was stepped by {step / 1e9:+.3f} s")
            if step or now >= self._next_clock:
                self._next_clock = now + _CLOCK_EVERY
                self._note_clock(step)
        self._spool.prune()

    def _note_clock(self, step: int) -> None:
        known = read_synchronisation()
        self._note(
            "clock",
            step_seconds=step / 1e9 if step else None,
            synchronised=known.synchronised if known else None,
            estimated_error_us=known.estimated_error if known else None,
            maximum_error_us=known.maximum_error if known else None,
        )
