"""A front before one store: brought, told a wrong address, taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import keeper
from lab.fleet.plan import read_fleet
from tests.role.conftest import DATABASE_NAME, FLEET, PASSWORD, RELEASE, Site
from tests.role.playing import Played, assert_done, assert_stopped, play

HOSTS = ("rdb", "rask")
BOTH = "--limit=rdb,rask"
_LOGINS = "SELECT rolname FROM pg_roles WHERE rolname = 'ctaudit-front'"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[Site]:
    words = [f"{name}:{RELEASE}:database" for name in HOSTS]
    # A fleet has a gateway, though this one has nothing to do.
    words.append(f"r1:{RELEASE}:gateway")
    keeper.end(FLEET)
    keeper.start(read_fleet(FLEET, words), words)
    try:
        hosts = keeper.machine("rask").path("/etc/hosts")
        hosts.write_text(f"{hosts.read_text()}10.20.0.1 {DATABASE_NAME}\n")
        yield Site(tmp_path_factory.mktemp("site"), package)
    finally:
        keeper.end(FLEET)


def write(made: Site, address: str, **variables: Any) -> None:
    """The inventory with a front, which reaches store a by ``address``."""
    made.write(rdb={"ctaudit_database_address": DATABASE_NAME})
    inventory = json.loads(made.inventory.read_text())["all"]
    inventory["vars"]["ctaudit_stores"] = {"a": {"host": "rdb", "address": address}}
    inventory["vars"]["ctaudit_store"] = "a"
    front = {
        "ctaudit_database_ca": made.read("ca.crt"),
        "ctaudit_front_password": PASSWORD,
        "ctaudit_front_addresses": ["10.20.0.2"],
        **variables,
    }
    inventory["children"]["front"] = {"hosts": {"rask": front}}
    made.inventory.write_text(json.dumps({"all": inventory}, indent=1))


def changes(run: Played) -> list[int]:
    return [run.changed(name) for name in HOSTS]


def logins(made: Site) -> list[str]:
    """The front's at the store."""
    words = ["psql", "-XAtq", "-c", _LOGINS]
    return made.machine("rdb").run(words, user="postgres").stdout.split()


def test_a_front_comes_and_goes(made: Site) -> None:
    write(made, "nowhere.role.test")
    foreseen = play(made.inventory, BOTH, "--check", "--diff")
    assert_done(foreseen)
    assert all(changes(foreseen))
    assert PASSWORD not in foreseen.text
    wrong = play(made.inventory, BOTH)
    sentence = "the front on this host: store a is not reachable: could not translate host name"
    assert_stopped(wrong, "The stores that it asks", sentence, "nowhere.role.test")

    write(made, DATABASE_NAME)
    foreseen = play(made.inventory, BOTH, "--check", "--diff")
    assert_done(foreseen)
    run = play(made.inventory, BOTH)
    assert_done(run)
    assert changes(run) == changes(foreseen) == [0, 1], run.text
    again = play(made.inventory, BOTH)
    assert_done(again)
    assert changes(again) == [0, 0], again.text
    assert "is not reachable" not in again.text
    front = made.machine("rask")
    assert "a (number 1)" in front.run(["ctaudit", "store", "list"]).stdout
    assert logins(made) == ["ctaudit-front"]

    absent = ("--limit=rask", "-e", "ctaudit_state=absent")
    assert_done(play(made.inventory, *absent))
    assert not front.path("/usr/bin/ctaudit").exists()
    assert not front.path("/etc/ctaudit/postgresql/front.pgpass").exists()
    assert logins(made) == []
    again = play(made.inventory, *absent)
    assert_done(again)
    assert changes(again) == [0, 0], again.text
