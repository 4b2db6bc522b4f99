"""One function a kind of connection: open sockets, send real packets, say what was sent.

Each gives a dictionary: ``proto`` (number), ``src``, ``dst`` and ``sport``, ``dport`` (or
``icmp_type``, ``icmp_code``, ``icmp_id``, or GRE's ``srckey``, ``dstkey``) as the sender's
side sees them, and ``packets``, ``bytes``, ``reply_packets``, ``reply_bytes`` with IP headers,
None where the sender cannot know. Every socket has a timeout.
"""

from __future__ import annotations

import os
import random
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.traffic import packets, pptp

TIMEOUT = 5.0
IPV4_HEADER, IPV6_HEADER, UDP_HEADER, SCTP_HEADER = 20, 40, 8, 12

Sent = dict[str, Any]


@dataclass(frozen=True)
class Route:
    """From where to where a connection goes; port 0 is the kernel's choice."""

    source: str
    destination: str
    dport: int = 0
    sport: int = 0
    payload: int = 100
    seconds: float = 600.0

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.source else socket.AF_INET

    @property
    def ip_header(self) -> int:
        return IPV6_HEADER if ":" in self.source else IPV4_HEADER


def _open(route: Route, kind: int, protocol: int = 0) -> socket.socket:
    sock = socket.socket(route.family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(TIMEOUT)
    sock.bind((route.source, 0 if kind == socket.SOCK_RAW else route.sport))
    return sock


def _say(route: Route, proto: int, **fields: Any) -> Sent:
    counts = dict.fromkeys(("packets", "bytes", "reply_packets", "reply_bytes"))
    return {"proto": proto, "src": route.source, "dst": route.destination, **counts, **fields}


def _connect(route: Route) -> tuple[socket.socket, Sent]:
    sock = _open(route, socket.SOCK_STREAM)
    sock.connect((route.destination, route.dport))
    return sock, _say(route, socket.IPPROTO_TCP, sport=sock.getsockname()[1], dport=route.dport)


def _exchange(sock: socket.socket, amount: int) -> None:
    """Send bytes to an echo server and read them all back."""
    block = os.urandom(min(amount, 65536))
    while amount > 0:
        part = block[:amount]
        sock.sendall(part)
        waiting = len(part)
        while waiting:
            answer = sock.recv(waiting)
            if not answer:
                raise ConnectionError("the server closed too early")
            waiting -= len(answer)
        amount -= len(part)


def _close_orderly(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65536):
        pass
    sock.close()


def send_tcp_close(route: Route) -> Sent:
    """Handshake, some bytes each way, FIN from both ends."""
    sock, sent = _connect(route)
    _exchange(sock, route.payload)
    _close_orderly(sock)
    return sent


def send_tcp_reset(route: Route) -> Sent:
    """Handshake, some bytes each way, then RST from the client."""
    sock, sent = _connect(route)
    _exchange(sock, route.payload)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    return sent


def hold_tcp(route: Route, announce: Callable[[Sent], None]) -> Sent:
    """Open, announce, then obey standard input: a number a line exchanges as many bytes.

    Closes orderly at the end of the input or after route.seconds.
    """
    sock, sent = _connect(route)
    _exchange(sock, route.payload)
    announce(sent)
    deadline = time.monotonic() + route.seconds
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            line = sys.stdin.readline()
            if not line:
                break
            _exchange(sock, int(line))
            announce(sent)
    _close_orderly(sock)
    return sent


def send_udp_answered(route: Route) -> Sent:
    return _send_udp(route, answers=1)


def send_udp_unanswered(route: Route) -> Sent:
    return _send_udp(route, answers=0)


def _send_udp(route: Route, answers: int) -> Sent:
    sock = _open(route, socket.SOCK_DGRAM)
    sock.sendto(os.urandom(route.payload), (route.destination, route.dport))
    for _ in range(answers):
        sock.recvfrom(65536)
    size = route.ip_header + UDP_HEADER + route.payload
    ports = {"sport": sock.getsockname()[1], "dport": route.dport}
    sock.close()
    return _say(
        route,
        socket.IPPROTO_UDP,
        **ports,
        packets=1,
        bytes=size,
        reply_packets=answers,
        reply_bytes=answers * size,
    )


def send_tftp(route: Route) -> Sent:
    """Ask for a file: the data come from another port, expected by conntrack's helper."""
    request = b"\0\1lab\0octet\0"
    sock = _open(route, socket.SOCK_DGRAM)
    sock.sendto(request, (route.destination, route.dport))
    _, peer = sock.recvfrom(65536)
    sock.sendto(b"\0\4\0\1", peer)
    sport = sock.getsockname()[1]
    sock.close()
    size = IPV4_HEADER + UDP_HEADER + len(request)
    sent = _say(route, socket.IPPROTO_UDP, sport=sport, dport=route.dport)
    expected = {"src": peer[0], "sport": peer[1], "dport": sport}
    return {**sent, "packets": 1, "bytes": size, "reply_packets": 0, "expected": expected}


def send_echo(route: Route) -> Sent:
    """One ICMP or ICMPv6 echo request, and its reply."""
    is_v6 = route.family == socket.AF_INET6
    protocol = socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP
    kind = packets.ICMPV6_ECHO if is_v6 else packets.ICMP_ECHO
    identifier = route.sport or random.randrange(1, 65536)
    request = packets.icmp_echo(kind, identifier, 1, b"x" * route.payload)
    sock = _open(route, socket.SOCK_RAW, protocol)
    sock.sendto(request, (route.destination, 0))
    while True:
        raw, _ = sock.recvfrom(65536)
        answer = raw if is_v6 else packets.strip_ip(raw)
        if answer[0] in (0, 129) and struct.unpack_from("!H", answer, 4)[0] == identifier:
            break
    sock.close()
    size = route.ip_header + len(request)
    sent = _say(route, protocol, icmp_type=kind, icmp_code=0, icmp_id=identifier)
    return {**sent, "packets": 1, "bytes": size, "reply_packets": 1, "reply_bytes": size}


def send_sctp(route: Route) -> Sent:
    """An association by hand: INIT, COOKIE ECHO, DATA, SHUTDOWN and their answers."""
    sport = route.sport or random.randrange(20000, 60000)
    tag = random.randrange(1, 1 << 32)
    sock = _open(route, socket.SOCK_RAW, socket.IPPROTO_SCTP)
    sizes: list[int] = []
    answers: list[int] = []

    def ask(peer_tag: int, chunk: int, value: bytes) -> packets.SctpPacket:
        say(peer_tag, chunk, value)
        while True:
            raw, _ = sock.recvfrom(65536)
            answer = packets.read_sctp(packets.strip_ip(raw))
            if answer is not None and answer.dport == sport and answer.tag == tag:
                answers.append(len(raw))
                return answer

    def say(peer_tag: int, chunk: int, value: bytes = b"") -> None:
        packet = packets.sctp_packet(sport, route.dport, peer_tag, chunk, value)
        sock.sendto(packet, (route.destination, 0))
        sizes.append(IPV4_HEADER + len(packet))

    peer_tag = ask(0, packets.SCTP_INIT, packets.sctp_init(tag)).initiate_tag
    ask(peer_tag, packets.SCTP_COOKIE_ECHO, packets.SCTP_COOKIE)
    ask(peer_tag, packets.SCTP_DATA, packets.sctp_data(b"x" * route.payload))
    ask(peer_tag, packets.SCTP_SHUTDOWN, struct.pack("!I", 0))
    say(peer_tag, packets.SCTP_SHUTDOWN_COMPLETE)
    sock.close()
    return _say(
        route,
        socket.IPPROTO_SCTP,
        sport=sport,
        dport=route.dport,
        packets=len(sizes),
        bytes=sum(sizes),
        reply_packets=len(answers),
        reply_bytes=sum(answers),
    )


def send_gre(route: Route) -> Sent:
    """Plain GRE, answered; conntrack gives it keys of 0."""
    sock = _open(route, socket.SOCK_RAW, socket.IPPROTO_GRE)
    packet = packets.gre_packet(b"x" * route.payload)
    sock.sendto(packet, (route.destination, 0))
    answer, _ = sock.recvfrom(65536)
    sock.close()
    return _say(
        route,
        socket.IPPROTO_GRE,
        srckey=0,
        dstkey=0,
        packets=1,
        bytes=IPV4_HEADER + len(packet),
        reply_packets=1,
        reply_bytes=len(answer),
    )


def send_gre_keyed(route: Route) -> Sent:
    """Enhanced GRE without a control connection: conntrack takes the call id as dstkey."""
    call_id = route.dport or random.randrange(1, 65536)
    sock = _open(route, socket.SOCK_RAW, socket.IPPROTO_GRE)
    packet = packets.gre_ppp_packet(call_id, 1, b"x" * route.payload)
    sock.sendto(packet, (route.destination, 0))
    sock.close()
    return _say(
        route,
        socket.IPPROTO_GRE,
        srckey=0,
        dstkey=call_id,
        packets=1,
        bytes=IPV4_HEADER + len(packet),
        reply_packets=0,
        reply_bytes=0,
    )


def send_pptp(route: Route) -> Sent:
    """A PPTP call: the helper reads both call ids and expects GRE with both keys."""
    call_id = random.randrange(1, 65536)
    gre = _open(route, socket.SOCK_RAW, socket.IPPROTO_GRE)
    control, sent = _connect(route)
    control.sendall(pptp.start_message(pptp.START_REQUEST))
    control.recv(65536)
    control.sendall(pptp.call_request(call_id))
    _, server_call_id = pptp.read_control(control.recv(65536))
    packet = packets.gre_ppp_packet(server_call_id, 1, b"x" * route.payload)
    gre.sendto(packet, (route.destination, 0))
    answer, _ = gre.recvfrom(65536)
    gre.close()
    _close_orderly(control)
    stream = _say(route, socket.IPPROTO_GRE, srckey=call_id, dstkey=server_call_id)
    counts = {"packets": 1, "bytes": IPV4_HEADER + len(packet), "reply_packets": 1}
    return {**sent, "gre": {**stream, **counts, "reply_bytes": len(answer)}}
