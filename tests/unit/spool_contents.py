"""What stands in segments: bodies of frames, notes, events."""

from __future__ import annotations

from pathlib import Path

from ctaudit.spool.chain import load_frame
from ctaudit.spool.note import Note, unpack_note
from ctaudit.spool.segment import Segment, opened_segment


def read_bodies(segment: Segment) -> list[bytes]:
    """The bodies of all published frames."""
    found, at = [], 0
    while at < segment.end:
        frame, body = load_frame(segment, at)
        found.append(body)
        at = frame.end
    return found


def read_notes(segment: Segment) -> list[Note]:
    notes = [unpack_note(body) for body in read_bodies(segment)]
    return [note for note in notes if note is not None]


def notes_of(path: Path) -> list[Note]:
    with opened_segment(path) as segment:
        return read_notes(segment)
