"""Pairs of packets that begin one UDP connection on two CPUs at once, so that the kernel resolves a
clash.

python3 -m lab.traffic.clashing COUNT SOURCE ADDRESS PORT, inside the client's namespace.
"""

from __future__ import annotations

import mmap
import os
import socket
import sys
from collections.abc import Sequence

from lab.guard import require_lab
from lab.namespaces import ROOT, Lab, run_in


def make_clashes(lab: Lab, count: int, source: str, address: str, port: int) -> None:
    """Sends ``count`` pairs, each from a socket of its own."""
    words = (str(count), source, address, str(port))
    argv = [sys.executable, "-m", "lab.traffic.clashing", *words]
    run_in(lab.client, argv, cwd=ROOT, check=True)


def _send(sockets: Sequence[socket.socket], cpu: int, turns: mmap.mmap) -> None:
    """Sends on one socket after the other, each as soon as the other process is there as well."""
    os.sched_setaffinity(0, {cpu})
    other = 1 - cpu
    for number, each in enumerate(sockets, 1):
        turns[4 * cpu : 4 * cpu + 4] = number.to_bytes(4, "little")
        while int.from_bytes(turns[4 * other : 4 * other + 4], "little") < number:
            pass
        each.send(b"clash")


def main(arguments: Sequence[str]) -> int:
    require_lab()
    count, source, address, port = arguments
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(count))]
    for each in sockets:
        each.bind((source, 0))
        each.connect((address, int(port)))
    turns = mmap.mmap(-1, 8)
    child = os.fork()
    if child == 0:
        _send(sockets, 1, turns)
        os._exit(0)
    _send(sockets, 0, turns)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
