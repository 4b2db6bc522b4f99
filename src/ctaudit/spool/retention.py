"""Retention of segments.

A segment that is not committed is never deleted. Committed ones are kept for spool.keep and up to
spool.keep_bytes, so that a database whose position goes back can be filled again; they give way
where a new segment needs their room.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from ctaudit.config import SpoolSection
from ctaudit.spool.segment import HEADER_SIZE, DamagedSegment, list_segments, opened_segment


@dataclass(frozen=True)
class _Committed:
    """A sealed segment that the database holds in full; ``age``: seconds since it was sealed."""

    path: Path
    size: int
    age: float


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


def prune_segments(spool: SpoolSection, current: Path) -> None:
    """Deletes committed segments older than spool.keep or beyond spool.keep_bytes.

    The oldest are also deleted while they take the room of the next segment (spool.max_bytes).
    ``current`` is never deleted.
    """
    committed = _list_committed(spool.directory, current)
    excess = measure_spool(spool.directory) + HEADER_SIZE + spool.segment_bytes - spool.max_bytes
    total = sum(segment.size for segment in committed)
    for segment in committed:
        if segment.age <= spool.keep and total <= spool.keep_bytes and excess <= 0:
            break
        with contextlib.suppress(OSError):
            segment.path.unlink()
        total -= segment.size
        excess -= segment.size


def delete_oldest(spool: SpoolSection, current: Path) -> bool:
    """Deletes the oldest committed segment; False if there is none."""
    committed = _list_committed(spool.directory, current)
    if not committed:
        return False
    committed[0].path.unlink(missing_ok=True)
    return True


def _list_committed(directory: Path, current: Path) -> list[_Committed]:
    """Oldest first."""
    now = time.time_ns()
    found = []
    for _, path in list_segments(directory):
        if path == current:
            continue
        with (
            contextlib.suppress(DamagedSegment, OSError),
            opened_segment(path, writable=False) as segment,
        ):
            if segment.sealed and segment.committed >= segment.end:
                age = (now - segment.sealed) / 1e9
                found.append(_Committed(path, HEADER_SIZE + segment.capacity, age))
    return found
