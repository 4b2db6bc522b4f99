"""What the role's settings of PostgreSQL are worth, on a real server, without Ansible."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from lab.cluster import private_cluster
from tests.store.role_modules import load_module


@pytest.mark.parametrize("by", ["ALTER SYSTEM", "a later file", "nothing"])
def test_a_setting_that_is_overridden_is_named(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with private_cluster(settings={"fsync": "off"}) as server:
        load_module("ctaudit_server", object, server, monkeypatch)
        postgres = sys.modules["ansible.module_utils.ctaudit_postgres"]
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as owner:
            [(data,)] = owner.execute("SELECT current_setting('data_directory')")
            place = Path(data, "conf.d")
            place.mkdir()
            Path(place, "ctaudit.conf").write_text(
                "max_locks_per_transaction = 512\npassword_encryption = 'scram-sha-256'\n"
            )
            with Path(data, "postgresql.conf").open("a") as settings:
                settings.write("include_dir = 'conf.d'\n")
            last = {
                "ALTER SYSTEM": Path(data, "postgresql.auto.conf"),
                "a later file": place / "site.conf",
            }.get(by)
            if by == "ALTER SYSTEM":
                owner.execute("ALTER SYSTEM SET max_locks_per_transaction = 1024")
            elif last:
                last.write_text("max_locks_per_transaction = 1024\n")
        found = postgres.list_overridden(SimpleNamespace(), place / "ctaudit.conf")
    ours = place / "ctaudit.conf"
    said = f"max_locks_per_transaction is '1024' by {last}, which is read after {ours}"
    assert found == ([said] if last else [])
