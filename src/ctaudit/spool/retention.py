"""Which segments stay: those not committed always, the others for a while and within a bound."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from ctaudit.config import SpoolSection
from ctaudit.spool.segment import HEADER_SIZE, DamagedSegment, list_segments, opened_segment


@dataclass(frozen=True)
class _Kept:
    path: Path
    size: int
    age: float


def has_room_for_segment(spool: SpoolSection) -> bool:
    """Whether spool.max_bytes allows one more."""
    return measure_spool(spool.directory) + HEADER_SIZE + spool.segment_bytes <= spool.max_bytes


def measure_spool(directory: Path) -> int:
    """Bytes that the segments occupy."""
    total = 0
    for _, path in list_segments(directory):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def prune_segments(spool: SpoolSection, current: Path) -> None:
    """Deletes committed segments past spool.keep or beyond spool.keep_bytes.

    The oldest go, too, as long as they take the room that the next segment needs.
    """
    kept = _list_committed(spool.directory, current)
    excess = measure_spool(spool.directory) + HEADER_SIZE + spool.segment_bytes - spool.max_bytes
    total = sum(segment.size for segment in kept)
    for segment in kept:
        if segment.age <= spool.keep and total <= spool.keep_bytes and excess <= 0:
            break
        with contextlib.suppress(OSError):
            segment.path.unlink()
        total -= segment.size
        excess -= segment.size


def drop_oldest(spool: SpoolSection, current: Path) -> bool:
    """Deletes the oldest committed segment: a new one comes before one that is merely kept."""
    for segment in _list_committed(spool.directory, current)[:1]:
        segment.path.unlink(missing_ok=True)
        return True
    return False


def _list_committed(directory: Path, current: Path) -> list[_Kept]:
    """Sealed segments that the database holds in full, oldest first."""
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
                found.append(_Kept(path, HEADER_SIZE + segment.capacity, age))
    return found
