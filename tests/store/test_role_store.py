"""The Ansible role's module ctaudit_store on a real server, without Ansible."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster, private_cluster
from tests.store.role_modules import load_module


@pytest.fixture
def server() -> Iterator[Cluster]:
    with private_cluster(settings={"fsync": "off"}) as made:
        yield made


@pytest.fixture
def store(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_module("ctaudit_store", object, server, monkeypatch)


def test_a_run_after_one_that_was_broken_off(
    server: Cluster, store: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was made and closed to others, and the schema's installation has failed."""
    module = SimpleNamespace(check_mode=False, params={"foreseen": False})

    def fail(*_: object) -> str:
        raise store.Refused("no space left on device")

    monkeypatch.setattr(store, "_install", fail)
    with pytest.raises(store.Refused):
        store._bring_about(module)

    def install(*_: object) -> str:
        schema.install(server.dsn())
        return "installed the schema"

    monkeypatch.setattr(store, "_install", install)
    store._bring_about(module)
    with psycopg.connect(server.dsn()) as connection:
        connected = connection.execute(
            "SELECT bool_and(has_database_privilege(oid, 'ctaudit', 'CONNECT'))"
            " FROM pg_roles WHERE rolname LIKE 'ctaudit%'"
        ).fetchone()
        stranger = connection.execute(
            "SELECT datacl::text LIKE '%,=c/%' FROM pg_database WHERE datname = 'ctaudit'"
        ).fetchone()
    assert connected == (True,)
    assert stranger == (False,)
