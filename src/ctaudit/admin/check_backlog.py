"""check: whether what the receiver has published reaches the database.

The database is asked, not the recorder: one that hangs, or records elsewhere, tells nothing wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.spool.backlog import measure_age
from ctaudit.spool.segment import DamagedSegment, list_segments, opened_segment

PATIENCE = 10.0  # seconds in which the database has what was published before
_PAUSE = 0.25
_LONGEST_LAG = 60.0  # seconds; more is said, though the recorder may be catching up


@dataclass(frozen=True)
class Published:
    """What the spool holds of a stream: positions ``first`` to ``end``."""

    node: str
    stream: UUID
    first: int
    end: int


@dataclass(frozen=True)
class Backlog:
    """Bytes that the database lacked at the first and the last look, and seconds in between.

    ``lag``: seconds since the oldest byte that it lacks was received; None: not known.
    """

    before: int
    after: int
    took: float
    lag: float | None = None


Positions = Mapping[UUID, int]


def judge_backlog(backlog: Backlog) -> Finding:
    lag = "" if backlog.lag is None else f", the oldest received {backlog.lag:,.0f} s ago"
    remedy = "the reason is in the finding on the recorder, or in journalctl -u of its unit"
    if backlog.after <= 0:
        return Finding("backlog", Level.GOOD, "the database has all that was received")
    if backlog.after >= backlog.before:
        return make_finding(
            "backlog",
            f"the database took nothing in {backlog.took:.0f} s; {backlog.after:,} bytes wait{lag}",
            good=False,
            wanted="all that was received, within seconds",
            remedy=remedy,
            level=Level.UNFIT,
        )
    return make_finding(
        "backlog",
        f"{backlog.after:,} bytes wait{lag}; {backlog.before - backlog.after:,} were recorded "
        f"in {backlog.took:.0f} s",
        good=backlog.lag is not None and backlog.lag <= _LONGEST_LAG,
        wanted=f"at most {_LONGEST_LAG:.0f} s",
        remedy="wait until the recorder has caught up; if it never does, docs/operations.md, "
        "on sizing",
    )


def check_backlog(
    directory: Path,
    find_position: Callable[[str, UUID], int | None],
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Finding]:
    """Waits until the database has all that is published now, for PATIENCE at most.

    No finding where this user may not read the spool, or there is none: others say so. Raises
    what ``find_position`` raises.
    """
    try:
        published = read_published(directory)
    except OSError:
        return
    if not published:
        yield Finding(
            "backlog",
            Level.WARNING,
            f"no segment in {directory} can be read",
            "segments of a receiver at work",
            "the reason is in the finding on the receiver, or in journalctl -u of its unit",
        )
        return
    began = monotonic()
    positions = _ask(published, find_position)
    before = waiting = _count_waiting(published, positions)
    while waiting and monotonic() - began < PATIENCE:
        sleep(_PAUSE)
        positions = _ask(published, find_position)
        waiting = _count_waiting(published, positions)
    lag = _measure_lag(directory, positions) if waiting else None
    yield judge_backlog(Backlog(before, waiting, monotonic() - began, lag))


def read_published(directory: Path) -> list[Published]:
    """The streams whose segments are kept, the oldest first. Raises OSError."""
    found: dict[UUID, Published] = {}
    for _, path in list_segments(directory):
        with (
            suppress(DamagedSegment, FileNotFoundError),
            opened_segment(path, writable=False) as segment,
        ):
            known = found.get(segment.stream)
            first = segment.base if known is None else known.first
            end = segment.base + segment.end
            found[segment.stream] = Published(segment.node, segment.stream, first, end)
    return list(found.values())


def list_earlier_names(directory: Path, node: str) -> list[str]:
    """The other gateways whose streams are kept: what this one was called before, as a rule.

    None where this user may not read the spool, or there is none.
    """
    with suppress(OSError):
        return sorted({each.node for each in read_published(directory)} - {node})
    return []


def _ask(published: list[Published], find_position: Callable[[str, UUID], int | None]) -> Positions:
    """Of a stream that is not known, what lies before its oldest segment is no matter here."""
    return {
        each.stream: max(each.first, find_position(each.node, each.stream) or 0)
        for each in published
    }


def _count_waiting(published: list[Published], positions: Positions) -> int:
    return sum(max(0, each.end - positions[each.stream]) for each in published)


def _measure_lag(directory: Path, positions: Positions) -> float | None:
    for _, path in list_segments(directory):
        with (
            suppress(DamagedSegment, OSError),
            opened_segment(path, writable=False) as segment,
        ):
            offset = max(0, positions.get(segment.stream, 0) - segment.base)
            age = measure_age(segment, offset) if offset < segment.end else None
            if age is not None:
                return age
    return None
