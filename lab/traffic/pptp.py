"""The control messages of PPTP (RFC 2637) that make conntrack expect a keyed GRE stream."""

from __future__ import annotations

import struct

MAGIC = 0x1A2B3C4D
START_REQUEST, START_REPLY, CALL_REQUEST, CALL_REPLY = 1, 2, 7, 8
SERVER_CALL_ID = 0x5E41

_START = struct.Struct("!HBBIIHH64s64s")
_CALL_REQUEST = struct.Struct("!HHIIIIHHHH64s64s")
_CALL_REPLY = struct.Struct("!HHBBHIHHI")


def control_message(kind: int, body: bytes) -> bytes:
    return struct.pack("!HHIHH", 12 + len(body), 1, MAGIC, kind, 0) + body


def start_message(kind: int) -> bytes:
    """Start-Control-Connection-Request or -Reply; the reply's result is 1, success."""
    result = 1 if kind == START_REPLY else 0
    return control_message(kind, _START.pack(0x0100, result, 0, 3, 3, 1, 1, b"lab", b"lab"))


def call_request(call_id: int) -> bytes:
    body = _CALL_REQUEST.pack(call_id, 1, 300, 100_000_000, 3, 3, 64, 0, 0, 0, b"", b"")
    return control_message(CALL_REQUEST, body)


def call_reply(call_id: int, peer_call_id: int) -> bytes:
    body = _CALL_REPLY.pack(call_id, peer_call_id, 1, 0, 0, 100_000_000, 64, 0, 0)
    return control_message(CALL_REPLY, body)


def read_control(message: bytes) -> tuple[int, int]:
    """The kind of a control message and the first call id in it (0 in a start message)."""
    kind: int = struct.unpack_from("!H", message, 8)[0]
    call_id: int = struct.unpack_from("!H", message, 12)[0]
    return kind, call_id if kind in (CALL_REQUEST, CALL_REPLY) else 0
