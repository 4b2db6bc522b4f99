"""A unix socket before PostgreSQL's that loses the connection between a request and its answer."""

from __future__ import annotations

import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PORT_FILE = ".s.PGSQL.5432"
SOME = 20_000  # bytes that only a batch of events has
CHUNK = 1 << 16


class CuttingProxy:
    """Relays bytes both ways. Of about ``every`` batches one is sent on and its answer is not.

    ``cut`` counts the connections lost so, ``answered`` those of them whose answer had come:
    there the batch was committed and its sender cannot know.
    """

    def __init__(self, directory: Path, target: Path, every: int) -> None:
        self.directory = directory
        self.cut = 0
        self.answered = 0
        self._target = target
        self._every = every
        self._dice = random.Random(4)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / PORT_FILE))
        self._listener.listen()

    def serve(self) -> None:
        """Waits until the listener is shut down."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
                    server.connect(str(self._target))
                    self._relay(client, server)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=self._answer, args=(server, client))
        self._silent = threading.Event()
        self._heard = threading.Event()
        back.start()
        try:
            while data := client.recv(CHUNK):
                dies = len(data) > SOME and self._dice.randrange(self._every) == 0
                if dies:
                    self._silent.set()
                server.sendall(data)
                if dies:
                    self._send_rest(client, server, self._dice.choice((0.0, 0.002, 2.0)))
                    return
        finally:
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    def _send_rest(self, client: socket.socket, server: socket.socket, patience: float) -> None:
        """A batch comes in pieces; they go on until the server has answered or time is up."""
        deadline = time.monotonic() + patience
        client.settimeout(0.001)
        while not self._heard.is_set() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                server.sendall(client.recv(CHUNK))
        self.cut += 1
        self.answered += self._heard.is_set()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if self._silent.is_set():
                    self._heard.set()
                else:
                    client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(target: Path, every: int) -> Iterator[CuttingProxy]:
    """The proxy at work before the server whose socket directory is ``target``."""
    with tempfile.TemporaryDirectory(prefix="ctproxy-") as place:
        proxy = CuttingProxy(Path(place), target / PORT_FILE, every)
        server = threading.Thread(target=proxy.serve)
        server.start()
        try:
            yield proxy
        finally:
            proxy.close()
            server.join(10)
