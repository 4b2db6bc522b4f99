"""The conntrack event socket of another process: what waits in it, and how to borrow it."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import LabError

_SYS_PIDFD_GETFD = 438
_SO_MEMINFO = 55


@dataclass(frozen=True)
class EventSocket:
    """``queued``: bytes that wait in it; ``dropped``: events that it had no room for."""

    descriptor: int
    queued: int
    dropped: int


def find_event_socket(pid: int) -> EventSocket:
    """The process's netlink socket that is in multicast groups; LabError if it has none."""
    mine = {}
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            mine[str(descriptor.readlink())] = int(descriptor.name)
    for row in Path(f"/proc/{pid}/net/netlink").read_text().splitlines()[1:]:
        _, _, _, groups, queued, _, _, _, drops, inode = row.split()
        if f"socket:[{inode}]" in mine and int(groups, 16):
            return EventSocket(mine[f"socket:[{inode}]"], int(queued), int(drops))
    raise LabError(f"process {pid} does not listen for conntrack events")


@contextmanager
def borrowed_socket(pid: int) -> Iterator[socket.socket]:
    """That socket, held open here as well. pidfd_getfd(2)."""
    process = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.syscall(_SYS_PIDFD_GETFD, process, find_event_socket(pid).descriptor, 0)
    os.close(process)
    if number < 0:
        raise LabError(f"the socket of process {pid}: {os.strerror(ctypes.get_errno())}")
    with socket.socket(fileno=number) as borrowed:
        yield borrowed


def count_queued(borrowed: socket.socket) -> int:
    """Bytes of events that wait in the socket (SO_MEMINFO, SK_MEMINFO_RMEM_ALLOC)."""
    return int.from_bytes(borrowed.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)[:4], "little")


def take_unread(borrowed: socket.socket) -> int:
    """Takes the events out that wait in the socket; how many there were."""
    count = 0
    with suppress(BlockingIOError):
        while borrowed.recv(16, socket.MSG_DONTWAIT):
            count += 1
    return count
