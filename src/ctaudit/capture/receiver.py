"""From the kernel's socket into the spool. Decodes nothing, asks no database."""

from __future__ import annotations

import errno
import logging
import platform
import socket
import time
from collections.abc import Callable

from ctaudit import __version__
from ctaudit.capture.clock_notes import ClockNotes
from ctaudit.capture.event_filter import EventFilter
from ctaudit.capture.event_source import EventSource
from ctaudit.capture.overrun import OverrunNotes
from ctaudit.capture.pace import Pace, poll_timeout
from ctaudit.capture.scope_notes import ScopeNotes
from ctaudit.capture.table_dump import RETRY_AFTER, TableDump
from ctaudit.capture.watch import Watch
from ctaudit.config import Config
from ctaudit.config.readers import format_size
from ctaudit.conntrack.kernel_state import KernelState
from ctaudit.conntrack.netlink import open_dump_socket
from ctaudit.host.boot import read_boot_id
from ctaudit.host.log import log_fault
from ctaudit.spool.note import pack_drained
from ctaudit.spool.segment import ROOM, Word
from ctaudit.spool.writer import SpoolWriter

log = logging.getLogger(__name__)

_BURST = 256  # events in a frame, at most: well under a millisecond of reading
_TICK = 1.0  # seconds between two looks at the drops, the kernel, the clock and the retention
_LONGEST_STOP = 5.0  # seconds for which a stop goes on reading what is queued, at most


class Receiver:
    """Takes events from the source and writes them, its notes and the dumps into the spool.

    A turn finds it in one of three states; the fourth is beside them:
    idle: the last burst emptied the queue. Sleeps, then polls; each look that brings nothing
        writes a DRAINED note. A burst that does not empty the queue makes it busy.
    busy: the queue has more than a burst. Neither sleeps nor waits; idle once it is empty.
    dropping: the segment is full and there is no room for another (spool.max_bytes, disk).
        Events are taken and counted, dumps wait. When a segment can be begun, it notes the
        count, a dump becomes due, and the receiver is busy.
    overrun: the kernel has dropped events, and a note says so. A dump becomes due; until it
        begins, further drops are not noted one by one. See OverrunNotes.
    """

    def __init__(
        self,
        config: Config,
        source: EventSource,
        open_dump: Callable[[], socket.socket] = open_dump_socket,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        kernel: KernelState | None = None,
        event_filter: EventFilter | None = None,
    ) -> None:
        self._config = config
        self._source = source
        self._monotonic = monotonic
        self._sleep = sleep
        self._spool = SpoolWriter(config, monotonic)
        self._dump = TableDump(self._spool, config.dumps.interval, open_dump, monotonic)
        self._overruns = OverrunNotes(source, self._spool, reliable=config.socket.reliable)
        self._scope = ScopeNotes(self._spool, config.scope)
        self._watch = Watch(self._spool, kernel or KernelState(), monotonic)
        self._clock = ClockNotes(self._spool)
        self._filter = event_filter or EventFilter()
        self._pace = Pace()
        self._last_read = time.time_ns()
        self._next_tick = 0.0
        self._next_sync = 0.0

    def begin(self, *, inherited: bool) -> None:
        """Continues the stream of an inherited socket, or begins one.

        A new stream begins with a dump: it shows the connections that were there before.
        """
        if inherited and self._spool.continue_stream():
            self._overruns.resume()
            self._watch.resume()
            self._clock.resume()
            self._dump.resume()
            if self._spool.current.has_room():
                self._resume()
                self._scope.begin()
                self._look_around(self._monotonic())
            return
        self._source.set_program(self._filter.program)
        earlier = self._spool.begin_stream()
        rules = self._filter.detail
        self._overruns.begin()
        self._spool.append_note(
            "start",
            mode=self._config.mode,
            pair=self._config.pair or None,
            ctaudit=__version__,
            boot_id=str(read_boot_id()),
            earlier={"node": earlier[0], "stream": str(earlier[1])} if earlier else None,
            kernel=platform.release(),
            inherited=inherited,
            receive_buffer=self._source.buffer,
            reliable=self._config.socket.reliable,
            **({"filter": rules} if rules else {}),
            **self._watch.begin()._asdict(),
        )
        self._spool.words[Word.FILTER] = self._filter.word
        self._scope.begin()

    def _resume(self) -> None:
        """Notes other rules before they are in the kernel, and never the other way round.

        Where there is no room for a note, the socket keeps its program, which the stream knows.
        """
        word, words = self._filter.word, self._spool.words
        is_same = words[Word.FILTER] == word
        told = {} if is_same else {"filter": self._filter.detail}
        pair = self._config.pair or None
        self._spool.append_note("resume", ctaudit=__version__, pair=pair, **told)
        words[Word.FILTER] = word
        self._source.set_program(self._filter.program)
        if not is_same:
            self._dump.request("filter")

    def turn(self) -> None:
        """Waits for the kernel, then takes one burst of events and one datagram of a dump."""
        self._wait()
        if self._spool.current.has_room() or self._roll():
            self._take_events()
            # The burst may have filled the segment, and the dump's frame must fit as well.
            if self._spool.current.has_room():
                self._take_dump()
        else:
            self._drop_events()
        now = self._monotonic()
        if self._config.spool.sync and now >= self._next_sync:
            self._next_sync = now + self._config.spool.sync
            self._spool.sync()
        if now >= self._next_tick:
            self._next_tick = now + _TICK
            self._tick(now)

    def request_dump(self) -> None:
        """Dumps the table as soon as there is room, as after a move to another store."""
        self._dump.request("asked")

    def finish(self, *, going_on: bool) -> None:
        """Takes what is queued; ends the stream unless its socket lives on (``going_on``)."""
        self._dump.abandon()
        deadline = self._monotonic() + _LONGEST_STOP
        self._pace = self._pace._replace(drained=False)
        while not self._pace.drained and self._monotonic() < deadline:
            if not self._spool.current.has_room() and not self._roll():
                break
            self._take_events()
        self._overruns.note_rest(self._last_read)
        if going_on:
            self._spool.close()
        else:
            self._spool.end_stream("the receiver was stopped")

    def _wait(self) -> None:
        delay = self._pace.sleep_before(self._source.buffer, self._dump.wait())
        if delay:
            self._sleep(delay)
        self._source.wait(poll_timeout(self._dump.wait()))

    def _take_events(self) -> None:
        segment, pace = self._spool.current, self._pace
        began = time.time_ns()
        segment.open_frame()
        view, offset, limit = segment.view, segment.offset, segment.limit
        receive = self._source.recv_into
        count, drained, overrun = 0, False, False
        try:
            while count < _BURST and offset <= limit:
                # align() inlined: the call would cost 20 ns an event (a sixth of this loop).
                offset += (receive(view[offset : offset + ROOM]) + 3) & ~3
                count += 1
        except BlockingIOError:
            drained = True
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            overrun = True
        segment.offset = offset
        noted_at, changed = pace.noted_at, False
        if drained and pace.is_note_due(count, began):
            # DRAINED says that all up to now was read: not so if the kernel has dropped events, or
            # announces none.
            overrun, changed = self._look_at_kernel()
            if not (overrun or changed):
                segment.append(pack_drained(began))
                noted_at = began
        read_at = segment.close_frame()
        self._pace = Pace(drained, noted_at)
        if overrun:
            self._handle_overrun()
        if changed:
            self._note_changes()
        if count:
            self._last_read = read_at

    def _look_at_kernel(self) -> tuple[bool, bool]:
        """Whether the kernel has dropped events; whether the watch has something to note."""
        overrun = self._overruns.detect()
        if overrun:
            self._source.clear_congestion()
        return overrun, self._watch.look()

    def _drop_events(self) -> None:
        """Takes a burst out of the socket and counts it without storing it.

        Drops of the kernel are noted when there is room again: they lie in the same gap.
        """
        self._dump.abandon()
        self._pace = self._pace._replace(drained=False)
        try:
            for _ in range(_BURST):
                self._spool.drop(self._source.recv_into)
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._source.grow_buffer()

    def _take_dump(self) -> None:
        if self._dump.is_due():
            self._overruns.note_before_dump(self._last_read)
        self._dump.turn()

    def _roll(self) -> bool:
        was_dropping = self._spool.is_dropping
        rolled = self._spool.roll()
        if rolled and was_dropping:
            log.info("the spool has room again; events are stored from here on")
            self._dump.request("spool full")
        return rolled

    def _handle_overrun(self) -> None:
        """Notes the drops unless the gap is open already; a dump follows after the rush."""
        self._source.grow_buffer()
        if not self._overruns.is_gap_open:
            self._overruns.note(self._last_read)
            log_fault(
                log,
                "overrun",
                "the receive buffer was full and the kernel dropped events; "
                f"the buffer now has {format_size(self._source.buffer)}",
            )
        self._dump.request("overrun", RETRY_AFTER)

    def _tick(self, now: float) -> None:
        # While there is no room for events, the rest of the segment is kept for the last notes.
        if self._spool.current.has_room():
            if self._overruns.detect():
                self._handle_overrun()
            self._look_around(now)
            self._scope.tick(now)
        self._spool.prune()

    def _look_around(self, now: float) -> None:
        if self._watch.look():
            self._note_changes()
        if self._clock.tick(now):
            self._watch.repeat()

    def _note_changes(self) -> None:
        if self._watch.note():
            self._dump.request("settings")
