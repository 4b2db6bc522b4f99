"""The spool as the recorder sees it: where in which segment the database's position lies."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from ctaudit.errors import PrivilegeError
from ctaudit.spool.segment import (
    DamagedSegment,
    Segment,
    list_segments,
    open_segment,
    opened_segment,
)

FindPosition = Callable[[str, UUID], "int | None"]


@dataclass(frozen=True)
class MissingBytes:
    """Bytes of a stream that no segment has: from what the database holds to what is next.

    ``closed``: when the next segment was made, nanoseconds: what is missing had been read then.
    """

    node: str
    stream: UUID
    first: int
    until: int
    known: bool
    closed: int = field(default=0, compare=False)


@dataclass(frozen=True)
class NotASegment:
    """A file with a segment's name that is none."""

    path: Path
    reason: str


def find_place(
    paths: Sequence[Path], find_position: FindPosition, *, writable: bool = True
) -> tuple[Segment, int] | MissingBytes | NotASegment | None:
    """The first segment with something to record, opened, and the offset to go on from.

    Or what stands in the way, or None when all that is there has been recorded. A segment
    that is still being written counts as something to record.
    """
    for path in paths:
        try:
            segment = open_segment(path, writable=writable)
        except FileNotFoundError:
            continue
        except PermissionError:
            raise PrivilegeError(f"{path}: the recorder may not open this segment") from None
        except DamagedSegment as damaged:
            return NotASegment(path, str(damaged))
        known = find_position(segment.node, segment.stream)
        position = known or 0
        if position < segment.base:
            segment.close()
            return MissingBytes(
                segment.node,
                segment.stream,
                position,
                segment.base,
                known is not None,
                segment.created,
            )
        # Sealed is read first: what is published before the seal is then seen, too.
        sealed, offset = segment.sealed, position - segment.base
        if offset < segment.end or not sealed:
            if sealed and writable:
                repair_end(paths, segment)
            return segment, min(offset, segment.end)
        if writable:
            segment.commit(segment.end)
        segment.close()
    return None


def repair_end(paths: Sequence[Path], segment: Segment) -> None:
    """Sets a sealed segment's end to where the next one begins: only that has a checksum.

    An end that is too far on would lead into the middle of the next segment.
    """
    for path in paths:
        if path.name != f"{segment.sequence + 1:012d}{segment.path.suffix}":
            continue
        with contextlib.suppress(DamagedSegment, OSError), opened_segment(path) as later:
            length = later.base - segment.base
            if later.stream == segment.stream and 0 <= length != segment.end:
                segment.publish(length)


def has_later_data(paths: Sequence[Path], segment: Segment) -> bool:
    """Whether something has been published in a segment after this one."""
    for path in reversed(paths):
        if path == segment.path:
            return False
        with contextlib.suppress(DamagedSegment, OSError), opened_segment(path) as later:
            if later.sequence > segment.sequence and later.end:
                return True
    return False


def list_paths(directory: Path) -> list[Path]:
    return [path for _, path in list_segments(directory)]
