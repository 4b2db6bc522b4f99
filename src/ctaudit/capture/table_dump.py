"""A dump of the kernel's table, written into the stream between two notes while events go on."""

from __future__ import annotations

import logging
import os
import socket
import time

from ctaudit.conntrack.netlink import open_dump_socket, scan_dump
from ctaudit.spool.segment import ROOM
from ctaudit.spool.writer import SpoolWriter

log = logging.getLogger(__name__)

RETRY = 0.2  # seconds from an overrun or a failed dump to the next one


class TableDump:
    """When the next dump is due, and the one under way.

    A dump has its own short-lived socket. An event lost while it runs makes it worthless: it
    is then abandoned, and another one begins.
    """

    def __init__(self, spool: SpoolWriter, interval: float) -> None:
        self._spool = spool
        self._interval = interval
        self._socket: socket.socket | None = None
        self._due = time.monotonic()
        self._cause = "start"
        self._began = (0, 0)
        self._entries = 0

    @property
    def wait(self) -> float:
        """Seconds until there is something to do here."""
        return 0.0 if self._socket is not None else max(0.0, self._due - time.monotonic())

    @property
    def is_due(self) -> bool:
        """Whether the next turn begins one."""
        return self._socket is None and time.monotonic() >= self._due

    def resume(self) -> None:
        """After another receiver of the same stream: a dump at once only if one is owed."""
        dumped = self._spool.segment.dumped
        if dumped and not self._spool.dropping:
            since = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - dumped) / 1e9
            self._cause = "interval"
            self._due = time.monotonic() + max(0.0, self._interval - since)
        else:
            self.want("resume")

    def want(self, cause: str, after: float = 0.0) -> None:
        """Another dump is needed soon, in place of one under way."""
        self.abandon()
        self._spool.segment.set_dumped(0)
        self._cause = cause
        self._due = time.monotonic() + after

    def turn(self) -> None:
        """Begins what is due, or takes one datagram of what is under way."""
        if self._socket is not None:
            self._take(self._socket)
        elif self.is_due:
            self._begin()

    def abandon(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _begin(self) -> None:
        self._began = (time.time_ns(), self._spool.position)
        self._entries = 0
        self._spool.append_note("dump begin", cause=self._cause)
        self._cause = "interval"
        self._due = time.monotonic() + self._interval
        self._socket = open_dump_socket()

    def _take(self, dump: socket.socket) -> None:
        spool = self._spool
        spool.open_frame()
        room = spool.view[spool.offset : spool.offset + ROOM]
        try:
            size = dump.recv_into(room)
        except BlockingIOError:
            size = 0
        entries, ended, failed = scan_dump(room[:size])
        self._entries += entries
        spool.offset += (size + 3) & ~3
        spool.close_frame()
        if failed:
            log.warning("a table dump failed (%s); another one follows", os.strerror(failed))
            self.want("again", RETRY)
        elif ended:
            self.abandon()
            began, position = self._began
            spool.append_note(
                "dump end", began_at=began, begin_position=position, entries=self._entries
            )
            spool.segment.set_dumped(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
