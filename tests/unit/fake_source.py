"""The kernel's side of the receiver, without a kernel: event source, dump socket and clock."""

from __future__ import annotations

import errno
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.unit.messages import build
from tests.unit.test_layout import ENTRY

EVENT = build(ENTRY) + bytes(-len(build(ENTRY)) % 4)
DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)  # NLMSG_DONE, NLM_F_MULTI


def write(message: bytes, into: memoryview) -> int:
    """As recv_into() does: what does not fit is cut off."""
    room = into.cast("B")
    size = min(len(message), len(room))
    room[:size] = message[:size]
    return size


class FakeSource:
    """An EventSource whose queue is filled by the test: messages, or errors to raise."""

    def __init__(self, buffer: int = 64 << 20) -> None:
        self.queue: deque[bytes | OSError] = deque()
        self.buffer = buffer
        self.drops = 0
        self.waits: list[float] = []
        self.cleared = 0
        self.program: bytes | None = None
        self.programs: list[bytes | None] = []

    def recv_into(self, into: memoryview) -> int:
        if not self.queue:
            raise BlockingIOError
        message = self.queue.popleft()
        if isinstance(message, OSError):
            raise OSError(*message.args)  # its own would keep the traceback, and so the mapping
        return write(message, into)

    def overrun(self, drops: int) -> None:
        """The kernel drops events and says so at the next read."""
        self.drops += drops
        self.queue.append(OSError(errno.ENOBUFS, "No buffer space available"))

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def count_drops(self) -> int:
        return self.drops % (1 << 32)

    def clear_congestion(self) -> None:
        self.cleared += 1

    def set_program(self, program: bytes | None) -> None:
        self.program = program
        self.programs.append(program)

    def grow_buffer(self) -> None:
        self.buffer *= 2


class FakeDump:
    """A dump's socket with these datagrams; ``None``: nothing is there yet."""

    def __init__(self, *datagrams: bytes | None) -> None:
        self._datagrams = deque(datagrams)
        self.closed = False

    def recv_into(self, into: memoryview) -> int:
        datagram = self._datagrams.popleft() if self._datagrams else None
        if datagram is None:
            raise BlockingIOError
        return write(datagram, into)

    def close(self) -> None:
        self.closed = True


class Dumps:
    """Opens a fake dump at each call; ``make`` gives the next one."""

    def __init__(self, make: Callable[[], FakeDump] = lambda: FakeDump(DONE)) -> None:
        self.make = make
        self.opened: list[FakeDump] = []

    def __call__(self) -> Any:
        self.opened.append(self.make())
        return self.opened[-1]


class FakeClock:
    """A monotonic clock that only sleeping moves, or the test."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
