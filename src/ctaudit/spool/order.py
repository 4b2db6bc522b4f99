"""Where a segment ends, by what stands in the ones after it.

A loss of power may leave the words of a segment's header as they were a while before; what a later
segment says is newer.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ctaudit.spool.segment import DamagedSegment, Segment, list_segments, opened_segment

_LOOK_EVERY = 1.0  # seconds


def find_end(paths: Sequence[Path], segment: Segment) -> int:
    """The end of a sealed segment: the base of the next one of its stream, if there is one.

    The header's checksum covers the base but not the end. An end that is too large would lead
    into the middle of the next segment.
    """
    name = f"{segment.sequence + 1:012d}{segment.path.suffix}"
    for path in paths:
        if path.name != name:
            continue
        with (
            contextlib.suppress(DamagedSegment, OSError),
            opened_segment(path, writable=False) as later,
        ):
            if later.stream == segment.stream and later.base >= segment.base:
                return later.base - segment.base
    return segment.end


def has_later_data(paths: Sequence[Path], segment: Segment) -> bool:
    """Whether something has been published in a segment after this one."""
    for path in reversed(paths):
        if path == segment.path:
            return False
        with (
            contextlib.suppress(DamagedSegment, OSError),
            opened_segment(path, writable=False) as later,
        ):
            if later.sequence > segment.sequence and later.end:
                return True
    return False


def list_paths(directory: Path) -> list[Path]:
    return [path for _, path in list_segments(directory)]


class SealRepair:
    """Seals a segment again if a loss of power has undone its seal.

    Without it the recorder would wait for ever for more data there. Looks once a second at most.
    """

    def __init__(self, list_segments: Callable[[], Sequence[Path]]) -> None:
        self._list = list_segments
        self._next_look = 0.0

    def restore(self, segment: Segment, *, at_once: bool) -> bool:
        """Seals the segment if a later one has data: the writer seals one before it uses the next.

        False if there was nothing to do.
        """
        now = time.monotonic()
        if not at_once and now < self._next_look:
            return False
        self._next_look = now + _LOOK_EVERY
        if segment.sealed or not has_later_data(self._list(), segment):
            return False
        segment.seal()
        return True
