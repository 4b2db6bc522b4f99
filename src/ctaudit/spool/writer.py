"""Writing the spool: one stream over as many segments as it takes.

A stream outlives its receiver: the next one, with the same socket, continues where the last one
was killed. Events for which the spool has no room are counted in the header of the last segment.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

from ctaudit.config import Config
from ctaudit.config.readers import format_size
from ctaudit.errors import DiskError
from ctaudit.host.log import log_fault
from ctaudit.spool.drop_counter import DropCounter
from ctaudit.spool.recovery import (
    find_burst_end,
    find_last_stream,
    has_dropped_note,
    open_last_segment,
    open_predecessor,
    publish_whole_frames,
)
from ctaudit.spool.retention import delete_oldest, has_room_for_segment, prune_segments
from ctaudit.spool.segment import Segment, Word, create_segment, list_segments
from ctaudit.spool.segment_writer import SegmentWriter

log = logging.getLogger(__name__)

# What a segment takes over from the one before it, beside the counts of drops.
_CARRIED = (Word.LOOKED, Word.SETTINGS, Word.CLASHES, Word.CLOCK_OFFSET, Word.FILTER)
_RETRY_AFTER = 0.05  # seconds between two attempts to begin a segment while there is no room


class SpoolWriter:
    """The stream being written; ``current`` writes its last segment."""

    def __init__(self, config: Config, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._spool = config.spool
        self._has_database = config.database.enabled
        self._node = config.node
        self._monotonic = monotonic
        self.current: SegmentWriter
        self._drops: DropCounter
        self._next_attempt = 0.0
        self._is_full = False

    def begin_stream(self) -> tuple[str, UUID] | None:
        """Begins a new stream in a new segment. Raises DiskError.

        Returns node and UUID of the stream that the spool held last, None where it was empty.
        """
        if self.continue_stream():
            # The socket of the earlier stream is closed: nothing more is received from it.
            self.end_stream("its socket was found closed")
        existing = list_segments(self._spool.directory)
        earlier = find_last_stream(self._spool.directory)
        sequence = existing[-1][0] + 1 if existing else 1
        self._enter(self._create(sequence, uuid4(), 0))
        self._sync_directory()
        return earlier

    def continue_stream(self) -> bool:
        """Goes on behind the last receiver's last byte; False if no stream can be continued."""
        segment = open_last_segment(self._spool.directory)
        if segment is None:
            return False
        if segment.sealed:
            segment.close()
            return False
        publish_whole_frames(segment)
        self._enter(segment)
        self._drops.settle()
        burst_end = find_burst_end(segment)
        if burst_end > segment.end:
            self.current.close_interrupted_frame(burst_end)
        # Without a start note the database would refuse every other note. Behind a cut, positions
        # would be used a second time.
        if self.current.position == 0 or segment.is_truncated:
            segment.seal()
            self.close()
            return False
        if segment.end == 0:
            full = open_predecessor(segment)
            if full is not None:
                self._finish_roll(full)
                full.close()
        return True

    def end_stream(self, reason: str, *, retired: bool = False) -> None:
        """Notes the stream's end and seals the segment; ``retired``: the gateway's own end too."""
        if not has_dropped_note(self.current.segment):
            self._note_dropped(self._drops)
        self.append_note("stop", reason=reason, **({"retired": True} if retired else {}))
        self.current.segment.seal()
        if self._spool.sync:
            self.sync()
        self.close()

    def append_note(self, name: str, **detail: object) -> None:
        """Publishes a note in the current segment."""
        self.current.append_note(name, **detail)

    def roll(self) -> bool:
        """Seals the segment and begins the next one; False while there is no room for it."""
        now = self._monotonic()
        if now < self._next_attempt:
            return False
        self._next_attempt = now + _RETRY_AFTER
        full = self.current
        try:
            segment = self._create_next(full)
        except DiskError as error:
            if not self._is_full:
                log_fault(log, "spool full", f"events are counted and dropped: {error}")
            self._is_full = True
            return False
        self._enter(segment)
        self._finish_roll(full.segment)
        full.close()
        self._next_attempt = 0.0
        self._is_full = False
        return True

    def drop(self, receive: Callable[[memoryview], int]) -> None:
        """Receives one event for which there is no room, and counts it."""
        if not self._drops.events:
            self._drops.begin(time.time_ns(), self.current.offset)
        receive(self._drops.next_slot())
        self._drops.count()

    @property
    def is_dropping(self) -> bool:
        """Whether events were dropped that the next segment will have a note of."""
        return self._drops.events > 0

    @property
    def kernel_drops(self) -> int:
        """The kernel's count of drops, as of the last note that reported it."""
        return int(self.current.segment.words[Word.KERNEL_DROPS])

    def set_kernel_drops(self, drops: int) -> None:
        self.current.segment.words[Word.KERNEL_DROPS] = drops

    @property
    def dump_ended(self) -> int:
        """When the last dump ended, CLOCK_BOOTTIME in nanoseconds; 0: a dump is due."""
        return int(self.current.segment.words[Word.DUMP_ENDED])

    def set_dump_ended(self, boot: int) -> None:
        self.current.segment.words[Word.DUMP_ENDED] = boot

    @property
    def words(self) -> memoryview:
        """The header of the current segment, by Word."""
        return self.current.segment.words

    def prune(self) -> None:
        """Deletes the segments that retention does not keep."""
        self._prune(self.current.segment.path)

    def sync(self) -> None:
        """Writes the current segment to the disk."""
        self.current.segment.sync()

    def close(self) -> None:
        self.current.close()

    def _enter(self, segment: Segment) -> None:
        self.current = SegmentWriter(segment)
        self._drops = DropCounter(segment.words)

    def _finish_roll(self, full: Segment) -> None:
        """Takes over what the header of ``full`` says, seals it and notes what it dropped.

        The note comes last: as long as the new segment is empty, a restart does all this again.
        """
        drops = DropCounter(full.words)
        drops.settle()
        self.set_kernel_drops(full.words[Word.KERNEL_DROPS])
        self.set_dump_ended(0 if drops.events else full.words[Word.DUMP_ENDED])
        for word in _CARRIED:
            self.words[word] = full.words[word]
        if not full.sealed:
            full.seal()
        self._note_dropped(drops)
        if self._spool.sync:
            full.sync()
            self._sync_directory()

    def _note_dropped(self, drops: DropCounter) -> None:
        if drops.events:
            times = {"from": drops.since, "until": time.time_ns()}
            self.append_note("dropped", count=drops.events, **times)

    def _create_next(self, full: SegmentWriter) -> Segment:
        """The segment after ``full``. Raises DiskError when the bound or the disk has no room.

        New events come before committed segments: those are deleted to make room.
        """
        path = full.segment.path
        self._prune(path)
        if not has_room_for_segment(self._spool):
            raise DiskError(
                f"spool.max_bytes = {format_size(self._spool.max_bytes)} is reached in "
                f"{self._spool.directory}: bring {self._name_readers()} back, or raise "
                "spool.max_bytes"
            )
        while True:
            try:
                return self._create(full.segment.sequence + 1, full.segment.stream, full.position)
            except DiskError:
                if not delete_oldest(self._spool, path, has_database=self._has_database):
                    raise

    def _prune(self, current: Path) -> None:
        prune_segments(self._spool, current, has_database=self._has_database)

    def _name_readers(self) -> str:
        return "the database" if self._has_database else "ctaudit forward"

    def _create(self, sequence: int, stream: UUID, base: int) -> Segment:
        return create_segment(
            self._spool.directory, sequence, stream, base, self._spool.segment_bytes, self._node
        )

    def _sync_directory(self) -> None:
        """With spool.sync, the name of a new segment survives a loss of power too."""
        if self._spool.sync:
            directory = os.open(self._spool.directory, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
