"""A connection string of several hosts: what is tried, and in which order."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ctaudit.database import hosts
from ctaudit.database.connection import connect
from ctaudit.database.dsn import parse_dsn
from ctaudit.errors import DatabaseError

ADDRESSES = {"db1": ["10.20.0.1"], "db2": ["10.20.0.2"], "both": ["10.20.0.1", "2001:db8::2"]}


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: str, **_: Any) -> list[Any]:
        if host not in ADDRESSES:
            raise socket.gaierror("unknown")
        return [(0, 0, 0, "", (address, int(port))) for address in ADDRESSES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for variable in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGTARGETSESSIONATTRS", "PGSERVICE"):
        monkeypatch.delenv(variable, raising=False)


def attempts(dsn: str) -> list[tuple[str | None, ...]]:
    keys = ("host", "hostaddr", "port", "target_session_attrs")
    return [tuple(one.get(key) for key in keys) for one in hosts.list_attempts(parse_dsn(dsn))]


@pytest.mark.parametrize(
    ("dsn", "tried"),
    [
        ("dbname=a", [(None, None, None, None)]),
        ("host=/run/x", [("/run/x", None, None, None)]),
        ("host=db1", [("db1", None, None, None)]),
        ("host=nowhere", [("nowhere", None, None, None)]),
        ("host=db1,db2", [("db1", None, None, None), ("db2", None, None, None)]),
        ("host=db1,db2 port=6432", [("db1", None, "6432", None), ("db2", None, "6432", None)]),
        ("host=db1,db2 port=,6432", [("db1", None, "", None), ("db2", None, "6432", None)]),
        ("host='db1, db2'", [("db1", None, None, None), ("db2", None, None, None)]),
        ("hostaddr=1.2.3.4,::1", [(None, "1.2.3.4", None, None), (None, "::1", None, None)]),
        (
            "host=a,b hostaddr=1.2.3.4,::1",
            [("a", "1.2.3.4", None, None), ("b", "::1", None, None)],
        ),
        ("host=both", [("both", "10.20.0.1", None, None), ("both", "2001:db8::2", None, None)]),
        ("host=db1,/run/x", [("db1", None, None, None), ("/run/x", None, None, None)]),
        # libpq has its own sentence for these.
        ("host=db1,db2 port=1,2,3", [("db1,db2", None, "1,2,3", None)]),
        ("host=a,b hostaddr=1.2.3.4", [("a,b", "1.2.3.4", None, None)]),
        (
            "host=db1,db2 target_session_attrs=read-write",
            [("db1", None, None, "read-write"), ("db2", None, None, "read-write")],
        ),
        (
            "host=db1,db2 target_session_attrs=prefer-standby",
            [(host, None, None, how) for how in ("standby", "any") for host in ("db1", "db2")],
        ),
    ],
)  # fmt: skip
def test_attempts(dsn: str, tried: list[tuple[str | None, ...]]) -> None:
    assert attempts(dsn) == tried


def test_attempts_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db1,db2")
    monkeypatch.setenv("PGPORT", "5433")
    assert attempts("dbname=a") == [("db1", None, "5433", None), ("db2", None, "5433", None)]
    monkeypatch.setenv("PGHOSTADDR", "1.2.3.4")
    assert attempts("host=db2") == [("db2", None, None, None)]


@pytest.fixture
def service_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "pg_service.conf"
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    file.write_text("[store]\nhost=db1,db2\nport=6432\nuser=gw1\npassword=q7x2k9\n")
    return file


def test_attempts_of_a_service(monkeypatch: pytest.MonkeyPatch, service_file: Path) -> None:
    both = [("db1", None, "6432", "any"), ("db2", None, "6432", "any")]
    assert attempts("service=store dbname=a") == both
    # Before it comes what the connection string says; the environment comes after it.
    monkeypatch.setenv("PGHOST", "db9")
    assert attempts("service=store") == both
    assert attempts("service=store host=db2") == [("db2", None, "6432", "any")]
    assert "q7x2k9" not in str(hosts.list_attempts({"service": "store"}))
    monkeypatch.setenv("PGSERVICE", "store")
    assert attempts("dbname=a") == both
    service_file.write_text("[store]\nhost=both\ntarget_session_attrs=read-write\n")
    assert attempts("") == [
        ("both", "10.20.0.1", "5432", "read-write"), ("both", "2001:db8::2", "5432", "read-write")
    ]  # fmt: skip


@pytest.mark.usefixtures("service_file")
def test_a_service_that_is_not_there() -> None:
    with pytest.raises(DatabaseError, match='service "nothing" not found'):
        connect("service=nothing")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Of a host whose kernel answers and nobody else: as that of a frozen machine."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
    return port


def test_a_host_that_says_nothing_is_passed_over(silent_port: int, closed_port: int) -> None:
    dsn = f"host=127.0.0.1,127.0.0.2 port={silent_port},{closed_port} connect_timeout=1"
    with pytest.raises(DatabaseError) as caught:
        connect(dsn)
    words = str(caught.value)
    assert "127.0.0.1: connection timeout expired; 127.0.0.2: " in words
    assert "refused" in words
