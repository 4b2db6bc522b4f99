"""What the next receiver finds in the spool, and repairs, where the last one was killed."""

from __future__ import annotations

import logging
from pathlib import Path

from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.host.log import log_fault
from ctaudit.spool.chain import load_frame
from ctaudit.spool.drop_counter import DropCounter
from ctaudit.spool.note import unpack_note
from ctaudit.spool.segment import (
    HEADER_SIZE,
    DamagedSegment,
    Segment,
    list_segments,
    move_aside,
    open_segment,
)

log = logging.getLogger(__name__)


def open_last_segment(directory: Path) -> Segment | None:
    """Opens the newest segment; seals those before it, which nobody writes any more.

    A file that has the name of a segment and is none is renamed.
    """
    last: Segment | None = None
    for _, path in list_segments(directory):
        try:
            segment = open_segment(path)
        except DamagedSegment as damaged:
            aside = move_aside(path)
            log_fault(log, "damage", f"{path} is set aside as {aside.name}: {damaged}")
            continue
        except FileNotFoundError:
            continue
        if last is not None:
            if not last.sealed:
                last.seal()
            last.close()
        last = segment
    return last


def open_predecessor(segment: Segment) -> Segment | None:
    """The segment of the same stream that precedes ``segment``, None if there is none."""
    for sequence, path in list_segments(segment.path.parent):
        if sequence == segment.sequence - 1:
            try:
                earlier = open_segment(path)
            except (DamagedSegment, FileNotFoundError):
                return None
            if earlier.stream == segment.stream:
                return earlier
            earlier.close()
    return None


def find_burst_end(segment: Segment) -> int:
    """The end of the messages that were received after the last publish.

    What recv() had written before the kill is there as whole messages; zeros follow, as the
    file was allocated.
    """
    end = segment.end
    while end + HEADER.size <= segment.capacity:
        length, kind = HEADER.unpack_from(segment.memory, HEADER_SIZE + end)[:2]
        if length < HEADER.size or end + length > segment.capacity or kind == 0:
            break
        end += align(length)
    return min(end, segment.capacity)


def has_dropped_note(segment: Segment) -> bool:
    """Whether the segment already contains the note that reports its drop counter."""
    drops = DropCounter(segment.words)
    offset, end = drops.noted_from, segment.end
    while drops.events and offset < end:
        frame, body = load_frame(segment, offset)
        note = unpack_note(body)
        if note is not None and note.name == "dropped":
            return True
        offset = frame.end
    return False
