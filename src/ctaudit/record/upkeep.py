"""What the recorder changes in the spool; a replay changes nothing.

Besides, it marks in the header of the segment being read how far it is committed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from ctaudit.errors import PrivilegeError
from ctaudit.host.log import log_fault
from ctaudit.record.locate import FindPosition, NotASegment, Ready
from ctaudit.spool.segment import DamagedSegment, Segment, open_segment, rename_not_a_segment

log = logging.getLogger(__name__)


def mark_committed(paths: Iterable[Path]) -> None:
    """Marks sealed segments as committed in full, so that retention may delete them."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError, DamagedSegment):
            segment = _open(path)
            segment.commit(segment.end)
            segment.close()


def unmark_lost(paths: Iterable[Path], find_position: FindPosition) -> None:
    """Takes back the marks of what the database has no more, so that retention keeps it.

    Its position goes back after a failover to a standby that lagged, or a restored backup. Raises
    what ``find_position`` raises.
    """
    for path in paths:
        with (
            contextlib.suppress(FileNotFoundError, DamagedSegment),
            contextlib.closing(_open(path)) as segment,
        ):
            held = (find_position(segment.node, segment.stream) or 0) - segment.base
            if segment.committed > max(held, 0):
                segment.commit(max(held, 0))


def open_ready(ready: Ready, *, writable: bool) -> Segment | None:
    """Opens a segment and, if writable, repairs its end; None if it has changed meanwhile."""
    try:
        segment = _open(ready.path, writable=writable)
    except (FileNotFoundError, DamagedSegment):
        return None
    if writable and ready.true_end is not None:
        segment.publish(ready.true_end)
    return segment


def rename_foreign(found: NotASegment) -> None:
    """Renames a file that is not a segment, so that it is not looked at again."""
    new = rename_not_a_segment(found.path)
    log_fault(log, "damage", f"{found.path} is not a segment: {found.reason}; now {new.name}")


def _open(path: Path, *, writable: bool = True) -> Segment:
    try:
        return open_segment(path, writable=writable)
    except PermissionError:
        raise PrivilegeError(f"{path}: the recorder may not open this segment") from None
