"""Packets that this machine's kernel has no sockets for: ICMP echo, SCTP (RFC 9260), GRE."""

from __future__ import annotations

import struct
from dataclasses import dataclass

ICMP_ECHO = 8
ICMPV6_ECHO = 128
GRE_PROTO_IP = 0x0800
GRE_PROTO_PPP = 0x880B

SCTP_DATA, SCTP_INIT, SCTP_INIT_ACK, SCTP_SACK = 0, 1, 2, 3
SCTP_SHUTDOWN, SCTP_SHUTDOWN_ACK = 7, 8
SCTP_COOKIE_ECHO, SCTP_COOKIE_ACK, SCTP_SHUTDOWN_COMPLETE = 10, 11, 14
SCTP_COOKIE = b"lab cookie, kept by the client."


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def icmp_echo(kind: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request or reply; for ICMPv6 the kernel puts the right checksum in."""
    head = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence)
    checksum = internet_checksum(head + payload)
    return struct.pack("!BBHHH", kind, 0, checksum, identifier, sequence) + payload


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC32C = _crc32c_table()


def crc32c(data: bytes) -> int:
    """CRC-32C as SCTP wants it (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class SctpPacket:
    sport: int
    dport: int
    tag: int
    chunk: int
    value: bytes

    @property
    def initiate_tag(self) -> int:
        """The tag that an INIT or INIT ACK asks its peer to use."""
        tag: int = struct.unpack_from("!I", self.value)[0]
        return tag


def sctp_packet(sport: int, dport: int, tag: int, chunk: int, value: bytes = b"") -> bytes:
    """One SCTP packet with one chunk; DATA goes as a whole unfragmented message."""
    flags = 3 if chunk == SCTP_DATA else 0
    body = struct.pack("!BBH", chunk, flags, 4 + len(value)) + value
    body += b"\0" * (-len(body) % 4)
    crc = crc32c(struct.pack("!HHII", sport, dport, tag, 0) + body)
    return struct.pack("!HHI", sport, dport, tag) + struct.pack("<I", crc) + body


def sctp_init(tag: int, cookie: bytes = b"") -> bytes:
    """The value of an INIT, or with a cookie of an INIT ACK (the cookie is parameter 7)."""
    value = struct.pack("!IIHHI", tag, 65536, 1, 1, 1)
    if cookie:
        value += struct.pack("!HH", 7, 4 + len(cookie)) + cookie
    return value


def sctp_data(payload: bytes) -> bytes:
    return struct.pack("!IHHI", 1, 0, 0, 0) + payload


def sctp_sack() -> bytes:
    return struct.pack("!IIHH", 1, 65536, 0, 0)


def read_sctp(packet: bytes) -> SctpPacket | None:
    """The first chunk of an SCTP packet, or None if it is cut or its checksum is wrong."""
    if len(packet) < 16:
        return None
    sport, dport, tag = struct.unpack_from("!HHI", packet)
    crc = struct.unpack_from("<I", packet, 8)[0]
    if crc != crc32c(packet[:8] + b"\0\0\0\0" + packet[12:]):
        return None
    chunk, _, length = struct.unpack_from("!BBH", packet, 12)
    return SctpPacket(sport, dport, tag, chunk, packet[16 : 12 + length])


def gre_packet(payload: bytes) -> bytes:
    """Plain GRE (RFC 2784), which conntrack tells apart by addresses only."""
    return struct.pack("!HH", 0, GRE_PROTO_IP) + payload


def gre_ppp_packet(call_id: int, sequence: int, payload: bytes) -> bytes:
    """Enhanced GRE (RFC 2637): version 1 with key, whose low half is the peer's call id."""
    return struct.pack("!HHHHI", 0x3001, GRE_PROTO_PPP, len(payload), call_id, sequence) + payload


def read_gre_call_id(packet: bytes) -> int | None:
    """The call id of an enhanced GRE packet, None for plain GRE."""
    flags, protocol = struct.unpack_from("!HH", packet)
    if flags & 7 != 1 or protocol != GRE_PROTO_PPP:
        return None
    call_id: int = struct.unpack_from("!H", packet, 6)[0]
    return call_id


def strip_ip(packet: bytes) -> bytes:
    """An IPv4 raw socket gives the IP header too: take it off."""
    return packet[(packet[0] & 15) * 4 :]
