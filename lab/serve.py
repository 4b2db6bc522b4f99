"""The lab's servers: python3 -m lab.serve server|client, inside that namespace.

In the server's namespace: TCP echo, UDP echo, TFTP, PPTP, SCTP and GRE on each of its
addresses. In the client's: the internal HTTPS server that the gateway's forwards lead to. Prints
"ready" when all sockets are open. Ends when its standard input does, with --stay only when told.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lab import addresses as a
from lab.guard import require_lab
from lab.namespaces import ROOT, Lab, LabError, popen_in
from lab.processes import end_by_input
from lab.traffic import packets, pptp

TIMEOUT = 2.0
SERVER_TAG = 0x5EBE5EBE
DISCONNECTS = (ConnectionError, TimeoutError)

Handler = Callable[[socket.socket], None]


class Switchboard:
    """Sockets, each with what to do when it can be read."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.gre_peers: dict[str, int] = {}

    def add(self, sock: socket.socket, handler: Handler) -> None:
        self._selector.register(sock, selectors.EVENT_READ, handler)

    def drop(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def run(self, until_input_ends: bool) -> None:
        if until_input_ends:
            self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                assert isinstance(key.fileobj, socket.socket)
                # A datagram with a wrong checksum wakes the selector and then is not there.
                with contextlib.suppress(TimeoutError):
                    key.data(key.fileobj)


def open_socket(kind: int, address: str, port: int, protocol: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(TIMEOUT)
    sock.bind((address, port))
    return sock


def listen(board: Switchboard, address: str, port: int, handler: Handler) -> None:
    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(*DISCONNECTS):
            accepted = listener.accept()[0]
            accepted.settimeout(TIMEOUT)
            board.add(accepted, handler)

    listener = open_socket(socket.SOCK_STREAM, address, port)
    listener.listen(1024)
    board.add(listener, accept)


def echo_stream(board: Switchboard) -> Handler:
    def handle(sock: socket.socket) -> None:
        try:
            data = sock.recv(65536)
            sock.sendall(data)
        except DISCONNECTS:
            data = b""
        if not data:
            board.drop(sock)

    return handle


def echo_datagram(sock: socket.socket) -> None:
    data, peer = sock.recvfrom(65536)
    sock.sendto(data, peer)


def answer_tftp(board: Switchboard) -> Handler:
    """Send the one block of a file from a fresh port, as TFTP does (RFC 1350)."""

    def acknowledged(sock: socket.socket) -> None:
        sock.recv(65536)
        board.drop(sock)

    def handle(sock: socket.socket) -> None:
        _, peer = sock.recvfrom(65536)
        transfer = open_socket(socket.SOCK_DGRAM, sock.getsockname()[0], 0)
        transfer.sendto(b"\0\3\0\1a short file", peer)
        board.add(transfer, acknowledged)

    return handle


def answer_pptp(board: Switchboard) -> Handler:
    def handle(sock: socket.socket) -> None:
        try:
            data = sock.recv(65536)
            if data:
                kind, call_id = pptp.read_control(data)
                if kind == pptp.START_REQUEST:
                    sock.sendall(pptp.start_message(pptp.START_REPLY))
                elif kind == pptp.CALL_REQUEST:
                    board.gre_peers[sock.getpeername()[0]] = call_id
                    sock.sendall(pptp.call_reply(pptp.SERVER_CALL_ID, call_id))
        except DISCONNECTS:
            data = b""
        if not data:
            board.drop(sock)

    return handle


def answer_sctp() -> Handler:
    """Take the other part in associations; each is known by its peer's address and ports."""
    tags: dict[tuple[str, int, int], int] = {}
    answers = {
        packets.SCTP_INIT: (
            packets.SCTP_INIT_ACK,
            packets.sctp_init(SERVER_TAG, packets.SCTP_COOKIE),
        ),
        packets.SCTP_COOKIE_ECHO: (packets.SCTP_COOKIE_ACK, b""),
        packets.SCTP_DATA: (packets.SCTP_SACK, packets.sctp_sack()),
        packets.SCTP_SHUTDOWN: (packets.SCTP_SHUTDOWN_ACK, b""),
    }

    def handle(sock: socket.socket) -> None:
        raw, peer = sock.recvfrom(65536)
        packet = packets.read_sctp(packets.strip_ip(raw))
        if packet is None:
            return
        key = (peer[0], packet.sport, packet.dport)
        if packet.chunk == packets.SCTP_INIT:
            tags[key] = packet.initiate_tag
        if packet.chunk in answers and key in tags:
            chunk, value = answers[packet.chunk]
            answer = packets.sctp_packet(packet.dport, packet.sport, tags[key], chunk, value)
            sock.sendto(answer, (peer[0], 0))

    return handle


def answer_gre(board: Switchboard) -> Handler:
    def handle(sock: socket.socket) -> None:
        raw, peer = sock.recvfrom(65536)
        call_id = packets.read_gre_call_id(packets.strip_ip(raw))
        if call_id is None:
            sock.sendto(packets.gre_packet(b"answer"), (peer[0], 0))
        elif call_id == pptp.SERVER_CALL_ID and peer[0] in board.gre_peers:
            answer = packets.gre_ppp_packet(board.gre_peers[peer[0]], 1, b"answer")
            sock.sendto(answer, (peer[0], 0))

    return handle


def serve_outside(board: Switchboard) -> None:
    for address in (a.SERVER, a.SERVER_SECOND, a.SERVER6):
        for port in a.TCP_PORTS:
            listen(board, address, port, echo_stream(board))
        board.add(open_socket(socket.SOCK_DGRAM, address, a.UDP_PORT), echo_datagram)
        board.add(open_socket(socket.SOCK_DGRAM, address, a.TFTP_PORT), answer_tftp(board))
    listen(board, a.SERVER, a.PPTP_PORT, answer_pptp(board))
    board.add(open_socket(socket.SOCK_RAW, a.SERVER, 0, socket.IPPROTO_SCTP), answer_sctp())
    board.add(open_socket(socket.SOCK_RAW, a.SERVER, 0, socket.IPPROTO_GRE), answer_gre(board))


def serve_inside(board: Switchboard) -> None:
    for address in (a.FORWARD_TARGET, a.FORWARD_TARGET6):
        listen(board, address, a.HTTPS_PORT, echo_stream(board))


@contextmanager
def serving(lab: Lab) -> Iterator[None]:
    """Run the servers of both namespaces; they are ready when the body starts."""
    with contextlib.ExitStack() as running:
        for role, namespace in (("server", lab.server), ("client", lab.client)):
            running.enter_context(serving_role(role, namespace))
        yield


@contextmanager
def serving_role(role: str, namespace: str) -> Iterator[None]:
    """One role's servers in a namespace, in a process of their own. Raises LabError."""
    process = popen_in(
        namespace,
        [sys.executable, "-m", "lab.serve", role],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            raise LabError(f"the lab's servers did not start in {namespace}")
        yield
    finally:
        end_by_input(process, 5)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m lab.serve", description=__doc__)
    parser.add_argument("role", choices=("server", "client"))
    parser.add_argument("--stay", action="store_true", help="do not end with standard input")
    chosen = parser.parse_args(arguments)
    try:
        require_lab()
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    board = Switchboard()
    (serve_outside if chosen.role == "server" else serve_inside)(board)
    print("ready", flush=True)
    board.run(until_input_ends=not chosen.stay)
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
