"""What could not be recorded as an event: told to the journal, and made a note in the database."""

from __future__ import annotations

import base64
import logging
import time

from ctaudit.host.log import log_fault
from ctaudit.record.locate import MissingBytes
from ctaudit.record.procedures import Span, Store
from ctaudit.spool.segment import Segment

log = logging.getLogger(__name__)


def record_undecodable(
    store: Store, span: Span, at: int, reason: str, message: bytes, words: str = ""
) -> None:
    """A message that is no event, or that the server refused in these ``words``."""
    log_fault(log, "undecodable", f"a message is undecodable: {reason}" + (words and f": {words}"))
    detail: dict[str, object] = {
        "reason": reason,
        "message": base64.b64encode(message).decode(),
        "server_words": words or None,
    }
    store.record_note(span, at, "undecodable", detail)


def record_missing(store: Store, hole: MissingBytes, mode: str) -> Span:
    """Bytes of a stream that are in no segment any more; ``mode`` is for a stream not known."""
    span = Span(hole.node, hole.stream, hole.first, hole.until)
    log_fault(log, "damage", f"bytes {hole.first} to {hole.until} of stream {hole.stream} are gone")
    cause = "segments are gone"
    _record_missing_bytes(store, span, hole.closed, cause, mode=None if hole.known else mode)
    return span


def record_damage(
    store: Store, span: Span, segment: Segment, at: int, reason: str, mode: str | None
) -> None:
    """The rest of a segment from offset ``at`` on, which cannot be read.

    ``mode``: of a stream that is not known, because its start note is what is damaged.
    """
    log_fault(log, "damage", f"{segment.path}: damaged at byte {at} of {segment.end}: {reason}")
    closed = segment.sealed or time.time_ns()
    _record_missing_bytes(store, span, closed, f"damaged segment: {reason}", mode=mode)


def _record_missing_bytes(
    store: Store, span: Span, closed: int, cause: str, *, mode: str | None
) -> None:
    """``closed``: when all that is missing had been read, nanoseconds since 1970."""
    if mode is None:
        store.record_note(span, time.time_ns(), "missing", {"cause": cause, "until": closed})
    else:
        store.record_note(span, closed, "start", {"mode": mode, "cause": cause})
