"""A gateway without a database: its outputs alone, and nothing of PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import keeper
from lab.fleet.plan import read_fleet
from lab.machines.machine import Machine
from lab.waiting import wait_until
from tests.role.conftest import RELEASE
from tests.role.playing import Played, assert_done, assert_stopped, play

FLEET = NAME = "alone"
FILE = "/var/log/ctaudit/nfct.json"
WITHOUT = {"enabled": False}
OUTPUT = {"history": {"to": FILE, "events": "destroy"}}
CONNECTION = ("-p", "udp", "-s", "192.168.1.129", "-d", "19.1.16.7", "--sport", "5353")
ENDS = ("--dport", "53")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    words = [f"{NAME}:{RELEASE}:gateway"]
    keeper.end(FLEET)
    keeper.start(read_fleet(FLEET, words), words)
    try:
        yield keeper.machine(NAME)
    finally:
        keeper.end(FLEET)


def write(folder: Path, package: Path, **variables: Any) -> Path:
    """An inventory of this gateway and no group of databases."""
    inventory = folder / "inventory.json"
    host = {
        "ansible_connection": "booted", "ansible_python_interpreter": "/usr/bin/python3",
        "ctaudit_package_file": str(package), **variables,
    }  # fmt: skip
    groups = {"gateways": {"hosts": {NAME: host}}}
    inventory.write_text(json.dumps({"all": {"children": groups}}))
    return inventory


def tasks_done(run: Played) -> set[str]:
    """Those that were not skipped."""
    parts = re.split(r"(?m)^TASK \[(?:ctaudit : )?(.*)\] \*+$", run.text)
    return {
        name for name, said in zip(parts[1::2], parts[2::2], strict=True)
        if re.search(r"(?m)^(ok|changed): ", said)
    }  # fmt: skip


def read_events(machine: Machine) -> list[dict[str, Any]]:
    said = machine.run(["cat", FILE], check=False).stdout
    return [line for line in map(json.loads, said.splitlines()) if "ct.event" in line]


@pytest.mark.usefixtures("machine")
def test_without_an_output_it_is_refused(package: Path, tmp_path: Path) -> None:
    run = play(write(tmp_path, package, ctaudit_config={"database": WITHOUT}))
    assert_stopped(run, "Require an output where there is no database", "nothing would be kept")
    assert run.changed(NAME) == 0


def test_the_outputs_alone(machine: Machine, package: Path, tmp_path: Path) -> None:
    inventory = write(tmp_path, package, ctaudit_config={"database": WITHOUT, "output": OUTPUT})
    run = play(inventory)
    assert_done(run)
    assert not {name for name in tasks_done(run) if re.search("PostgreSQL|login|^Make the", name)}
    configuration = machine.path("/etc/ctaudit/ctaudit.toml").read_text()
    assert "[database]\nenabled = false\n" in configuration
    assert "dsn" not in configuration
    again = play(inventory)
    assert_done(again)
    assert again.changed(NAME) == 0, again.text

    machine.run(["conntrack", "-I", *CONNECTION, *ENDS, "-t", "60"])
    machine.run(["conntrack", "-D", *CONNECTION])
    wait_until(lambda: len(read_events(machine)) == 1, 20)
    [event] = read_events(machine)
    assert (event["node"], event["src_ip"], event["ct.event"]) == (NAME, "192.168.1.129", 4)
