"""Where in the spool the recorder has to read on. Nothing here changes the spool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ctaudit.errors import PrivilegeError
from ctaudit.record.positions import Span
from ctaudit.spool.order import find_end
from ctaudit.spool.segment import DamagedSegment, Segment, opened_segment

FindPosition = Callable[[str, UUID], "int | None"]


@dataclass(frozen=True)
class Ready:
    """A segment with something to record, from ``offset`` on.

    ``true_end``: where a sealed segment ends if its header says something else.
    """

    path: Path
    offset: int
    true_end: int | None = None


@dataclass(frozen=True)
class MissingBytes:
    """Bytes of a stream that are in no segment.

    ``is_known``: the database knows the stream. ``closed``: when the next segment was made,
    nanoseconds since 1970; what is missing had been received by then.
    """

    span: Span
    is_known: bool
    closed: int


@dataclass(frozen=True)
class NotASegment:
    """A file that has the name of a segment and cannot be read as one."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Located:
    """``place``: what comes next; None: everything has been recorded.

    ``stored``: earlier segments that the database has in full and that are not marked as such.
    """

    place: Ready | MissingBytes | NotASegment | None
    stored: tuple[Path, ...] = ()


def locate(paths: Sequence[Path], find_position: FindPosition) -> Located:
    """The first of the segments, oldest first, that is not recorded in full.

    A segment that is still being written is always Ready. Raises PrivilegeError, and what
    ``find_position`` raises.
    """
    stored: list[Path] = []
    for path in paths:
        place: Ready | MissingBytes | NotASegment | None
        try:
            with opened_segment(path, writable=False) as segment:
                place = _place_in(segment, paths, find_position)
                is_unmarked = segment.committed != segment.end
        except FileNotFoundError:
            continue
        except PermissionError:
            raise PrivilegeError(f"{path}: the recorder may not open this segment") from None
        except DamagedSegment as damaged:
            place = NotASegment(path, str(damaged))
        if place is not None:
            return Located(place, tuple(stored))
        if is_unmarked:
            stored.append(path)
    return Located(None, tuple(stored))


def _place_in(
    segment: Segment, paths: Sequence[Path], find_position: FindPosition
) -> Ready | MissingBytes | None:
    known = find_position(segment.node, segment.stream)
    position = known or 0
    if position < segment.base:
        span = Span(segment.node, segment.stream, position, segment.base)
        return MissingBytes(span, known is not None, segment.created)
    # The seal is read before the end: what was published before the seal is then seen, too.
    sealed, offset, end = segment.sealed, position - segment.base, segment.end
    if not sealed:
        return Ready(segment.path, min(offset, end))
    if offset >= end:
        return None
    true_end = find_end(paths, segment)
    return Ready(segment.path, min(offset, true_end), true_end if true_end != end else None)
