"""What is said of a loss, in the log and in the database."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from ctaudit.host.log import MESSAGE_IDS
from ctaudit.record.locate import MissingBytes
from ctaudit.record.loss import (
    Loss,
    damaged_rest,
    log_loss,
    missing_segments,
    undecodable,
)
from ctaudit.record.positions import Span
from ctaudit.spool.note import Note
from tests.unit.streams import NODE, STREAM, make_segment

NOW = 5_000


def test_undecodable_message() -> None:
    loss = undecodable(77, "no orig_src", b"\0bytes")
    message = base64.b64encode(b"\0bytes").decode()
    detail = {"reason": "no orig_src", "message": message, "server_words": None}
    assert loss.note == Note("undecodable", 77, detail)
    assert loss.sentence == "a message is undecodable: no orig_src"


def test_message_that_the_server_rejected() -> None:
    loss = undecodable(77, "rejected", b"", "smallint out of range")
    assert loss.note.detail["server_words"] == "smallint out of range"
    assert loss.sentence == "a message is undecodable: rejected: smallint out of range"


@pytest.mark.parametrize(
    ("is_known", "note"),
    [
        (True, Note("missing", NOW, {"cause": "segments are gone", "until": 30})),
        (False, Note("start", 30, {"mode": "nat", "cause": "segments are gone"})),
    ],
)
def test_missing_segments(is_known: bool, note: Note) -> None:
    """A stream that the database does not know begins when all of it had been received."""
    missing = MissingBytes(Span(NODE, STREAM, 10, 20), is_known, closed=30)
    loss = missing_segments(missing, "nat", NOW)
    assert (loss.fault, loss.note) == ("damage", note)
    assert loss.sentence == f"bytes 10 to 20 of stream {STREAM} are gone"


def test_damaged_rest(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(b"1234",), sealed=True)
    cause = "damaged segment: no frame begins here"
    loss = damaged_rest(segment, 8, "no frame begins here", None, NOW)
    assert loss.note == Note("missing", NOW, {"cause": cause, "until": segment.sealed})
    assert loss.sentence == (
        f"{segment.path}: damaged at byte 8 of {segment.end}: no frame begins here"
    )
    loss = damaged_rest(segment, 8, "no frame begins here", "live", NOW)
    assert loss.note == Note("start", segment.sealed, {"mode": "live", "cause": cause})
    segment.close()


def test_damaged_rest_of_a_segment_still_written(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(b"1234",))
    assert damaged_rest(segment, 8, "torn", None, NOW).note.detail["until"] == NOW
    segment.close()


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    log_loss(Loss("damage", "bytes 10 to 20 are gone", Note("missing", NOW, {})))
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "bytes 10 to 20 are gone")
    assert record.__dict__["MESSAGE_ID"] == MESSAGE_IDS["damage"]
