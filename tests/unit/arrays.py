"""Reads PostgreSQL's binary arrays back, by hand and through psycopg's own loaders."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import pq
from psycopg.adapt import Transformer

from ctaudit.conntrack.event import COLUMNS, TIMESTAMPTZ

_EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def split_array(data: bytes) -> tuple[int, bool, list[bytes | None]]:
    """(element's oid, the flag "has nulls", elements); the array has one dimension or none.

    Raises AssertionError where array_recv would refuse it.
    """
    dimensions, flag, oid = struct.unpack_from("!iiI", data)
    assert dimensions in (0, 1)
    assert flag in (0, 1)
    if dimensions == 0:
        assert len(data) == 12
        return oid, bool(flag), []
    count, lower = struct.unpack_from("!ii", data, 12)
    assert lower == 1
    assert count > 0
    elements: list[bytes | None] = []
    at = 20
    for _ in range(count):
        (size,) = struct.unpack_from("!i", data, at)
        at += 4
        elements.append(None if size == -1 else data[at : at + size])
        assert size == -1 or 0 <= size <= len(data) - at
        at += max(size, 0)
    assert at == len(data)
    return oid, bool(flag), elements


def load_array(column: str, data: bytes) -> list[Any]:
    """The column's values as psycopg loads them from a result; times as datetime, UTC."""
    loader = Transformer().get_loader(COLUMNS[column].array_oid, pq.Format.BINARY)
    loaded: list[Any] = loader.load(data)
    return loaded


def as_loaded(column: str, value: Any) -> Any:
    """describe_row's value as psycopg gives it back: a time in whole microseconds."""
    if value is not None and COLUMNS[column] is TIMESTAMPTZ:
        return _EPOCH_1970 + timedelta(microseconds=value // 1000)
    return value


def read_time(element: bytes) -> int:
    """Microseconds since 1970 of a timestamptz's binary form."""
    (since_2000,) = struct.unpack("!q", element)
    return int(since_2000) + (_EPOCH_2000 - _EPOCH_1970) // timedelta(microseconds=1)
