"""Many connections at once: one UDP packet each, from one process, to ports that stay silent.

The packets are made by hand and go out over a raw socket, since a socket a connection costs
four system calls.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from lab import addresses as a
from lab.namespaces import LabError

MOST = 2_000_000
PER_PORT = 30_000
FIRST_SPORT = 10_000
PAYLOAD = b"burst"
STEP = 0.005

Tuple = tuple[str, int, int]


def burst_tuple(index: int, ports: int = 1) -> Tuple:
    """Source, source port and destination port of a burst's connection; none comes twice.

    The destination ports take turns, and PER_PORT connections to one of them move it on to a
    fresh one: the gateway has a single address, so 64k ports, for each.
    """
    turn, slot = divmod(index, ports)
    block, place = divmod(turn, PER_PORT)
    sources = a.PLAIN_CLIENTS
    sport = FIRST_SPORT + place // len(sources)
    return sources[place % len(sources)], sport, a.SILENT_PORTS.start + block * ports + slot


def send_burst(
    count: int = 10_000, first: int = 0, rate: float | None = None, ports: int = 1
) -> dict[str, Any]:
    """Open connections number first to first+count-1, at most rate a second if given."""
    if not 1 <= count <= MOST:
        raise LabError(f"a burst of {count} is out of bounds: take 1 to {MOST}")
    if ports < 1 or burst_tuple(first + count - 1, ports)[2] not in a.SILENT_PORTS or first < 0:
        raise LabError(
            f"a burst of connections {first} to {first + count - 1} over {ports} ports needs "
            f"more ports than the {len(a.SILENT_PORTS)} silent ones: take a smaller first"
        )
    destination = (a.SERVER, 0)
    packet = bytearray(_packet_template())
    pack_source = struct.Struct("!4s").pack_into
    pack_ports = struct.Struct("!HH").pack_into
    packed = {address: socket.inet_aton(address) for address in a.PLAIN_CLIENTS}
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.settimeout(10)
        began = time.monotonic()
        for index in range(first, first + count):
            if rate and (ahead := (index - first) / rate - (time.monotonic() - began)) > STEP:
                time.sleep(ahead)
            source, sport, dport = burst_tuple(index, ports)
            pack_source(packet, 12, packed[source])
            pack_ports(packet, 20, sport, dport)
            sock.sendto(packet, destination)
        took = time.monotonic() - began
    return {
        "proto": socket.IPPROTO_UDP,
        "dst": a.SERVER,
        "count": count,
        "first": first,
        "ports": ports,
        "seconds": took,
        "packets": count,
        "bytes": count * len(packet),
    }


def _packet_template() -> bytes:
    """IPv4 and UDP headers without checksums: the kernel fills IP's in, UDP's may be absent."""
    udp = struct.pack("!HHHH", 0, 0, 8 + len(PAYLOAD), 0) + PAYLOAD
    server = socket.inet_aton(a.SERVER)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes(4), server)
    return ip + udp
