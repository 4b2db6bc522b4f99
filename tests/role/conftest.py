"""Two gateways and a database host, bare for each file of tests, and what a site has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import authority, keeper
from lab.fleet.plan import read_fleet
from lab.machines.machine import Machine
from lab.namespaces import ROOT
from lab.package import NEWER, build_package

RELEASE = os.environ.get("CTAUDIT_RELEASE", "bookworm")
FLEET = "role"
DATABASE_NAME = "db.role.test"
PASSWORD = "not: a \\secret"  # noqa: S105


class Site:
    """The machines by name, and the inventory, which a test changes for its time."""

    def __init__(self, folder: Path, package: Path) -> None:
        self.folder = folder
        self.package = package
        self.inventory = folder / "inventory.json"
        self.tls = folder / "tls"
        authority.main([str(self.tls), DATABASE_NAME, "r2"])
        self.write()

    def machine(self, name: str) -> Machine:
        return keeper.machine(name)

    def read(self, name: str) -> str:
        return (self.tls / name).read_text()

    def write(self, *also: str, **hosts: dict[str, Any]) -> None:
        """The inventory; ``hosts``: variables of a host beyond what it needs.

        ``also``: hosts that are gateways besides what else they are.
        """
        common = {"ctaudit_database_ca": self.read("ca.crt")}
        own = {
            "r1": {"ctaudit_database_password": PASSWORD},
            "r2": {
                "ctaudit_database_authentication": "certificate",
                "ctaudit_database_client_certificate": self.read("r2.crt"),
                "ctaudit_database_client_key": self.read("r2.key"),
            },
        }
        gateways = {
            name: {**common, **variables, **_reached_from(number), **hosts.get(name, {})}
            for number, (name, variables) in enumerate(own.items(), 1)
        } | {name: {} for name in also}
        database = {
            "ctaudit_database_tls_certificate": self.read(f"{DATABASE_NAME}.crt"),
            "ctaudit_database_tls_key": self.read(f"{DATABASE_NAME}.key"),
            "ctaudit_database_client_ca": self.read("ca.crt"),
            **hosts.get("rdb", {}),
        }
        everywhere = {
            "ansible_connection": "booted",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ctaudit_package_file": str(self.package),
            "ctaudit_database_address": DATABASE_NAME,
        }
        groups = {"database": {"hosts": {"rdb": database}}, "gateways": {"hosts": gateways}}
        self.inventory.write_text(
            json.dumps({"all": {"vars": everywhere, "children": groups}}, indent=1)
        )


def _reached_from(number: int) -> dict[str, list[str]]:
    return {"ctaudit_gateway_addresses": [f"10.20.{number}.2"]}


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_package(ROOT, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_package(ROOT, tmp_path_factory.mktemp("newer"), NEWER)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[Site]:
    words = [f"{name}:{RELEASE}:gateway" for name in ("r1", "r2")]
    words.append(f"rdb:{RELEASE}:database")
    keeper.end(FLEET)
    keeper.start(read_fleet(FLEET, words), words)
    try:
        for name in ("r1", "r2"):
            hosts = keeper.machine(name).path("/etc/hosts")
            hosts.write_text(f"{hosts.read_text()}10.20.0.1 {DATABASE_NAME}\n")
        yield Site(tmp_path_factory.mktemp("site"), package)
    finally:
        keeper.end(FLEET)


@pytest.fixture
def site(standing: Site) -> Iterator[Site]:
    yield standing
    standing.write()
