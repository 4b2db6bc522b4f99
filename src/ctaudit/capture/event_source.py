"""The event socket as the receiver uses it."""

from __future__ import annotations

import select
import socket

from ctaudit.conntrack.netlink import (
    attach_filter,
    clear_congestion,
    count_drops,
    detach_filter,
    set_receive_buffer,
)


class EventSource:
    """Receives events without blocking; knows the kernel's drops and the receive buffer's size.

    ``recv_into`` is the socket's own, without a call in between: it is on the hot path.
    """

    def __init__(self, events: socket.socket, largest_buffer: int) -> None:
        self._events = events
        self._largest_buffer = largest_buffer
        self._poll = select.poll()
        self._poll.register(events, select.POLLIN)
        self.recv_into = events.recv_into
        self.buffer = events.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def wait(self, seconds: float) -> None:
        """Returns when an event or an overrun is there, or after ``seconds``."""
        self._poll.poll(1000 * seconds)

    def count_drops(self) -> int:
        """Messages that the kernel has dropped for this socket, modulo 2**32."""
        return count_drops(self._events)

    def clear_congestion(self) -> None:
        """Lets the kernel queue events again after drops that no ENOBUFS reported."""
        clear_congestion(self._events)

    def set_program(self, program: bytes | None) -> None:
        """Exchanges the socket's BPF program, or takes it off."""
        if program is None:
            detach_filter(self._events)
        else:
            attach_filter(self._events, program)

    def grow_buffer(self) -> None:
        """Doubles the receive buffer, up to the largest size allowed."""
        grown = min(2 * self.buffer, self._largest_buffer)
        if grown > self.buffer:
            self.buffer = set_receive_buffer(self._events, grown)
