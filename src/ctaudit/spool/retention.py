"""Retention of segments.

A segment that is not committed is never deleted. Committed ones are kept for spool.keep and up to
spool.keep_bytes, so that a database whose position goes back can be filled again; one that an
output has not read stays after spool.keep, too. They give way where a new segment needs their room.

Without a database "committed" is what every output has read.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from ctaudit.config import SpoolSection
from ctaudit.spool.output_state import OutputState, has_read, list_states
from ctaudit.spool.segment import (
    HEADER_SIZE,
    DamagedSegment,
    Segment,
    list_segments,
    opened_segment,
)


@dataclass(frozen=True)
class _Committed:
    """A sealed segment that may be deleted; ``age``: seconds since it was sealed.

    ``is_read``: by every output.
    """

    path: Path
    size: int
    age: float
    is_read: bool


def has_room_for_segment(spool: SpoolSection) -> bool:
    """Whether one more segment stays within spool.max_bytes."""
    return measure_spool(spool.directory) + HEADER_SIZE + spool.segment_bytes <= spool.max_bytes


def measure_spool(directory: Path) -> int:
    """Bytes that the segments occupy."""
    total = 0
    for _, path in list_segments(directory):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def prune_segments(spool: SpoolSection, current: Path, *, has_database: bool = True) -> None:
    """Deletes committed segments older than spool.keep or beyond spool.keep_bytes.

    The oldest are also deleted while they take the room of the next segment (spool.max_bytes).
    ``current`` is never deleted.
    """
    committed = _list_committed(spool.directory, current, has_database=has_database)
    excess = measure_spool(spool.directory) + HEADER_SIZE + spool.segment_bytes - spool.max_bytes
    total = sum(segment.size for segment in committed)
    for segment in committed:
        is_wanted = segment.age <= spool.keep or not segment.is_read
        if is_wanted and total <= spool.keep_bytes and excess <= 0:
            break
        with contextlib.suppress(OSError):
            segment.path.unlink()
        total -= segment.size
        excess -= segment.size


def delete_oldest(spool: SpoolSection, current: Path, *, has_database: bool = True) -> bool:
    """Deletes the oldest committed segment; False if there is none."""
    committed = _list_committed(spool.directory, current, has_database=has_database)
    if not committed:
        return False
    committed[0].path.unlink(missing_ok=True)
    return True


def _list_committed(directory: Path, current: Path, *, has_database: bool) -> list[_Committed]:
    """Oldest first."""
    now = time.time_ns()
    outputs = _list_outputs(directory)
    found = []
    for _, path in list_segments(directory):
        if path == current:
            continue
        with (
            contextlib.suppress(DamagedSegment, OSError),
            opened_segment(path, writable=False) as segment,
        ):
            is_read = all(has_read(output, segment) for output in outputs)
            is_done = _is_stored(segment) if has_database else bool(outputs) and is_read
            if segment.sealed and is_done:
                age = (now - segment.sealed) / 1e9
                found.append(_Committed(path, HEADER_SIZE + segment.capacity, age, is_read))
    return found


def _is_stored(segment: Segment) -> bool:
    """Whether the database holds the segment in full."""
    return segment.committed >= segment.end


def _list_outputs(directory: Path) -> list[OutputState]:
    try:
        return list(list_states(directory))
    except OSError:
        return []
