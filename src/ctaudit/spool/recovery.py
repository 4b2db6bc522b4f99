"""What a receiver finds in the spool where the last one was killed, or the machine lost power.

After a kill everything that was written is there: at most one frame is not published, stamped or
still open. After a loss of power each page of a file is as it was at some time since its last
sync: only what a checksum confirms is taken.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from uuid import UUID

from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.host import boot
from ctaudit.host.log import log_fault
from ctaudit.spool.chain import load_frame
from ctaudit.spool.drop_counter import DropCounter
from ctaudit.spool.frame import DamagedFrame, read_frame
from ctaudit.spool.note import unpack_note
from ctaudit.spool.segment import (
    HEADER_SIZE,
    DamagedSegment,
    Segment,
    list_segments,
    open_segment,
    opened_segment,
    rename_not_a_segment,
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
            renamed = rename_not_a_segment(path)
            log_fault(log, "damage", f"{path} is not a segment: {damaged}; now {renamed.name}")
            continue
        except FileNotFoundError:
            continue
        if last is not None:
            if not last.sealed:
                publish_whole_frames(last)
                last.seal()
            last.close()
        last = segment
    return last


def find_last_stream(directory: Path) -> tuple[str, UUID] | None:
    """Node and UUID of the stream of the newest segment that is one; None in an empty spool."""
    for _, path in reversed(list_segments(directory)):
        with (
            contextlib.suppress(DamagedSegment, FileNotFoundError),
            opened_segment(path, writable=False) as segment,
        ):
            return segment.node, segment.stream
    return None


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


def publish_whole_frames(segment: Segment) -> None:
    """Publishes the stamped frames that follow the published end."""
    end = segment.end
    with (
        memoryview(segment.memory) as whole,
        whole[HEADER_SIZE:] as data,
        contextlib.suppress(DamagedFrame),
    ):
        while True:
            end = read_frame(data, end, segment.base + end).end
    if end > segment.end:
        segment.publish(end)


def find_burst_end(segment: Segment) -> int:
    """The end of the burst that was being received when the receiver was killed.

    Behind the published end there is a head that is not stamped, and whole messages; the zeros of
    the new file follow. If the machine has booted since, the messages may be torn, and no checksum
    shows it: the published end is returned.
    """
    end = segment.end
    if segment.boot_id != boot.read_boot_id():
        return end
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
    with contextlib.suppress(DamagedFrame):
        while drops.events and offset < end:
            frame, body = load_frame(segment, offset)
            note = unpack_note(body)
            if note is not None and note.name == "dropped":
                return True
            offset = frame.end
    return False
