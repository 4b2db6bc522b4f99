"""Connection strings: what is refused, and how the server is named."""

from __future__ import annotations

import pytest

from ctaudit.database.dsn import check_dsn, describe_target, find_remote_host, parse_dsn
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
        ("host=db.example", "db.example"),
        ("postgresql://gw1@db1,db2/ctaudit?target_session_attrs=read-write", "db1, db2"),
        ("host=/run/postgresql,db2", "db2"),
        ("service=ctaudit", None),
    ],
)
def test_where_the_database_is(
    monkeypatch: pytest.MonkeyPatch, dsn: str, remote: str | None
) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert find_remote_host(dsn) == remote
    monkeypatch.setenv("PGHOST", "db9")
    assert find_remote_host("dbname=a") == "db9"
    assert find_remote_host("service=ctaudit") is None
