"""What an output says of a span in which events may be missing: one line each."""

from __future__ import annotations

from dataclasses import dataclass

from ctaudit.spool.note import Note


@dataclass(frozen=True)
class Gap:
    """``since`` 0: not known. ``lost``: events, None: an unknown number. Nanoseconds since 1970."""

    cause: str
    since: int
    until: int
    lost: int | None = None


def gap_of_note(note: Note, last_received: int) -> Gap | None:
    """The gap that a note makes; None: it makes none.

    ``last_received``: when the last frame before it was received, 0: there was none.
    """
    if note.name == "overrun":
        since, lost = note.detail.get("last_read_at"), note.detail.get("lost")
        return Gap("overrun", _time(since), note.at, _count(lost))
    if note.name == "dropped":
        since, until = note.detail.get("from"), note.detail.get("until")
        return Gap(
            "spool full", _time(since), _time(until) or note.at, _count(note.detail["count"])
        )
    if note.name == "start" and last_received:
        return Gap("not listening", last_received, note.at)
    return None


def _time(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
