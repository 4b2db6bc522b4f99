"""Decoding one message at a time, and the captured messages of tests/corpus."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ctaudit.spool.decoder import Batch, Decoder, Undecodable, describe_row
from ctaudit.spool.note import Note
from tests.unit.oracle import read_message

CORPUS = sorted((Path(__file__).parents[1] / "corpus").glob("*.bin"))
RECEIVED = 1_708_603_184_123_456_789
CONTROL = range(1, 5)  # NLMSG_NOOP to NLMSG_OVERRUN


def split(data: bytes) -> Iterator[bytes]:
    """The messages of a stream, without their padding."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("=I", data, at)
        assert length >= 16
        yield data[at : at + length]
        at += (length + 3) & ~3


def is_control(message: bytes) -> bool:
    return struct.unpack_from("=H", message, 4)[0] in CONTROL


def captured() -> list[bytes]:
    return [found for path in CORPUS for found in split(path.read_bytes()) if not is_control(found)]


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    return [describe_row(kind, row) for kind, rows in batch.rows.items() for row in rows]


def read_one(decoder: Decoder, data: bytes) -> dict[str, Any] | Undecodable | Note | None:
    """What one message comes to: its row, what stopped the reading, or None if it says nothing."""
    batch = Batch()
    step = decoder.read(data, 0, RECEIVED, batch, 1)
    rows = rows_of(batch)
    assert len(rows) == batch.count <= 1
    if not rows:
        return step.stop
    assert step.stop is None
    assert step.offset == step.after
    assert rows[0].pop("received_at") == RECEIVED
    return rows[0]


def agree(row: dict[str, Any], data: bytes) -> None:
    """The row is what pyroute2 reads in the message that begins ``data``."""
    (length,) = struct.unpack_from("=I", data)
    assert row == read_message(data[:length])


def check_damaged(warm: Decoder, damaged: bytes) -> None:
    fast, slow = read_one(warm, damaged), read_one(Decoder(), damaged)
    if isinstance(slow, dict):
        agree(slow, damaged)
        assert fast == slow
    else:
        assert not isinstance(fast, dict)
        assert type(fast) is type(slow)
