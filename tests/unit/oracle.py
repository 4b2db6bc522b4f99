"""What pyroute2 reads in a message: the second opinion that decoding is compared with."""

from __future__ import annotations

import logging
import struct
from ipaddress import ip_address
from typing import Any

from pyroute2.netlink.nfnetlink.nfctsocket import nfct_msg

from ctaudit.conntrack.event import Kind

# It logs a traceback for each attribute that it cannot decode.
logging.getLogger("pyroute2").setLevel(logging.CRITICAL)

_DELETE = 0x102
_MULTI, _CREATE = 0x2, 0x400
_TYPE_MASK = 0x3FFF
_ATTRIBUTE = struct.Struct("=HH")
_TUPLE_ZONE, _HELP, _LABELS, _TIMESTAMP_EVENT = 3, 5, 22, 27


def read_message(data: bytes) -> dict[str, Any]:
    """Column -> value of one whole message, without received_at; what it lacks is left out.

    Raises whatever pyroute2 raises on a message that it cannot read.
    """
    parsed = nfct_msg(data)
    parsed.decode()
    values: dict[str, Any] = {"kind": _kind(parsed["header"])}
    for side in ("orig", "reply"):
        values |= _tuple(side, parsed.get_attr(f"CTA_TUPLE_{side.upper()}"))
        packets, octets = _pair(parsed, f"CTA_COUNTERS_{side.upper()}", "PACKETS", "BYTES")
        values[f"{side}_packets"], values[f"{side}_bytes"] = packets, octets
    values["start_sent"], values["stop_sent"] = _pair(parsed, "CTA_TIMESTAMP", "START", "STOP")
    for column, name in (
        ("status", "STATUS"), ("mark", "MARK"), ("ct_id", "ID"), ("zone", "ZONE"),
    ):  # fmt: skip
        values[column] = parsed.get_attr(f"CTA_{name}")
    values["state"] = _state(parsed)
    # CTA_HELP is a nest in the kernel; both pyroute2 versions take it for a string.
    values["helper"] = _helper(_raw(parsed, _HELP))
    # CTA_LABELS is taken for two native 64-bit numbers; the kernel's bytes are what is stored.
    values["labels"] = _raw(parsed, _LABELS)
    # CTA_TIMESTAMP_EVENT and CTA_TUPLE_ZONE are unknown to pyroute2 0.7.2 and 0.9.7.
    event_at = _raw(parsed, _TIMESTAMP_EVENT)
    values["event_at"] = None if event_at is None else int.from_bytes(event_at, "big")
    return {column: value for column, value in values.items() if value is not None}


def _kind(header: dict[str, int]) -> Kind:
    if header["type"] == _DELETE:
        return Kind.DESTROY
    if header["flags"] & _MULTI:
        return Kind.DUMP
    return Kind.NEW if header["flags"] & _CREATE else Kind.UPDATE


def _tuple(side: str, found: Any) -> dict[str, Any]:
    if found is None:
        return {}
    values: dict[str, Any] = {}
    addresses, proto = found.get_attr("CTA_TUPLE_IP"), found.get_attr("CTA_TUPLE_PROTO")
    for end in ("src", "dst"):
        if addresses is not None:
            text = addresses.get_attr(f"CTA_IP_V4_{end.upper()}")
            text = text or addresses.get_attr(f"CTA_IP_V6_{end.upper()}")
            values[f"{side}_{end}"] = text and ip_address(text)
    if proto is not None:
        values["proto"] = proto.get_attr("CTA_PROTO_NUM")
        values[f"{side}_sport"] = proto.get_attr("CTA_PROTO_SRC_PORT")
        values[f"{side}_dport"] = proto.get_attr("CTA_PROTO_DST_PORT")
        for version in ("ICMP", "ICMPV6"):
            query = proto.get_attr(f"CTA_PROTO_{version}_ID")
            if query is not None:
                values[f"{side}_sport" if side == "orig" else f"{side}_dport"] = query
            for part in ("type", "code"):
                value = proto.get_attr(f"CTA_PROTO_{version}_{part.upper()}")
                if value is not None:
                    values[f"{side}_icmp_{part}"] = value
    zone = _raw(found, _TUPLE_ZONE)
    values[f"{side}_zone"] = None if zone is None else int.from_bytes(zone, "big")
    return values


def _pair(parsed: Any, nest: str, first: str, second: str) -> tuple[int | None, int | None]:
    found = parsed.get_attr(nest)
    if found is None:
        return None, None
    prefix = "CTA_COUNTERS" if nest.startswith("CTA_COUNTERS") else nest
    return found.get_attr(f"{prefix}_{first}"), found.get_attr(f"{prefix}_{second}")


def _state(parsed: Any) -> int | None:
    info = parsed.get_attr("CTA_PROTOINFO")
    for proto in ("TCP", "DCCP", "SCTP"):
        nest = info and info.get_attr(f"CTA_PROTOINFO_{proto}")
        state = nest and nest.get_attr(f"CTA_PROTOINFO_{proto}_STATE")
        if state is not None:
            return int(state)
    return None


def _raw(parsed: Any, wanted: int) -> bytes | None:
    """The payload of the first attribute of that number, as pyroute2 delimits it."""
    for slot in parsed["attrs"]:
        found = slot.cell[1]
        _, kind = _ATTRIBUTE.unpack_from(found.data, found.offset)
        if kind & _TYPE_MASK == wanted:
            return bytes(found.data[found.offset + 4 : found.offset + found.length])
    return None


def _helper(nest: bytes | None) -> str | None:
    """The name in CTA_HELP_NAME, the first attribute of number 1."""
    while nest is not None and len(nest) >= 4:
        length, kind = _ATTRIBUTE.unpack_from(nest)
        length = max(4, length)
        if kind & _TYPE_MASK == 1:
            name = nest[4:length].rstrip(b"\0").decode("utf-8", "backslashreplace")
            return name.replace("\0", "\\x00")
        nest = nest[(length + 3) & ~3 :]
    return None
