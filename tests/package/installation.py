"""A gateway from the package: a booted machine, from nothing to a database that records.

With CTAUDIT_TESTBED=here it is this machine itself, where autopkgtest has installed the package.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.machines.booting import booted_machine
from lab.machines.gateway import (
    CHECKOUT,
    LAB_DROP_IN,
    RECEIVER,
    RECORDER,
    SPOOL,
    BootedGateway,
    listen_in_lab,
    make_lab,
)
from lab.machines.machine import ENVIRONMENT, Machine, MachineError
from lab.machines.trees import bare_tree
from lab.namespaces import ROOT
from lab.package import build_archive

_APT = ("apt", "--yes", "--quiet", "-o", "Dpkg::Options::=--force-confold")


@dataclass(frozen=True)
class Here(Machine):
    """Commands run on this machine, where those of booted ones are entered."""

    def enter(self, argv: Sequence[str], *, user: str = "root") -> list[str]:
        variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        return ["env", "-i", *variables, *as_user, *argv]

    def path(self, inside: str) -> Path:
        return Path("/", inside.lstrip("/"))


@dataclass(frozen=True)
class Installation:
    """What stands, and what was said on the way.

    ``foreseen``: what apt would do by itself; ``before``: what check said right after the
    installation; ``setup``: what setup said.
    """

    gateway: BootedGateway
    before: dict[str, Any]
    setup: str
    foreseen: str = ""

    @property
    def machine(self) -> Machine:
        return self.gateway.machine

    def check(self) -> dict[str, Any]:
        return check(self.machine)


def check(machine: Machine) -> dict[str, Any]:
    """What ctaudit check says: verdict, exit status, and findings by name."""
    done = machine.run(["ctaudit", "check", "--json"], check=False)
    said = json.loads(done.stdout)
    by_name = {item["name"]: item for item in said["findings"]}
    return {"status": done.returncode, "verdict": said["verdict"], "findings": by_name}


def install(machine: Machine, package: Path, *more: str) -> str:
    """``apt install ./PACKAGE MORE...`` in the machine; what it depends on is found by apt."""
    machine.put(package, f"/root/{package.name}")
    return apt(machine, "install", f"./{package.name}", *more)


def apt(machine: Machine, *words: str) -> str:
    """Runs apt in the machine, where it asks nothing; returns what it said."""
    shell = ["env", "-C", "/root", "DEBIAN_FRONTEND=noninteractive", *_APT, *words]
    return machine.run(shell, timeout=900).stdout


def offer(machine: Machine, package: Path, folder: Path) -> None:
    """Publishes a package in a signed archive, which the machine's apt knows afterwards."""
    archive = build_archive(package.parent, folder / "archive")
    machine.put(archive, "/srv/archive")
    machine.put(archive / "ctaudit-archive.asc", "/etc/apt/keyrings/archive.asc")
    line = "deb [signed-by=/etc/apt/keyrings/archive.asc] file:/srv/archive stable main\n"
    machine.write("/etc/apt/sources.list.d/archive.list", line)
    # Only this source: the others cannot be reached from here.
    only = ["-o", "Dir::Etc::SourceParts=-", "-o", "APT::Get::List-Cleanup=0", "-o",
            "Dir::Etc::SourceList=/etc/apt/sources.list.d/archive.list"]  # fmt: skip
    said = apt(machine, *only, "update")
    if "W:" in said or "E:" in said:
        raise MachineError(f"apt does not take the archive: {said}")


@contextmanager
def standing_installation(release: str, package: Path) -> Iterator[Installation]:
    """A machine of the release with the lab, the package installed and set up."""
    with booted_machine(f"package-{release}", release, bare_tree(release)) as machine:
        _prepare(machine)
        # By itself it would come with what postgresql recommends, which takes half a minute.
        foreseen = install(machine, package, "--simulate")
        install(machine, package, "--no-install-recommends", "postgresql")
        yield replace(_set_up(machine), foreseen=foreseen)


def here() -> Installation:
    """The machine that autopkgtest has given, which is this one."""
    machine = Here("here", Path("/"), os.getpid())
    # Another test may have been here: then the receiver listens in the lab already.
    if not machine.path(LAB_DROP_IN).exists():
        _prepare(machine)
        machine.systemctl("daemon-reload")
        machine.systemctl("stop", RECEIVER, RECORDER)
        # What it heard outside of the lab.
        machine.run(["find", SPOOL, "-name", "*.segment", "-delete"])
        machine.systemctl("start", RECEIVER, RECORDER)
    return _set_up(machine)


def is_here() -> bool:
    return os.environ.get("CTAUDIT_TESTBED") == "here"


def _prepare(machine: Machine) -> None:
    machine.put(ROOT / "lab", f"{CHECKOUT}/lab")
    if not machine.path("/run/netns/ctaudit-gateway").exists():
        make_lab(machine)
    listen_in_lab(machine)


def _set_up(machine: Machine) -> Installation:
    gateway = BootedGateway(machine)
    before = check(machine)
    setup = machine.run(["ctaudit", "setup", "--local"]).stdout
    return Installation(gateway, before, setup)
