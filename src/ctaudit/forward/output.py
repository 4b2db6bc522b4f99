"""One output: reads, writes, and now and then records how far it has come."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ctaudit.config import Config, OutputSection
from ctaudit.config.readers import split_destination
from ctaudit.conntrack.filter_notation import read_rules
from ctaudit.errors import CtauditError
from ctaudit.forward.file_sink import FileSink
from ctaudit.forward.lines import Lines
from ctaudit.forward.reader import Reader
from ctaudit.forward.socket_sink import SocketSink
from ctaudit.host.log import log_fault
from ctaudit.spool.output_state import (
    FileMark,
    OutputState,
    read_state,
    write_state,
)

log = logging.getLogger(__name__)

_SETTLE_EVERY = 1.0  # seconds between two records of the place while lines are written
_RECORD_EVERY = 10.0  # seconds, while none are
_STUCK_AFTER = 10.0  # seconds until a collector that reads nothing is said to take no lines
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 10.0  # seconds between two tries
_STEPS_A_TURN = 50
_MOST_UNREAD = 64 << 20  # bytes that a collector's kernel may hold, twice tcp_rmem of Linux 6.18
_BLOCK = 512 << 10  # characters that are read before they are written


class Sink(Protocol):
    """Where the lines of an output go. Most methods may raise OSError.

    ``write`` and ``flush``: whether all has been written, or sent; ``settle``: whether it has
    arrived. ``settle`` is asked only when all has been sent.
    """

    @property
    def can_resume(self) -> bool:
        """Whether what an error has left unwritten is written by the next ``flush``."""

    @property
    def is_open(self) -> bool: ...
    @property
    def mark(self) -> FileMark | None: ...
    def open(self, mark: FileMark | None) -> None: ...
    def close(self) -> None: ...
    def write(self, block: bytes) -> bool: ...
    def flush(self) -> bool: ...
    def settle(self) -> bool: ...
    def is_rotated(self) -> bool: ...
    def unread(self) -> int: ...


def make_sink(section: OutputSection) -> Sink:
    kind, place, port = split_destination(section.to)
    return FileSink(Path(place)) if kind == "file" else SocketSink(kind, place, port)


class Output:
    """``turn`` never raises for what is wrong with the destination or the spool: it waits.

    The state on the disk names the place up to which every line is delivered; whatever has been
    written beyond it is written again after a kill, and a file is cut back to it before.
    """

    def __init__(
        self, config: Config, name: str, sink: Sink, clock: Callable[[], float] = time.monotonic
    ) -> None:
        section, self._directory = config.output[name], config.spool.directory
        self._name, self._to, self._is_synced = name, section.to, section.sync
        self._sink, self._clock = sink, clock
        self._state = read_state(self._directory, name) or OutputState(name)
        self._lines = Lines(config, section)
        self._reader = Reader(
            name,
            self._directory,
            self._lines,
            self._state.place,
            self._state.lost,
            read_rules(config.filter),
        )
        self._count = self._state.lines
        self._sent = 0  # bytes over this connection
        # (bytes over this connection, how far the state was then), the oldest first
        self._marks: deque[tuple[int, OutputState]] = deque()
        self._settled = self._moved_at = clock()
        self._retry_at, self._delay, self._said = 0.0, 0.0, ""
        self._is_settling = False
        self.must_reopen = False

    @property
    def state(self) -> OutputState:
        """As it is on the disk."""
        return self._state

    @property
    def is_settled(self) -> bool:
        """Whether the state on the disk says all that has been read."""
        return self._reader.place == self._state.place

    def turn(self, *, stop: bool = False) -> bool:
        """Takes one step; False when there is nothing to do now."""
        if self._clock() < self._retry_at and not stop:
            return False
        try:
            if not self._sink.is_open:
                self._open()
            moved = self._take_step(stop=stop)
        except (OSError, CtauditError) as error:
            self._fail(error)
            return False
        return moved

    def close(self) -> None:
        self._sink.close()
        self._reader.close()

    def _open(self) -> None:
        self._sink.open(self._state.mark)
        self._sent = 0
        self._marks = deque([(0, self._state)])
        if self._sink.mark != self._state.mark:
            self._record(works=False)

    def _take_step(self, *, stop: bool) -> bool:
        sink = self._sink
        if not sink.flush():
            self._watch_stuck()
            return False
        if self.must_reopen or self._is_due(_SETTLE_EVERY):
            self.must_reopen = False
            if sink.is_rotated():
                self._reopen()
                return True
        if self._is_settling:
            return self._settle()
        try:
            moved, lines = self._read()
        except (OSError, CtauditError):
            self._begin_again()
            raise
        if lines:
            block = "".join(lines).encode()
            self._count += len(lines)
            self._sent += len(block)
            if not sink.write(block):
                return True
        self._note_movement(moved)
        if self._must_settle(stop=stop):
            self._is_settling = True
            self._settle()
        return moved

    def _read(self) -> tuple[bool, list[str]]:
        """Reads until a block is full or nothing more is published."""
        lines: list[str] = []
        moved, size = False, 0
        for _ in range(_STEPS_A_TURN):
            if not self._reader.read():
                break
            moved = True
            found = self._lines.take()
            lines += found
            size += sum(map(len, found))
            if size >= _BLOCK:
                break
        return moved, lines

    def _must_settle(self, *, stop: bool) -> bool:
        if self._state.fault and self._is_due(_SETTLE_EVERY):
            return True
        if self._reader.place == self._state.place:
            return False
        if stop or self._reader.place.sequence != self._state.place.sequence:
            return True
        if self._count == self._state.lines:
            return self._is_due(_RECORD_EVERY)
        return self._is_synced or self._is_due(_SETTLE_EVERY)

    def _is_due(self, seconds: float) -> bool:
        return self._clock() - self._settled >= seconds

    def _settle(self) -> bool:
        """Records the place once everything has been delivered; False: not yet."""
        try:
            delivered = self._sink.settle()
        except OSError:
            # What the disk has of the last block is unknown after a failed fsync.
            self._begin_again()
            raise
        if not delivered:
            self._watch_stuck()
            return False
        self._is_settling = False
        self._record()
        self._note_movement(True)
        return True

    def _record(self, *, works: bool = True) -> None:
        """``works``: what was written has arrived. Raises OSError, and leaves the former state."""
        state = OutputState(
            self._name, self._reader.place, self._sink.mark, self._reader.lost, self._count
        )
        if not works:
            fault = self._state
            state = replace(state, fault=fault.fault, fault_since=fault.fault_since)
        write_state(self._directory, state)
        if self._state.fault and works:
            log.warning("output %s: %s takes lines again", self._name, self._to)
        self._state = state
        self._settled = self._clock()
        if works:
            self._delay, self._said = 0.0, ""
        self._marks.append((self._sent, state))
        while len(self._marks) > 1 and self._marks[1][0] <= self._sent - _MOST_UNREAD:
            self._marks.popleft()

    def _reopen(self) -> None:
        """After a rotation: the old file ends where the state says, and a new one begins."""
        self._settle()
        self._sink.close()
        self._open()

    def _begin_again(self) -> None:
        """Goes back to what is surely delivered."""
        unread, marks = self._sink.unread(), self._marks
        self._sink.close()
        if unread and marks:
            floor = marks[-1][0] - unread
            sure = next((state for sent, state in reversed(marks) if sent <= floor), marks[0][1])
            self._state = replace(
                sure, fault=self._state.fault, fault_since=self._state.fault_since
            )
        self._reader.seek(self._state.place, self._state.lost)
        self._count = self._state.lines
        self._is_settling = False

    def _watch_stuck(self) -> None:
        if self._clock() - self._moved_at >= _STUCK_AFTER:
            self._say_fault(f"{self._to} takes no lines")

    def _note_movement(self, moved: bool) -> None:
        if moved or not self._state.fault:
            self._moved_at = self._clock()

    def _fail(self, error: OSError | CtauditError) -> None:
        self._delay = min(2 * self._delay or _FIRST_DELAY, _LONGEST_DELAY)
        self._retry_at = self._clock() + self._delay
        sink = self._sink
        if sink.is_open and (not sink.can_resume or sink.is_rotated()):
            self._begin_again()
        words = getattr(error, "strerror", None) or str(error)
        self._say_fault(f"{self._to}: {words}")

    def _say_fault(self, sentence: str) -> None:
        """Logs it once, and writes it into the state for status and check."""
        if sentence == self._said:
            return
        self._said = sentence
        log_fault(log, "output", f"output {self._name}: {sentence}; it is tried again")
        since = self._state.fault_since or time.time_ns()
        self._state = replace(self._state, fault=sentence, fault_since=since)
        try:
            write_state(self._directory, self._state)
        except OSError as error:
            log.warning("%s: %s", self._directory, error.strerror)
