"""A collector gets each line at least once, and never holds up anything else."""

from __future__ import annotations

import errno
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ctaudit.forward import output as outputs
from ctaudit.forward.output import Output
from ctaudit.forward.socket_sink import SocketSink
from tests.unit.forwarding import Clock, Spool, configure, drain, outputting, spooling


class Collector:
    """``lines``: what it has read. ``paused``: it leaves everything in its receive buffer."""

    def __init__(self, listener: socket.socket, to: str) -> None:
        self.to = to
        self.lines: list[bytes] = []
        self.paused = threading.Event()
        self._listener = listener
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection, rest = connection, b""
            with connection, suppress(OSError):
                while said := self._read(connection):
                    *whole, rest = (rest + said).split(b"\n")
                    self.lines += whole

    def _read(self, connection: socket.socket) -> bytes:
        while self.paused.is_set():
            time.sleep(0.01)
        return connection.recv(1000)

    def hang_up(self) -> None:
        """Closes the connection; with a RST where something is unread."""
        assert self._connection is not None
        if self.paused.is_set():
            # As the kernel does for a process that is killed with bytes in its receive buffer.
            at_once = struct.pack("ii", 1, 0)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self._connection.close()
        else:
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.paused.clear()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    @property
    def numbers(self) -> list[int]:
        return [json.loads(line)["ct.id"] for line in self.lines]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    (tmp_path / "spool").mkdir()
    with spooling(tmp_path / "spool") as found:
        yield found


@pytest.fixture(params=["tcp", "unix"])
def collector(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collector]:
    if request.param == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
        to = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        to = f"unix:{tmp_path}/socket"
    found = Collector(listener, to)
    yield found
    found.close()


def wait_for(condition: Callable[[], bool], act: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        act()
        time.sleep(0.005)


def test_a_collector_gets_each_line(tmp_path: Path, spool: Spool, collector: Collector) -> None:
    given = configure(tmp_path / "spool", collector.to)
    for _ in range(2):
        with outputting(given) as output:
            spool.send(20)
            drain(output)
        wait_for(lambda: collector.numbers == spool.sent)


def test_it_goes_on_with_a_collector_that_comes_back(
    tmp_path: Path, spool: Spool, collector: Collector
) -> None:
    """One that had read everything gets nothing twice."""
    clock = Clock()
    with outputting(configure(tmp_path / "spool", collector.to), clock) as output:
        spool.send(20)
        drain(output)
        wait_for(lambda: collector.numbers == spool.sent)
        collector.hang_up()
        wait_for(lambda: bool(output.state.fault), output.turn)
        spool.send(20)
        clock.now += 20
        drain(output)
        wait_for(lambda: collector.numbers == spool.sent)
        assert output.state.fault == ""


def test_what_a_collector_left_unread_is_sent_again(
    tmp_path: Path, spool: Spool, collector: Collector
) -> None:
    """It was acknowledged by its kernel, and its process was killed before it read it."""
    clock = Clock()
    with outputting(configure(tmp_path / "spool", collector.to), clock) as output:
        spool.send(20)
        drain(output)
        wait_for(lambda: collector.numbers == spool.sent)
        collector.paused.set()
        for _ in range(5):
            spool.send(20)
            clock.now += 1.1
            for _ in range(20):
                output.turn()
        collector.hang_up()
        collector.paused.clear()
        wait_for(lambda: bool(output.state.fault), output.turn)
        clock.now += 20
        drain(output)
        wait_for(lambda: set(collector.numbers) == set(spool.sent))


def test_a_collector_that_reads_nothing_is_waited_for(
    tmp_path: Path, spool: Spool, collector: Collector
) -> None:
    """Nothing is read ahead for it, and each line comes in the end."""
    clock = Clock()
    with outputting(configure(tmp_path / "spool", collector.to), clock) as output:
        spool.send(1)
        drain(output)
        wait_for(lambda: collector.numbers == spool.sent)
        collector.paused.set()
        while not output.state.fault:
            spool.fill()
            clock.now += 5
            output.turn()
        assert output.state.fault == f"{collector.to} takes no lines"
        collector.paused.clear()
        clock.now += 20
        drain(output)
        wait_for(lambda: len(collector.lines) >= len(spool.sent))
        assert collector.numbers == spool.sent


def test_nobody_listens(tmp_path: Path, spool: Spool) -> None:
    clock = Clock()
    given = configure(tmp_path / "spool", f"unix:{tmp_path}/nobody")
    with outputting(given, clock) as output:
        for _ in range(3):
            assert not output.turn()
        assert output.state.fault == f"unix:{tmp_path}/nobody: No such file or directory"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "nobody"))
        listener.listen()
        found = Collector(listener, "")
        spool.send(3)
        assert not output.turn()
        clock.now += 1.1
        drain(output)
        wait_for(lambda: found.numbers == spool.sent)
        found.close()


def receive_each(receiver: socket.socket, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield receiver.recv(10_000)


def test_a_datagram_socket_gets_a_datagram_a_line(tmp_path: Path, spool: Spool) -> None:
    found: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        receiver.settimeout(5)
        reading = threading.Thread(target=lambda: found.extend(receive_each(receiver, 100)))
        # More than the receiver's queue holds.
        spool.send(100)
        with outputting(configure(tmp_path / "spool", f"unix:{tmp_path}/log")) as output:
            reading.start()
            drain(output)
            reading.join()
    assert [json.loads(datagram)["ct.id"] for datagram in found] == spool.sent
    assert not any(datagram.endswith(b"\n") for datagram in found)


def test_nothing_is_recorded_before_the_last_block_has_gone(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    """Though the queue is empty by chance while the collector reads slowly."""
    clock = Clock()
    with outputting(configure(tmp_path / "spool", collector.to), clock) as output:
        spool.send(1)
        drain(output)
        place = output.state.place
        spool.send(20)
        clock.now += 20
        with monkeypatch.context() as slow:
            slow.setattr(SocketSink, "flush", lambda sink: not sink._block)
            output.turn()
            output.turn()
            assert output.state.place == place
        drain(output)
        wait_for(lambda: collector.numbers == spool.sent)


def test_unread_bytes_are_bounded_by_the_window() -> None:
    """And are none once the collector has closed its side."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sink = SocketSink("tcp", *listener.getsockname())
        sink.open(None)
        peer, _ = listener.accept()
        sink.write(b"x\n" * 1000)
        wait_for(sink.settle)
        assert 32 << 10 < sink.unread() <= outputs._MOST_UNREAD
        peer.recv(10_000)
        peer.close()
        with pytest.raises(ConnectionResetError) as caught:
            wait_for(sink.settle)
        assert caught.value.errno == errno.ECONNRESET
        assert sink.unread() == 0
        sink.close()


def test_the_state_goes_back_with_what_is_sent_again(
    tmp_path: Path, spool: Spool, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill before it is sent again loses nothing, either."""
    clock = Clock()
    given = configure(tmp_path / "spool", collector.to)
    with outputting(given, clock) as output:
        spool.send(20)
        drain(output)
        place = output.state.place
        wait_for(lambda: collector.numbers == spool.sent)
        monkeypatch.setattr(SocketSink, "unread", lambda _: 1 << 20)
        collector.hang_up()
        wait_for(lambda: bool(output.state.fault), output.turn)
        assert output.state.place.position < place.position
    monkeypatch.undo()
    collector.lines.clear()
    with outputting(given, clock) as output:
        assert isinstance(output, Output)
        drain(output)
    wait_for(lambda: collector.numbers == spool.sent)
