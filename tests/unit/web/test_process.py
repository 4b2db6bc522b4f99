"""The pages as waitress serves them: where, and for whom no longer."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

pytest.importorskip("flask")
pytest.importorskip("waitress")

from ctaudit.__main__ import main
from ctaudit.commands import daemons
from ctaudit.config.readers import Refused, split_listen

PROGRAM = (
    "from ctaudit.web import process; process._REQUEST_SECONDS = 1.0;"
    "from ctaudit.__main__ import main; raise SystemExit(main())"
)


def start(place: str, folder: Path) -> subprocess.Popen[str]:
    config = folder / "ctaudit.toml"
    config.write_text(f'[web]\nlisten = "{place}"\ndsn = "host=/nonexistent"\n')
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "web", "--config", str(config)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextmanager
def serving(place: str, folder: Path) -> Iterator[None]:
    with start(place, folder) as process:
        try:
            yield
        finally:
            process.terminate()
            _, said = process.communicate(timeout=10)
    assert process.returncode == 0, said
    assert "serving the pages at" in said and "Traceback" not in said


def fail(place: str, folder: Path) -> str:
    with start(place, folder) as process:
        _, said = process.communicate(timeout=10)
    assert process.returncode == 2, said
    assert "Traceback" not in said
    return said


def wait_until_served(path: Path) -> None:
    end = time.monotonic() + 10
    while True:
        with suppress(FileNotFoundError, ConnectionRefusedError):
            connect(path).close()
            return
        assert time.monotonic() < end
        time.sleep(0.01)


def connect(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(10)
    try:
        made.connect(str(path))
    except OSError:
        made.close()
        raise
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.sock"


def test_a_socket_file(path: Path) -> None:
    with serving(f"unix:{path}", path.parent):
        wait_until_served(path)
        assert path.stat().st_mode & 0o777 == 0o660
        with closing(connect(path)) as made:
            made.sendall(b"GET / HTTP/1.0\r\nX-Remote-User: audrey\r\n\r\n")
            answer = made.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.0 200 OK") and b"audrey" in answer
        assert b"Server:" not in answer
        with closing(connect(path)) as made:
            made.sendall(b"GET / HTTP/1.0\r\nX_Remote_User: audrey\r\n\r\n")
            assert b"403" in made.makefile("rb").readline()
    assert not path.exists()


def test_a_port_of_loopback(tmp_path: Path) -> None:
    port = free_port()
    with serving(f"127.0.0.1:{port}", tmp_path):
        end = time.monotonic() + 10
        while True:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < end
            time.sleep(0.01)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as asked:
            asked.request("GET", "/")
            answer = asked.getresponse()
            assert answer.status == 200 and b"login" in answer.read()
        assert "Address already in use" in fail(f"127.0.0.1:{port}", tmp_path)


def test_what_stands_there_already(path: Path) -> None:
    path.write_text("precious")
    assert "is there and is no socket" in fail(f"unix:{path}", path.parent)
    assert path.read_text() == "precious"
    assert "its folder is absent" in fail(f"unix:{path.parent}/none/web.sock", path.parent)


def test_a_socket_that_is_served_is_left_alone(path: Path) -> None:
    with serving(f"unix:{path}", path.parent):
        wait_until_served(path)
        before = path.stat().st_ino
        assert "Address already in use" in fail(f"unix:{path}", path.parent)
        assert path.stat().st_ino == before


def test_a_socket_that_a_crash_left(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with serving(f"unix:{path}", path.parent):
        wait_until_served(path)


def test_a_request_that_never_ends(path: Path) -> None:
    with serving(f"unix:{path}", path.parent):
        wait_until_served(path)
        with closing(connect(path)) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\n")
            assert takes_no_more(slow)


def takes_no_more(slow: socket.socket) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            slow.sendall(b"X")
        except (BrokenPipeError, ConnectionResetError):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    "place",
    ["0.0.0.0:8037", "192.0.2.1:80", "[::]:8037", "[2001:db8::1]:80", "127.0.0.1", "127.0.0.1:0",
     "127.0.0.1:65536", "localhost:8037", "unix:web.sock", "8037", "", "tcp:127.0.0.1:80"],
)  # fmt: skip
def test_others_are_not_listened_to(place: str) -> None:
    with pytest.raises(Refused, match="a port of loopback"):
        split_listen(place)


def test_where_it_is_served() -> None:
    assert split_listen("unix:/run/ctaudit-web/web.sock") == ("/run/ctaudit-web/web.sock", 0)
    assert split_listen("127.0.0.1:8037") == ("127.0.0.1", 8037)
    assert split_listen("[::1]:8037") == ("::1", 8037)


@pytest.mark.parametrize("missing", ["flask", "waitress", "ctaudit.web"])
def test_without_the_package(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(daemons, "find_spec", lambda name: None if name == missing else name)
    assert main(["web"]) == 2
    assert capsys.readouterr().err == (
        "ctaudit: web: the pages are a package of their own: apt install ctaudit-web\n"
    )
