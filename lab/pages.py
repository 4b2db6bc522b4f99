"""``ctaudit web`` of a rig, and a web server before it that names any person.

The real ones, nginx and Apache, are lab.web_servers; this one need not be told a password.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab.processes import wait_or_kill
from lab.rig import COMMAND, Rig, environment
from lab.waiting import wait_until

LOGIN = "lab_pages"
SUPERVISOR = "boss"
_MADE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{LOGIN}') THEN
        CREATE ROLE {LOGIN} LOGIN IN ROLE ctaudit_front;
    END IF;
END $$"""
_NOT_PASSED = ("connection", "transfer-encoding", "x-remote-user")


@dataclass(frozen=True)
class PagesProcess:
    """``place``: the socket file, or the address of the pages on loopback."""

    pid: int
    place: str
    log: Path


@contextmanager
def running_pages(rig: Rig, port: int | None = None) -> Iterator[PagesProcess]:
    """``ctaudit web`` on a socket file of the rig, or on that port of loopback."""
    rig.execute(_MADE)
    path = rig.directory / "web.sock"
    listen = f"unix:{path}" if port is None else f"127.0.0.1:{port}"
    configuration = rig.directory / f"web-{port or 'socket'}.toml"
    configuration.write_text(
        f'[database]\ndsn = "{rig.cluster.dsn(rig.database, LOGIN)}"\n'
        f'[web]\nlisten = "{listen}"\nsupervisors = ["{SUPERVISOR}"]\n'
    )
    log = configuration.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, "web", "--config", str(configuration)],
            env=_environment(), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_until(lambda: "serving the pages" in log.read_text(), explain=log.read_text)
        place = str(path) if port is None else f"http://127.0.0.1:{port}/"
        yield PagesProcess(process.pid, place, log)
    finally:
        process.terminate()
        wait_or_kill(process, 10)


def _environment() -> dict[str, str]:
    configuration = os.environ.get("CTAUDIT_COVERAGE")
    return environment() | ({"COVERAGE_PROCESS_START": configuration} if configuration else {})


class NamingServer:
    """A web server on loopback that passes requests on, each in the name of ``person``."""

    def __init__(self, socket_file: str) -> None:
        self.person = "audrey"
        self.socket_file = socket_file
        naming = self

        class Handler(_Passing):
            server_before = naming

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


class SocketConnection(http.client.HTTPConnection):
    """To a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Passing(BaseHTTPRequestHandler):
    server_before: NamingServer

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        before = self.server_before
        with closing(SocketConnection(before.socket_file)) as pages:
            pages.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _NOT_PASSED:
                    pages.putheader(name, value)
            pages.putheader("X-Remote-User", before.person.encode())
            pages.endheaders(body or None)
            given = pages.getresponse()
            data = given.read()
            self.send_response_only(given.status)
            for name, value in given.getheaders():
                if name.lower() not in (*_NOT_PASSED, "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)


@contextmanager
def naming(pages: PagesProcess) -> Iterator[NamingServer]:
    """The web server at work before pages on a socket file."""
    made = NamingServer(pages.place)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
