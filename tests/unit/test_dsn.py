"""Connection strings: what is refused, and how the server is named."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from ctaudit.database import dsn as module
from ctaudit.database.dsn import (
    check_dsn,
    describe_target,
    find_remote_host,
    parse_dsn,
    pick_local_dsn,
)
from ctaudit.errors import UsageError


def test_parameters() -> None:
    assert parse_dsn("host=/run/x dbname=a") == {"host": "/run/x", "dbname": "a"}
    assert parse_dsn("postgresql://h/a")["dbname"] == "a"
    assert parse_dsn("") == {}


@pytest.mark.parametrize("dsn", ["hunter2", "host=x password='hunter2", "password=hunter2 'x"])
def test_what_is_no_connection_string_is_not_repeated(dsn: str) -> None:
    with pytest.raises(UsageError, match=r"^database.dsn: not a libpq connection string; write"):
        check_dsn(dsn, "database.dsn")
    with pytest.raises(UsageError) as caught:
        check_dsn(dsn, "--dsn", public=True)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "dsn", ["password=hunter2", "sslpassword=hunter2", "postgresql://a:hunter2@h/b"]
)
def test_a_password_where_everybody_sees_it(dsn: str) -> None:
    assert check_dsn(dsn, "database.dsn") == dsn
    with pytest.raises(UsageError, match=r"^--dsn: contains a password.* ~/\.pgpass") as caught:
        check_dsn(dsn, "--dsn", public=True)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("dsn", "environment", "target"),
    [
        ("host=/nowhere", {}, "host /nowhere, default database"),
        ("host=/nowhere dbname=a user=b password=hunter2", {}, "host /nowhere, database a"),
        ("postgresql://b:hunter2@h/a", {}, "host h, database a"),
        ("hostaddr=192.0.2.1", {}, "host 192.0.2.1, default database"),
        ("dbname=a", {}, "default host, database a"),
        ("", {}, "default host, default database"),
        ("", {"PGHOST": "h", "PGDATABASE": "a"}, "host h, database a"),
        ("host=x", {"PGHOST": "h", "PGDATABASE": "a"}, "host x, database a"),
        ("service=s", {}, "service s"),
        ("dbname=a", {"PGSERVICE": "s"}, "service s, database a"),
    ],
)
def test_target(
    monkeypatch: pytest.MonkeyPatch, dsn: str, environment: dict[str, str], target: str
) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert describe_target(parse_dsn(dsn)) == target


@pytest.mark.parametrize(
    ("dsn", "remote"),
    [
        ("", None),
        ("host=/run/postgresql dbname=a", None),
        ("host=localhost", None),
        ("host=127.0.0.1", None),
        ("host=::1", None),
        ("hostaddr=192.0.2.1", "192.0.2.1"),
        ("host=localhost hostaddr=192.0.2.1", "localhost"),
        ("host=db.example hostaddr=127.0.0.1", None),
        ("host=a,b hostaddr=127.0.0.1,192.0.2.1", "b"),
        ("host=db.example", "db.example"),
        ("postgresql://gw1@db1,db2/ctaudit?target_session_attrs=read-write", "db1, db2"),
        ("host=/run/postgresql,db2", "db2"),
        ("service=ctaudit", None),
    ],
)
def test_where_the_database_is(
    monkeypatch: pytest.MonkeyPatch, dsn: str, remote: str | None
) -> None:
    monkeypatch.setattr(module, "_DNS_PATIENCE", 0.0)
    monkeypatch.delenv("PGHOST", raising=False)
    assert find_remote_host(dsn) == remote
    monkeypatch.setenv("PGHOST", "db9")
    assert find_remote_host("dbname=a") == "db9"
    # To libpq the environment comes after a service, which names no host here.
    assert find_remote_host("service=ctaudit") == "db9"


def test_where_the_database_of_a_service_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_DNS_PATIENCE", 0.0)
    file = tmp_path / "pg_service.conf"
    file.write_text("[far]\nhost=db1,db2\n[here]\nhost=/run/x\n[nowhere]\ndbname=a\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.delenv("PGHOST", raising=False)
    found = {name: find_remote_host(f"service={name}") for name in ("far", "here", "nowhere")}
    assert found == {"far": "db1, db2", "here": None, "nowhere": None}


@pytest.mark.parametrize(
    ("dsn", "local"),
    [
        ("", {"dbname": "ctaudit"}),
        ("host=/var/run/postgresql dbname=audit user=gw1", {
            "host": "/var/run/postgresql", "dbname": "audit",
        }),
        ("postgresql://gw1:hunter2@localhost:5433/audit?sslmode=require", {
            "port": "5433", "dbname": "audit",
        }),
        ("host=192.0.2.1 dbname=audit", {"dbname": "ctaudit"}),
        ("host=/var/run/postgresql,192.0.2.1 dbname=audit", {"dbname": "ctaudit"}),
        ("service=audit", {"dbname": "ctaudit"}),
    ],
)  # fmt: skip
def test_the_database_that_this_host_maintains(dsn: str, local: dict[str, str]) -> None:
    assert parse_dsn(pick_local_dsn(dsn)) == local


def test_an_address_of_this_host() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        try:
            route.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this host has no route, and no address but loopback's")
        own = route.getsockname()[0]
    assert find_remote_host(f"host={own}") is None


NAMES = {
    "gw1.example": ["127.0.1.1"],
    "db-here.example": ["::1", "127.0.0.1"],
    "pair.example": ["127.0.0.1", "192.0.2.1"],
    "db.example": ["192.0.2.1"],
}


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        ("gw1.example", None),
        ("db-here.example", None),
        ("pair.example", "pair.example"),
        ("db.example", "db.example"),
        ("nowhere.example", "nowhere.example"),
        ("a" * 70 + ".example", "a" * 70 + ".example"),
        ("gw1.example,db.example", "db.example"),
    ],
)
def test_a_name_of_this_host(
    monkeypatch: pytest.MonkeyPatch, host: str, remote: str | None
) -> None:
    def resolve(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if len(name.partition(".")[0]) > 63:
            raise UnicodeError("label too long")
        if name not in NAMES:
            raise socket.gaierror(-2, "Name or service not known")
        return [(0, 0, 0, "", (address, 0)) for address in NAMES[name]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert find_remote_host(f"host={host}") == remote


def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def wait(*_: object, **__: object) -> list[object]:
        answered.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    monkeypatch.setattr(module, "_DNS_PATIENCE", 0.5)
    began = time.monotonic()
    hosts = "db1.example, db2.example, db3.example, db4.example"
    assert find_remote_host(f"host='{hosts}'") == hosts
    assert time.monotonic() - began < 1.2
    answered.set()
