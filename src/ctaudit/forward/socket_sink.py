"""A collector's socket, which gets each line at least once.

send() only hands bytes to this host's kernel. They count as delivered when its queue is empty
(SIOCOUTQ): the collector has read them from a unix socket, or its kernel has acknowledged them over
TCP. Of these a collector that ends may leave a receive buffer unread, which it tells by a RST in
place of a FIN (RFC 2525, 2.17); ``unread`` says how many bytes that can have been.
"""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import termios

from ctaudit.spool.output_state import FileMark

_CONNECT_WITHIN = 5.0  # seconds
_SEND_WITHIN = 0.5  # seconds that one call waits for a collector that reads slowly
_GIVE_UP_AFTER = 120_000  # milliseconds without an acknowledgement, TCP_USER_TIMEOUT
_SND_WND = 228  # offset of tcpi_snd_wnd in struct tcp_info, linux/tcp.h; since Linux 5.4
_WINDOW = 6 << 20  # bytes; the largest receive buffer where the kernel does not tell, tcp(7)


class SocketSink:
    """``kind``: "unix" or "tcp". Each method raises OSError where the connection is broken."""

    can_resume = False

    def __init__(self, kind: str, host: str, port: int) -> None:
        self._kind, self._host, self._port = kind, host, port
        self._socket: socket.socket | None = None
        self._is_stream = True
        self._block, self._sent = b"", 0
        self._window = 0
        self._was_closed = False

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self, mark: FileMark | None) -> None:  # noqa: ARG002 a socket has none
        self._is_stream, self._was_closed, self._window = True, False, 0
        self._block, self._sent = b"", 0
        self._socket = self._connect_tcp() if self._kind == "tcp" else self._connect_unix()
        self._socket.setblocking(False)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def write(self, block: bytes) -> bool:
        """Takes whole lines, after those before, and sends as much as the collector reads."""
        self._block, self._sent = block, 0
        return self.flush()

    def flush(self) -> bool:
        """Sends what is left of the last block; False while the collector does not read."""
        connection = self._listen()
        while self._sent < len(self._block):
            try:
                self._sent += self._send(connection)
            except BlockingIOError:
                if not select.select((), (connection,), (), _SEND_WITHIN)[1]:
                    return False
        self._block, self._sent = b"", 0
        return True

    def _send(self, connection: socket.socket) -> int:
        if self._is_stream:
            return connection.send(self._block[self._sent :])
        line = self._block[self._sent : self._block.index(b"\n", self._sent)]
        connection.send(line)
        return len(line) + 1

    def settle(self) -> bool:
        """Whether all that was sent has been delivered."""
        connection = self._listen()
        queued = bytearray(4)
        fcntl.ioctl(connection, termios.TIOCOUTQ, queued)
        self._look_at_window(connection)
        return not struct.unpack("=i", queued)[0]

    @property
    def mark(self) -> FileMark | None:
        return None

    def is_rotated(self) -> bool:
        return False

    def unread(self) -> int:
        """After a broken connection: how many of the delivered bytes nobody may have read."""
        return self._window if self._kind == "tcp" and not self._was_closed else 0

    def _listen(self) -> socket.socket:
        """Reads and forgets what a collector says. Raises ConnectionResetError at its end."""
        connection = self._socket
        if connection is None:
            raise OSError(errno.ENOTCONN, "not connected")
        if not self._is_stream:
            return connection
        try:
            while connection.recv(4096):
                pass
        except BlockingIOError:
            return connection
        self._was_closed = True
        raise ConnectionResetError(errno.ECONNRESET, "the collector has closed the connection")

    def _look_at_window(self, connection: socket.socket) -> None:
        if self._kind == "tcp":
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            known = len(told) >= _SND_WND + 4
            window = struct.unpack_from("=I", told, _SND_WND)[0] if known else _WINDOW
            self._window = max(self._window, 2 * window)

    def _connect_tcp(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), _CONNECT_WITHIN)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GIVE_UP_AFTER)
        return connection

    def _connect_unix(self) -> socket.socket:
        """A stream, or datagrams of one line each where the collector listens for these."""
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            connection = socket.socket(socket.AF_UNIX, kind)
            self._is_stream = kind == socket.SOCK_STREAM
            try:
                connection.settimeout(_CONNECT_WITHIN)
                connection.connect(self._host)
            except OSError as error:
                connection.close()
                if error.errno != errno.EPROTOTYPE or not self._is_stream:
                    raise
            else:
                return connection
        raise OSError(errno.EPROTOTYPE, "neither a stream nor a datagram socket")
