"""A machine rolls itself out, with the oldest ansible-core that will do and with the newest.

Debian 12 with the version that its own package has, Debian 13 with the newest, which wants a
younger Python than Debian 12's; what people write is read by each in the same way. The other tests
play with the version of .venv-ansible, or of the environment that CTAUDIT_ANSIBLE names.
"""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.fleet import keeper
from lab.fleet.plan import read_fleet
from lab.machines.machine import Machine
from lab.namespaces import ROOT
from tests.role.playing import PATIENCE

RELEASE = os.environ.get("CTAUDIT_RELEASE", "bookworm")
_PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
# The first one rolls out.
_CORES = {"bookworm": ("2.14.18", "2.19.14"), "trixie": ("2.21.5", "2.19.14")}
_PLACE = "/opt/checkout"
_TEXT = f"{_PLACE}/text/inventory.ini"
_HEAD = """\
[all:vars]
ctaudit_gateways_group=Edge_Routers
ansible_python_interpreter=/usr/bin/python3
ctaudit_package_file={package}

[Edge_Routers]
here {line}
"""


def _bring_ansible(machine: Machine, folder: Path, version: str) -> None:
    """ansible-core with what it depends on, unpacked: a machine has no network."""
    python = _PYTHON[RELEASE]
    wheels = folder / "wheels"
    pip = [str(ROOT / ".venv-ansible/bin/pip"), "download", "--quiet", "--dest", str(wheels),
           "--python-version", python, "--only-binary=:all:",
           f"ansible-core=={version}"]  # fmt: skip
    subprocess.run(pip, check=True, capture_output=True)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder / "ansible")
    machine.put(folder / "ansible", f"/opt/ansible-{version}")


@pytest.fixture(scope="module")
def machine(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    words = [f"here:{RELEASE}:gateway"]
    keeper.end("here")
    keeper.start(read_fleet("here", words), words)
    try:
        standing = keeper.machine("here")
        for version in _CORES[RELEASE]:
            _bring_ansible(standing, tmp_path_factory.mktemp("ansible"), version)
        for part in ("roles", "inventory", "site.yml"):
            standing.put(ROOT / part, f"{_PLACE}/{part}")
        for part in ("group_vars", "vault-password"):
            standing.put(ROOT / "molecule/foreign" / part, f"{_PLACE}/text/{part}")
        standing.put(package, f"{_PLACE}/dist/{package.name}")
        yield standing
    finally:
        keeper.end("here")


def _ansible(version: str, *words: str) -> list[str]:
    return ["env", "-C", _PLACE, f"PYTHONPATH=/opt/ansible-{version}", "LC_ALL=C.UTF-8",
            "/usr/bin/python3", "-m", "ansible", *words]  # fmt: skip


def _play(
    machine: Machine, *words: str, version: str = _CORES[RELEASE][0],
    inventory: str = "inventory/here.yml", check: bool = True,
) -> tuple[set[str], str]:  # fmt: skip
    """(the tasks that changed something, what was said)."""
    command = _ansible(version, "playbook", "-i", inventory, "-c", "local", "site.yml", *words)
    said = machine.run(command, timeout=PATIENCE, check=check).stdout
    task, changed = "", set()
    for line in said.splitlines():
        if found := re.match(r"TASK \[(.*)\] \*+$", line):
            task = found[1]
        if line.startswith("changed: "):
            changed.add(task)
    return changed, said


def test_a_machine_rolls_itself_out(machine: Machine) -> None:
    version = _CORES[RELEASE][0]
    assert f"core {version}" in machine.run(_ansible(version, "adhoc", "--version")).stdout
    foreseen, _ = _play(machine, "--check", "--diff")
    done, said = _play(machine)
    assert foreseen == done, said
    assert len(done) > 8
    again, _ = _play(machine)
    assert again == set()
    assert machine.run(["ctaudit", "check"], check=False).returncode in (0, 1)
    # Who is root may ask here.
    assert "here" in machine.run(["ctaudit", "status"]).stdout


def _write_text(machine: Machine, package: Path, line: str) -> None:
    package_there = f"{_PLACE}/dist/{package.name}"
    machine.write(_TEXT, _HEAD.format(package=package_there, line=line))


@pytest.mark.parametrize("version", _CORES[RELEASE])
def test_text_is_taken(machine: Machine, package: Path, version: str) -> None:
    """Flags, a list, a number and JSON as an INI inventory has them."""
    rate = 7 + _CORES[RELEASE].index(version)
    config = (
        f"""ctaudit_config='{{"journal": {{"rate": "{rate}"}}, "socket": {{"updates": false}}}}'"""
    )
    flags = "ctaudit_database_manage=yes ctaudit_check=no ctaudit_auditors=root ctaudit_purge=False"
    _write_text(machine, package, f"{flags} {config}")
    changed, said = _play(machine, version=version, inventory=_TEXT)
    written = machine.path("/etc/ctaudit/ctaudit.toml").read_text()
    assert f"rate = {rate}\n" in written, said
    assert "updates = false\n" in written
    assert "ctaudit : Write the configuration" in changed
    again, said = _play(machine, version=version, inventory=_TEXT)
    assert again == set(), said


@pytest.mark.parametrize("version", _CORES[RELEASE])
def test_vaulted_password_is_taken(machine: Machine, package: Path, version: str) -> None:
    config = """ctaudit_config='{"database": {"dsn": "host=db.test user=gw1 sslmode=require"}}'"""
    vaulted = 'ctaudit_database_password="{{ vaulted_password }}"'
    _write_text(machine, package, f"ctaudit_database_manage=no {config} {vaulted}")
    words = ["--vault-password-file", "text/vault-password", "--tags", "preflight"]
    changed, said = _play(machine, *words, version=version, inventory=_TEXT)
    assert changed == set()
    assert "failed=0" in said


@pytest.mark.parametrize("version", _CORES[RELEASE])
def test_text_is_refused(machine: Machine, package: Path, version: str) -> None:
    config = """ctaudit_config='{"node": 1.10}'"""
    _write_text(machine, package, f"ctaudit_gateway_addresses=10.20.1.2/24 {config}")
    changed, said = _play(machine, version=version, inventory=_TEXT, check=False)
    assert changed == set()
    for words in ("ctaudit_config.node is 1.1; write text", "has bits beyond its netmask"):
        assert words in said
    assert "Traceback" not in said
