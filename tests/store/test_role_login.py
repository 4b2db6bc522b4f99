"""The Ansible role's module ctaudit_login on a real server, without Ansible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster, private_cluster
from tests.store.role_modules import load_module

PASSWORD = "a secret"  # noqa: S105
LIMITS = {"statement_timeout": "10min", "temp_file_limit": "10GB", "connections": 3}


class _Exit(Exception):
    """How a module ends: what it tells Ansible."""


class _Module:
    """As AnsibleModule, as far as the module needs it."""

    check_mode = False
    given: dict[str, Any]

    def __init__(self, **_: object) -> None:
        self.params = {
            "role": "recorder", "password": "", "nodes": [], "former_nodes": [], "limits": {},
            "state": "present",
            **self.given,
        }  # fmt: skip

    def exit_json(self, **told: object) -> None:
        raise _Exit(told)

    def fail_json(self, msg: str) -> None:
        raise AssertionError(msg)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with private_cluster(settings={"fsync": "off"}) as made:
        made.create_database("ctaudit")
        schema.install(made.dsn())
        yield made


@pytest.fixture
def ctaudit_login(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Runs the module with these parameters; what it tells Ansible."""
    module = load_module("ctaudit_login", _Module, server, monkeypatch)

    def run(**given: object) -> dict[str, Any]:
        monkeypatch.setattr(_Module, "given", given, raising=False)
        with pytest.raises(_Exit) as told:
            module.main()
        (said,) = told.value.args
        assert isinstance(said, dict)
        return said

    return run


def fetch(server: Cluster, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.dsn()) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


def test_a_login_of_two_gateways(
    server: Cluster, ctaudit_login: Callable[..., dict[str, Any]]
) -> None:
    """It goes with the last of them."""
    first = ctaudit_login(name="shared", nodes=["gw1"], password=PASSWORD)
    assert first["actions"] == [
        "made", "member of ctaudit_recorder", "password changed", "records as gw1",
    ]  # fmt: skip
    assert not ctaudit_login(name="shared", nodes=["gw1"], password=PASSWORD)["changed"]
    second = ctaudit_login(name="shared", nodes=["gw2"], password=PASSWORD)
    assert second["actions"] == ["records as gw2"]
    known = "SELECT node, login FROM ctaudit.node_login ORDER BY 1"
    assert fetch(server, known) == [("gw1", "shared"), ("gw2", "shared")]

    gone = ctaudit_login(name="shared", nodes=["gw1"], state="absent")
    assert (gone["actions"], gone["kept"]) == (["does not record as gw1 any more"], True)
    gone = ctaudit_login(name="shared", nodes=["gw2"], state="absent")
    assert gone["actions"] == ["does not record as gw2 any more", "removed"]
    assert not gone["kept"]
    assert not ctaudit_login(name="shared", nodes=["gw2"], state="absent")["changed"]
    assert fetch(server, known) == []
    assert fetch(server, "SELECT FROM pg_roles WHERE rolname = 'shared'") == []
    reasons = fetch(server, "SELECT DISTINCT reason FROM ctaudit.login_change")
    assert reasons == [("the Ansible role",)]


def test_limits_of_an_auditor(
    server: Cluster, ctaudit_login: Callable[..., dict[str, Any]]
) -> None:
    made = ctaudit_login(name="anna", role="auditor", limits=LIMITS)
    assert made["actions"] == [
        "made", "member of ctaudit_auditor", "at most 3 connections",
        "statement_timeout = 10min", "temp_file_limit = 10GB",
    ]  # fmt: skip
    assert not ctaudit_login(name="anna", role="auditor", limits=LIMITS)["changed"]
    other = {**LIMITS, "statement_timeout": "1h", "temp_file_limit": None}
    changed = ctaudit_login(name="anna", role="auditor", limits=other)
    assert changed["actions"] == ["statement_timeout = 1h"]
    with psycopg.connect(server.dsn(user="anna")) as anna:
        assert anna.execute("SHOW statement_timeout").fetchone() == ("1h",)
        assert anna.execute("SHOW temp_file_limit").fetchone() == ("10GB",)
