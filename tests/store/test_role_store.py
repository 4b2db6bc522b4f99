"""The Ansible role's module ctaudit_store on a real server, without Ansible."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster, private_cluster
from tests.store.test_role_login import ROLE, load


@pytest.fixture
def server() -> Iterator[Cluster]:
    with private_cluster(settings={"fsync": "off"}) as made:
        yield made


@pytest.fixture
def store(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    basic = ModuleType("ansible.module_utils.basic")
    basic.__dict__["AnsibleModule"] = object
    for name in ("ansible", "ansible.module_utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "ansible.module_utils.basic", basic)
    psql = load("ansible.module_utils.ctaudit_psql", ROLE / "module_utils" / "ctaudit_psql.py")
    monkeypatch.setitem(sys.modules, "ansible.module_utils.ctaudit_psql", psql)

    def as_superuser(_: object, argv: list[str], text: str = "") -> tuple[int, str, str]:
        words = [server.client("psql"), *argv[1:], "-U", server.superuser]
        done = subprocess.run(
            [*words, "-h", str(server.socket_directory)],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    monkeypatch.setattr(psql, "as_superuser", as_superuser)
    monkeypatch.setattr(psql, "is_installed", lambda: True)
    return load("ctaudit_store", ROLE / "library" / "ctaudit_store.py")


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
