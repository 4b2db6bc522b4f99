"""Rows -> one array a column in PostgreSQL's binary format, sent by a psycopg Dumper each.

Array format: src/backend/utils/adt/arrayfuncs.c, array_recv; inet: network.c, network_recv.
Leaves are in network byte order already, so most columns are joined, not computed (decision
0001).
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar

from psycopg import pq
from psycopg.adapt import AdaptersMap, Dumper

from ctaudit.conntrack.event import BYTEA, COLUMNS, DENIED, INET, TEXT, TIMESTAMPTZ, ElementType
from ctaudit.conntrack.layout import Layout
from ctaudit.spool.decoder import Batch, Row, decode_text

_ARRAY = struct.Struct("!iiIii")  # dimensions, has nulls, element oid, length, lower bound
_NULL = b"\xff\xff\xff\xff"
_INET = {4: b"\0\0\0\x08\x02\x20\0\x04", 16: b"\0\0\0\x14\x03\x80\0\x10"}
# 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
_EPOCH = 946_684_800_000_000

RECEIVED = "received_at"


class ColumnArray(bytes):
    """One column of a batch in binary format; each element type has a subclass."""

    element: ClassVar[ElementType]


class _ColumnDumper(Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


def _array_classes() -> dict[ElementType, type[ColumnArray]]:
    return {
        element: type(f"ColumnArray{element.array_oid}", (ColumnArray,), {"element": element})
        for element in set(COLUMNS.values())
    }


_ARRAYS = _array_classes()


def register_columns(adapters: AdaptersMap) -> None:
    """Makes psycopg send each column array with its type's oid."""
    for element, array in _ARRAYS.items():
        dumper = type(
            f"ColumnDumper{element.array_oid}", (_ColumnDumper,), {"oid": element.array_oid}
        )
        adapters.register_dumper(array, dumper)


def build_columns(batch: Batch) -> list[ColumnArray]:
    """The batch's columns in the order of event.COLUMNS.

    Rows are grouped by layout; within one they are in the order of arrival. A column that no
    row of the batch has is an empty array; ``kind`` always has the full length, and behind it a
    DENIED for each event that filter rules exclude.
    """
    parts: dict[str, list[bytes]] = {name: [] for name in COLUMNS}
    absent = dict.fromkeys(COLUMNS, 0)
    for layout, rows in batch.rows.items():
        given = _encode_rows(layout, rows)
        for name, part in parts.items():
            body = given.get(name)
            if body is None:
                absent[name] += 1
                body = _NULL * len(rows)
            part.append(body)
    columns = []
    for name, element in COLUMNS.items():
        missing = absent[name]
        if name == "kind" and batch.denied:
            parts[name].append(_encode_constant(DENIED, batch.denied))
            head = _ARRAY.pack(1, False, element.oid, batch.count, 1)
            body = b"".join((head, *parts[name]))
        elif missing == len(batch.rows):
            body = _ARRAY.pack(0, 0, element.oid, 0, 0)[:12]
        else:
            head = _ARRAY.pack(1, missing > 0, element.oid, batch.count - batch.denied, 1)
            body = b"".join((head, *parts[name]))
        columns.append(_ARRAYS[element](body))
    return columns


def _encode_rows(layout: Layout, rows: list[Row]) -> dict[str, bytes]:
    *leaves, received = zip(*rows, strict=True)
    bodies = {
        name: _encode_leaves(COLUMNS[name], size, values)
        for name, size, values in zip(layout.columns, layout.sizes, leaves, strict=True)
    }
    bodies[RECEIVED] = _encode_times(received)
    bodies["kind"] = _encode_constant(layout.kind, len(rows))
    bodies["proto"] = _encode_constant(layout.proto, len(rows))
    return bodies


def _encode_leaves(element: ElementType, size: int, values: tuple[Any, ...]) -> bytes:
    if element is TIMESTAMPTZ:
        return _encode_times(struct.unpack(f"!{len(values)}Q", b"".join(values)))
    if element is TEXT:
        return b"".join(_encode_text(value) for value in values)
    if element is INET:
        prefix = _INET[size]
    elif element is BYTEA:
        prefix = struct.pack("!i", size)
    else:
        prefix = struct.pack("!i", element.width) + bytes(element.width - size)
    return prefix + prefix.join(values)


def _encode_times(nanoseconds: tuple[int, ...]) -> bytes:
    flat = [8] * (2 * len(nanoseconds))
    flat[1::2] = [value // 1000 - _EPOCH for value in nanoseconds]
    return struct.pack("!" + "iq" * len(nanoseconds), *flat)


def _encode_text(value: bytes) -> bytes:
    text = decode_text(value).encode()
    return struct.pack("!i", len(text)) + text


def _encode_constant(number: int, count: int) -> bytes:
    return struct.pack("!ih", 2, number) * count
