"""How far the outputs of this gateway are behind, by what they have recorded in its spool."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ctaudit.config import Config
from ctaudit.spool.backlog import measure_age
from ctaudit.spool.output_state import OutputState, Place, read_state
from ctaudit.spool.segment import DamagedSegment, list_segments, opened_segment


@dataclass(frozen=True)
class OutputLag:
    """``state`` None: nothing has been forwarded yet.

    ``unread``: bytes of the spool; ``seconds``: since the first of them was received, 0: none is
    unread. Both as of the last record of the output, at most ten seconds ago while it works.
    """

    name: str
    to: str
    state: OutputState | None
    unread: int
    seconds: float


def measure_outputs(config: Config) -> tuple[OutputLag, ...]:
    """Of each configured output. Raises OSError."""
    directory = config.spool.directory
    return tuple(
        _measure(config, name, section.to, read_state(directory, name))
        for name, section in config.output.items()
    )


def _measure(config: Config, name: str, to: str, state: OutputState | None) -> OutputLag:
    place = state.place if state else Place()
    unread = 0
    oldest: float | None = None
    for sequence, path in list_segments(config.spool.directory):
        if sequence < place.sequence:
            continue
        with (
            contextlib.suppress(DamagedSegment, FileNotFoundError),
            opened_segment(path, writable=False) as segment,
        ):
            is_same = (sequence, segment.stream) == (place.sequence, place.stream)
            offset = min(max(0, place.position - segment.base), segment.end) if is_same else 0
            if segment.end > offset and oldest is None:
                oldest = measure_age(segment, offset)
            unread += segment.end - offset
    return OutputLag(name, to, state, unread, oldest or 0.0)
