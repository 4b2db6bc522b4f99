"""A TCP server that can speak first: python3 -m lab.listener ADDRESS PORT, inside a namespace.

It takes one connection and sends back what it receives. Each line of its standard input is sent
to the peer. Prints "ready" when it listens; ends when its input does.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lab.guard import require_lab
from lab.namespaces import ROOT, LabError, popen_in


class Listener:
    """The running server, as a test has it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, line: str) -> None:
        """Sends a line to the peer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


@contextmanager
def listening(namespace: str, address: str, port: int) -> Iterator[Listener]:
    words = [sys.executable, "-m", "lab.listener", address, str(port)]
    pipe = subprocess.PIPE
    process = popen_in(namespace, words, cwd=ROOT, text=True, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            raise LabError(f"nothing listens on {address} port {port} in {namespace}")
        yield Listener(process)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def serve(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as waiting:
        waiting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        waiting.bind((address, port))
        waiting.listen()
        print("ready", flush=True)
        with selectors.DefaultSelector() as selector:
            selector.register(waiting, selectors.EVENT_READ)
            selector.register(sys.stdin, selectors.EVENT_READ)
            peer: socket.socket | None = None
            while True:
                for key, _ in selector.select():
                    if key.fileobj is waiting:
                        peer = waiting.accept()[0]
                        selector.register(peer, selectors.EVENT_READ)
                    elif key.fd == sys.stdin.fileno():
                        line = sys.stdin.readline()
                        if not line:
                            return
                        if peer is not None:
                            peer.sendall(line.encode())
                    elif peer is not None:
                        data = peer.recv(65536)
                        if not data:
                            return
                        peer.sendall(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    require_lab()
    serve(args.address, args.port)


if __name__ == "__main__":
    main()
