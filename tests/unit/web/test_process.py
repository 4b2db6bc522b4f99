"""The process that serves the pages: its place, readiness, its end, and clients that are slow."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

pytest.importorskip("flask")
pytest.importorskip("waitress")

from ctaudit import cli
from ctaudit.errors import PrivilegeError, UsageError
from ctaudit.web import process
from ctaudit.web.settings import WebSettings
from lab.waiting import wait_until

ROOT = Path(__file__).parents[3]


class ByFile(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


def status(path: Path, address: str = "/") -> int:
    with contextlib.closing(ByFile(path)) as connection:
        connection.request("GET", address, headers={"X-Remote-User": "alice"})
        return connection.getresponse().status


def start(folder: Path, listen: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    configuration = folder / "ctaudit.toml"
    configuration.write_text(f'[database]\ndsn = "host=/nowhere"\n[web]\nlisten = "{listen}"\n')
    return subprocess.Popen(
        [sys.executable, "-m", "ctaudit", "web", "--config", str(configuration)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **(env or {})},
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def serving(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[tuple[Path, int]]:
    """A process and its socket; it is killed at the end where it is still there."""
    place = folder / "web.sock"
    process = start(folder, f"unix:{place}", env)
    try:
        wait_until(lambda: place.exists() and answers(place))
        yield place, process.pid
    finally:
        process.terminate()
        process.communicate(timeout=10)


def answers(place: Path) -> bool:
    try:
        return status(place) == 200
    except OSError:
        return False


def test_until_it_is_told_to_stop(tmp_path: Path) -> None:
    place = tmp_path / "web.sock"
    process = start(tmp_path, f"unix:{place}")
    wait_until(lambda: place.exists() and answers(place))
    assert stat.S_IMODE(place.stat().st_mode) == 0o660
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    assert time.monotonic() - began < 2
    assert not place.exists()
    assert "Traceback" not in said


def test_it_is_ready_when_it_can_be_asked(tmp_path: Path) -> None:
    pytest.importorskip("systemd")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(30)
        with serving(tmp_path, {"NOTIFY_SOCKET": str(tmp_path / "notify")}) as (place, _):
            said = notified.recv(4096).decode()
            assert said.splitlines() == ["READY=1", f"STATUS=serving the pages at {place}"]
            assert status(place) == 200
        assert "STOPPING=1" in notified.recv(4096).decode()


def test_a_socket_file_that_a_killed_one_left(tmp_path: Path) -> None:
    with serving(tmp_path) as (place, pid):
        os.kill(pid, signal.SIGKILL)
    assert place.is_socket()
    with serving(tmp_path) as (place, _):
        assert status(place) == 200


def test_a_second_one_leaves_the_first_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as (place, _):
        second = start(tmp_path, f"unix:{place}")
        _, said = second.communicate(timeout=30)
        assert second.returncode == 2
        assert said == (
            f"ctaudit: web.listen: {place} cannot be listened at: Address already in use; another "
            "program has it, or its folder is absent\n"
        )
        assert status(place) == 200


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(tmp_path, f"127.0.0.1:{port}")
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened at: Address already in use" in said
    assert said.count("\n") == 1


def settings(path: Path) -> WebSettings:
    return WebSettings("host=/nowhere", str(path), "", 0, "X-Remote-User", frozenset(), 30.0)


def test_nothing_but_a_socket_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "passwords"
    place.write_text("secret")
    with pytest.raises(UsageError, match="is there and is no socket"):
        process.run(settings(place), [signal.SIGTERM])
    assert place.read_text() == "secret"
    link = tmp_path / "link"
    link.symlink_to(place)
    with pytest.raises(UsageError, match="is there and is no socket"):
        process.run(settings(link), [signal.SIGTERM])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    process = start(tmp_path, f"unix:{tmp_path}/absent/web.sock")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "absent/web.sock cannot be listened at: No such file or directory" in said


def test_a_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of root's tests only a refusal by hand says what another user is told."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(process, "create_server", refuse)
    with pytest.raises(PrivilegeError, match="systemctl start ctaudit-web"):
        process.run(settings(tmp_path / "web.sock"), [])


def test_a_server_that_ends_by_itself_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Ending:
        def run(self) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr(process, "create_server", lambda *_, **__: Ending())
    assert process.run(settings(tmp_path / "web.sock"), []) == 70
    assert "not foreseen" in caplog.text


def test_clients_that_are_slow_keep_nobody_waiting(tmp_path: Path) -> None:
    with serving(tmp_path) as (place, _), contextlib.ExitStack() as slow:
        for number in range(50):
            client = slow.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(place))
            client.sendall(b"POST /letter HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
                           + (b"\r\nx" if number % 2 else b""))  # fmt: skip
        began = time.monotonic()
        assert status(place) == 200
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("module", ["flask", "waitress"])
def test_without_what_serves_them(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert cli.main(["web"]) == 2
    assert capsys.readouterr().err == (
        "ctaudit: web: the pages are a package of their own: apt install ctaudit-web\n"
    )
