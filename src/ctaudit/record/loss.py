"""What could not be recorded as an event: the note for the database, the sentence for the log."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, replace

from ctaudit.host.log import log_fault
from ctaudit.record.locate import MissingBytes
from ctaudit.spool.note import Note
from ctaudit.spool.segment import Segment

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loss:
    """A note for the database, and a sentence to be logged as ``fault`` (host.log)."""

    fault: str
    sentence: str
    note: Note


def log_loss(loss: Loss) -> None:
    log_fault(log, loss.fault, loss.sentence)


def undecodable(received: int, reason: str, message: bytes, server_words: str = "") -> Loss:
    """A message that is not an event, or whose content the server rejected in these words."""
    detail = {
        "reason": reason,
        "message": base64.b64encode(message).decode(),
        "server_words": server_words or None,
    }
    sentence = f"a message is undecodable: {reason}" + (server_words and f": {server_words}")
    return Loss("undecodable", sentence, Note("undecodable", received, detail))


def missing_segments(missing: MissingBytes, mode: str, now: int) -> Loss:
    """Bytes of a stream that are in no segment. ``mode``: the configured one."""
    span = missing.span
    sentence = f"bytes {span.first} to {span.until} of stream {span.stream} are gone"
    new_mode = None if missing.is_known else mode
    return Loss("damage", sentence, _missing("segments are gone", missing.closed, new_mode, now))


def damaged_rest(segment: Segment, offset: int, reason: str, mode: str | None, now: int) -> Loss:
    """The rest of a segment from ``offset`` on, which cannot be read.

    ``mode``: the configured one if the database does not know the stream, because its start
    note is what is damaged.
    """
    sentence = f"{segment.path}: damaged at byte {offset} of {segment.end}: {reason}"
    note = _missing(f"damaged segment: {reason}", segment.sealed or now, mode, now)
    return Loss("damage", sentence, note)


def strip_message(loss: Loss) -> Loss:
    """A loss without the message's bytes and the server's words, which may tell the remote end."""
    note = loss.note
    detail = {**note.detail, "message": None, "server_words": None}
    return replace(loss, sentence=loss.fault, note=replace(note, detail=detail))


def _missing(cause: str, closed: int, mode: str | None, now: int) -> Note:
    """``closed``: when all that is missing had been received. Nanoseconds since 1970."""
    if mode is None:
        return Note("missing", now, {"cause": cause, "until": closed})
    return Note("start", closed, {"mode": mode, "cause": cause})
