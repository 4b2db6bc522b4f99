"""A machine rolls itself out, with the oldest ansible-core that will do and with the newest.

Debian 12 with the version that its own package has, Debian 13 with the newest, which wants a
younger Python than Debian 12's.
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

RELEASE = os.environ.get("CTAUDIT_RELEASE", "bookworm")
_CORES = {"bookworm": ("2.14.18", "3.11"), "trixie": ("2.21.5", "3.13")}
_PLACE = "/opt/checkout"
_COMMAND = ["env", "-C", _PLACE, "PYTHONPATH=/opt/ansible", "LC_ALL=C.UTF-8", "/usr/bin/python3",
            "-m", "ansible", "playbook", "-i", "inventory/here.yml", "-c", "local",
            "site.yml"]  # fmt: skip


def _bring_ansible(machine: Machine, folder: Path) -> None:
    """ansible-core with what it depends on, unpacked: a machine has no network."""
    version, python = _CORES[RELEASE]
    wheels = folder / "wheels"
    pip = [str(ROOT / ".venv-ansible/bin/pip"), "download", "--quiet", "--dest", str(wheels),
           "--python-version", python, "--only-binary=:all:",
           f"ansible-core=={version}"]  # fmt: skip
    subprocess.run(pip, check=True, capture_output=True)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder / "ansible")
    machine.put(folder / "ansible", "/opt/ansible")


@pytest.fixture(scope="module")
def machine(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    words = [f"here:{RELEASE}:gateway"]
    keeper.end("here")
    keeper.start(read_fleet("here", words), words)
    try:
        standing = keeper.machine("here")
        _bring_ansible(standing, tmp_path_factory.mktemp("ansible"))
        for part in ("roles", "inventory", "site.yml"):
            standing.put(ROOT / part, f"{_PLACE}/{part}")
        standing.put(package, f"{_PLACE}/dist/{package.name}")
        yield standing
    finally:
        keeper.end("here")


def _play(machine: Machine, *words: str) -> tuple[set[str], str]:
    """(the tasks that changed something, what was said)."""
    said = machine.run([*_COMMAND, *words], timeout=300).stdout
    task, changed = "", set()
    for line in said.splitlines():
        if found := re.match(r"TASK \[(.*)\] \*+$", line):
            task = found[1]
        if line.startswith("changed: "):
            changed.add(task)
    return changed, said


def test_a_machine_rolls_itself_out(machine: Machine) -> None:
    version = machine.run(
        ["env", "PYTHONPATH=/opt/ansible", "LC_ALL=C.UTF-8", "/usr/bin/python3", "-m", "ansible",
         "adhoc", "--version"]
    ).stdout  # fmt: skip
    assert f"core {_CORES[RELEASE][0]}" in version
    foreseen, _ = _play(machine, "--check", "--diff")
    done, said = _play(machine)
    assert foreseen == done, said
    assert len(done) > 8
    again, _ = _play(machine)
    assert again == set()
    assert machine.run(["ctaudit", "check"], check=False).returncode in (0, 1)
    # Who is root may ask here.
    assert "here" in machine.run(["ctaudit", "status"]).stdout
