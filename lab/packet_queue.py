"""Holds forwarded packets back for a while, as an inline filter does: NFQUEUE with a reader.

python3 -m lab.packet_queue NUMBER SECONDS, inside the gateway's namespace. Prints "ready" when it
reads the queue, and ends with its standard input. linux/netfilter/nfnetlink_queue.h.
"""

from __future__ import annotations

import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lab.guard import require_lab
from lab.namespaces import ROOT, Lab, LabError, popen_in, run_in

_NETLINK_NETFILTER = 12
_PACKET, _VERDICT, _CONFIG = 0x0300, 0x0301, 0x0302
_REQUEST, _ACK = 1, 4
_HEADER = struct.Struct("=IHHIIBBH")  # nlmsghdr and nfgenmsg
_BIND, _COPY_META, _ACCEPT = 1, 1, 1


@contextmanager
def holding_packets(
    lab: Lab, match: Sequence[str], seconds: float, number: int = 7
) -> Iterator[None]:
    """During the body, each forwarded packet that ``match`` (iptables) selects waits so long."""
    words = [sys.executable, "-m", "lab.packet_queue", str(number), str(seconds)]
    process = popen_in(
        lab.gateway, words, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            raise LabError(f"queue {number} of {lab.gateway} cannot be read")
        rule = ("FORWARD", *match, "-j", "NFQUEUE", "--queue-num", str(number))
        added = run_in(
            lab.gateway, ["iptables-legacy", "-A", *rule], text=True, capture_output=True
        )
        if added.returncode:
            raise LabError(f"this kernel queues no packets: {added.stderr.strip()}")
        try:
            yield
        finally:
            run_in(lab.gateway, ["iptables-legacy", "-D", *rule], check=True)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def _message(kind: int, flags: int, number: int, attribute: int, payload: bytes) -> bytes:
    body = struct.pack("=HH", 4 + len(payload), attribute) + payload
    body += bytes(-len(body) % 4)
    head = _HEADER.pack(_HEADER.size + len(body), kind, flags, 0, 0, 0, 0, socket.htons(number))
    return head + body


def _configure(queue: socket.socket, number: int, attribute: int, payload: bytes) -> None:
    queue.send(_message(_CONFIG, _REQUEST | _ACK, number, attribute, payload))
    (error,) = struct.unpack_from("=i", queue.recv(4096), 16)
    if error:
        raise OSError(-error, f"queue {number}")


def _packet_ids(data: bytes) -> Iterator[int]:
    """NFQA_PACKET_HDR is the first attribute of each message."""
    while len(data) >= _HEADER.size:
        length, kind = struct.unpack_from("=IH", data)
        if kind == _PACKET:
            yield struct.unpack_from(">I", data, _HEADER.size + 4)[0]
        data = data[(length + 3) & ~3 :]


def main(number: int, seconds: float) -> None:
    require_lab()
    with (
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as queue,
        selectors.DefaultSelector() as selector,
    ):
        queue.bind((0, 0))
        _configure(queue, number, 1, struct.pack(">BBH", _BIND, 0, 0))
        _configure(queue, number, 2, struct.pack(">IB", 0, _COPY_META))
        selector.register(queue, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not queue:
                    return
                for packet in _packet_ids(queue.recv(1 << 16)):
                    time.sleep(seconds)
                    verdict = struct.pack(">II", _ACCEPT, packet)
                    queue.send(_message(_VERDICT, _REQUEST, number, 2, verdict))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
