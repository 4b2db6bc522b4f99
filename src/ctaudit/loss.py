"""What could not be recorded as an event: told to the journal, and made a note in the database."""

from __future__ import annotations

import base64
import logging
import time

from ctaudit.faults import tell_fault
from ctaudit.follow import Hole
from ctaudit.segment import Segment
from ctaudit.store import Span, Store

log = logging.getLogger(__name__)


def record_aside(
    store: Store, span: Span, at: int, reason: str, message: bytes, words: str = ""
) -> None:
    """A message that is no event, or that the server refused in these ``words``."""
    tell_fault(log, "set aside", f"a message was set aside: {reason}" + (words and f": {words}"))
    detail: dict[str, object] = {
        "reason": reason,
        "message": base64.b64encode(message).decode(),
        "server_words": words or None,
    }
    store.record_note(span, at, "aside", detail)


def record_hole(store: Store, hole: Hole, mode: str) -> None:
    """Bytes of a stream that are in no segment any more; ``mode`` is for a stream not known."""
    span = Span(hole.node, hole.stream, hole.first, hole.until)
    tell_fault(
        log, "damage", f"bytes {hole.first} to {hole.until} of stream {hole.stream} are gone"
    )
    if hole.known:
        detail: dict[str, object] = {"cause": "segments are gone", "until": hole.closed}
        store.record_note(span, time.time_ns(), "missing", detail)
    else:
        detail = {"mode": mode, "cause": "its start is gone"}
        store.record_note(span, hole.closed, "start", detail)


def record_damage(store: Store, span: Span, segment: Segment, at: int, reason: str) -> None:
    """The rest of a segment from offset ``at`` on, which cannot be read."""
    tell_fault(log, "damage", f"{segment.path}: damaged at byte {at} of {segment.end}: {reason}")
    now = time.time_ns()
    detail: dict[str, object] = {
        "cause": f"damaged segment: {reason}",
        "until": segment.sealed or now,
    }
    store.record_note(span, now, "missing", detail)
