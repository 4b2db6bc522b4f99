"""Dumps of the kernel's table, written into the stream between two notes, among the events."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable

from ctaudit.conntrack.filter import find_digest
from ctaudit.conntrack.netlink import open_dump_socket, scan_dump
from ctaudit.conntrack.nlmsg import align
from ctaudit.spool.segment import ROOM, Word
from ctaudit.spool.writer import SpoolWriter

log = logging.getLogger(__name__)

RETRY_AFTER = 0.2  # seconds from an overrun or a failed dump to the next dump


class TableDump:
    """Schedules dumps, and runs one at a time, a datagram a turn, on a socket of its own.

    An event that is lost during a dump makes the dump worthless: it is abandoned and another one
    is requested. An abandoned dump has no "dump end" note.
    """

    def __init__(
        self,
        spool: SpoolWriter,
        interval: float,
        open_dump: Callable[[], socket.socket] = open_dump_socket,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._interval = interval
        self._open_dump = open_dump
        self._monotonic = monotonic
        self._socket: socket.socket | None = None
        self._due = monotonic()
        self._cause = "start"
        self._began = (0, 0)
        self._entries = 0

    def wait(self) -> float:
        """Seconds until a turn has something to do; 0 while a dump runs."""
        return 0.0 if self._socket is not None else max(0.0, self._due - self._monotonic())

    def is_due(self) -> bool:
        """Whether the next turn begins a dump."""
        return self._socket is None and self._monotonic() >= self._due

    def resume(self) -> None:
        """Continues a predecessor's stream: a dump at once if events were lost since the last."""
        ended = self._spool.dump_ended
        if ended and not self._spool.is_dropping:
            since = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - ended) / 1e9
            self._cause = "interval"
            self._due = self._monotonic() + max(0.0, self._interval - since)
        else:
            self.request("resume")

    def request(self, cause: str, after: float = 0.0) -> None:
        """Abandons a dump that runs; another one begins in ``after`` seconds."""
        self.abandon()
        self._spool.set_dump_ended(0)
        self._cause = cause
        self._due = self._monotonic() + after

    def turn(self) -> None:
        """Begins a dump that is due, or takes one datagram of the one that runs."""
        if self._socket is not None:
            self._take(self._socket)
        elif self.is_due():
            self._begin()

    def abandon(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _begin(self) -> None:
        self._began = (time.time_ns(), self._spool.current.position)
        self._entries = 0
        digest = find_digest(self._spool.words[Word.FILTER])
        told = {} if digest is None else {"filter": digest}
        self._spool.append_note("dump begin", cause=self._cause, **told)
        self._cause = "interval"
        self._due = self._monotonic() + self._interval
        self._socket = self._open_dump()

    def _take(self, dump: socket.socket) -> None:
        segment = self._spool.current
        segment.open_frame()
        room = segment.view[segment.offset : segment.offset + ROOM]
        try:
            size = dump.recv_into(room)
        except BlockingIOError:
            size = 0
        entries, ended, failed = scan_dump(room[:size])
        self._entries += entries
        segment.offset += align(size)
        segment.close_frame()
        if failed:
            log.warning("a table dump failed (%s); it will be repeated", os.strerror(failed))
            self.request("again", RETRY_AFTER)
        elif ended:
            self.abandon()
            began, position = self._began
            self._spool.append_note(
                "dump end", began_at=began, begin_position=position, entries=self._entries
            )
            self._spool.set_dump_ended(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
