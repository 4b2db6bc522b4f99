"""What a spool says of itself without the database: the headers of its segments, and its files."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ctaudit.spool.chain import find_frame, load_frame
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.segment import DamagedSegment, Segment, Word, list_segments, opened_segment

_KEPT = (".damaged", ".foreign")


@dataclass(frozen=True)
class SpoolReading:
    """Sizes in bytes.

    ``used``, ``files``: of the segments; ``free``: on their file system; ``kept``: damaged files
    and such that are no segments; ``waiting``: bytes that are not committed; ``oldest``: seconds
    since the first of them was received, 0: none waits; ``received``: bytes of the newest stream;
    ``kernel_drops``: of its socket, as noted last; ``dropped``: events that the receiver dropped,
    as the kept segments say; ``looked``: when the receiver looked at the kernel last, seconds
    since 1970.
    """

    used: int
    files: int
    free: int
    kept: int
    waiting: int
    oldest: float
    received: int
    kernel_drops: int
    dropped: int
    looked: float


def read_spool(directory: Path) -> SpoolReading | None:
    """None: it has no segment. Raises OSError where this user may not read it."""
    used = files = waiting = dropped = received = kernel_drops = looked = 0
    oldest: float | None = None
    for _, path in list_segments(directory):
        with (
            suppress(DamagedSegment, FileNotFoundError),
            opened_segment(path, writable=False) as segment,
        ):
            used += path.stat().st_size
            files += 1
            lacking = max(0, segment.end - segment.committed)
            waiting += lacking
            if lacking and oldest is None:
                oldest = measure_age(segment, segment.committed)
            dropped += segment.words[Word.DROPPED]
            received = segment.base + segment.end
            kernel_drops = segment.words[Word.KERNEL_DROPS]
            looked = segment.words[Word.LOOKED]
    if not files:
        return None
    room = os.statvfs(directory)
    kept = sum(path.suffix.startswith(_KEPT) for path in directory.iterdir())
    return SpoolReading(
        used=used,
        files=files,
        free=room.f_bavail * room.f_frsize,
        kept=kept,
        waiting=waiting,
        oldest=oldest or 0.0,
        received=received,
        kernel_drops=kernel_drops,
        dropped=dropped,
        looked=looked / 1e9,
    )


def measure_age(segment: Segment, offset: int) -> float | None:
    """Seconds since the frame at ``offset`` was received; None: it is damaged."""
    with suppress(DamagedFrame):
        frame, _ = load_frame(segment, find_frame(segment, offset))
        return max(0.0, time.time() - frame.received / 1e9)
    return None
