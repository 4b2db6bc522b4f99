"""A gateway from the package: a booted machine, from nothing to a database that records.

With CTAUDIT_TESTBED=here it is this machine itself, where autopkgtest has installed the package.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.machines import machine as machines
from lab.machines.gateway import _NETNS, CHECKOUT, RECEIVER, RECORDER, SPOOL, Gateway, _make_lab
from lab.machines.machine import ROOT, Machine, booted_machine
from lab.machines.package_tree import ready_bare
from lab.machines.tree import MachineError

NEWER = "0.1.0+newer"
_APT = ("apt", "--yes", "--quiet", "-o", "Dpkg::Options::=--force-confold")
_DROP_IN = f"/etc/systemd/system/{RECEIVER}.d/lab.conf"


@dataclass(frozen=True)
class Here(Machine):
    """Commands run on this machine, where those of booted ones are entered."""

    def enter(self, argv: Sequence[str], *, user: str = "root") -> list[str]:
        variables = [f"{name}={value}" for name, value in machines._ENVIRONMENT.items()]
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        return ["env", "-i", *variables, *as_user, *argv]

    def path(self, inside: str) -> Path:
        return Path("/", inside.lstrip("/"))


@dataclass(frozen=True)
class Site:
    """What stands, and what was said on the way.

    ``foreseen``: what apt would do by itself; ``before``: what check said right after the
    installation; ``setup``: what setup said.
    """

    gateway: Gateway
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


def build_package(checkout: Path, folder: Path, version: str | None = None) -> Path:
    """The package of that checkout, built into ``folder``."""
    words = [str(checkout / "tools/deb"), *(["--as", version] if version else []), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"tools/deb failed: {done.stderr.strip()[-2000:]}")
    return next(folder.glob("*.deb"))


def install(machine: Machine, package: Path, *more: str) -> str:
    """``apt install ./PACKAGE MORE...`` in the machine; what it depends on is found by apt."""
    machine.put(package, f"/root/{package.name}")
    return apt(machine, "install", f"./{package.name}", *more)


def apt(machine: Machine, *words: str) -> str:
    """Runs apt in the machine, where it asks nothing; returns what it said."""
    shell = ["env", "-C", "/root", "DEBIAN_FRONTEND=noninteractive", *_APT, *words]
    return machine.run(shell, timeout=300).stdout


def offer(machine: Machine, package: Path, folder: Path) -> None:
    """Publishes a package in a signed archive, which the machine's apt knows afterwards."""
    words = [str(ROOT / "tools/apt-repo"), str(package.parent), str(folder / "archive")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"tools/apt-repo failed: {done.stderr.strip()[-2000:]}")
    machine.put(folder / "archive", "/srv/archive")
    machine.put(folder / "archive/ctaudit-archive.asc", "/etc/apt/keyrings/archive.asc")
    line = "deb [signed-by=/etc/apt/keyrings/archive.asc] file:/srv/archive stable main\n"
    machine.write("/etc/apt/sources.list.d/archive.list", line)
    # Only this source: the others cannot be reached from here.
    only = ["-o", "Dir::Etc::SourceParts=-", "-o", "APT::Get::List-Cleanup=0", "-o",
            "Dir::Etc::SourceList=/etc/apt/sources.list.d/archive.list"]  # fmt: skip
    said = apt(machine, *only, "update")
    if "W:" in said or "E:" in said:
        raise MachineError(f"apt does not take the archive: {said}")


@contextmanager
def standing_site(release: str, package: Path) -> Iterator[Site]:
    """A machine of the release with the lab, the package installed and set up."""
    with booted_machine(f"package-{release}", release, ready_bare(release)) as machine:
        _prepare(machine)
        # By itself it would come with what postgresql recommends, which takes half a minute.
        foreseen = install(machine, package, "--simulate")
        install(machine, package, "--no-install-recommends", "postgresql")
        yield replace(_set_up(machine), foreseen=foreseen)


def here() -> Site:
    """The machine that autopkgtest has given, which is this one."""
    machine = Here("here", Path("/"), os.getpid())
    # Another test may have been here: then the receiver listens in the lab already.
    if not machine.path(_DROP_IN).exists():
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
    for part in ("lab", "tests"):
        machine.put(ROOT / part, f"{CHECKOUT}/{part}")
    if not machine.path("/run/netns/ctaudit-gateway").exists():
        _make_lab(machine)
    machine.write(_DROP_IN, f"[Service]\n{_NETNS.format('gateway')}\n")


def _set_up(machine: Machine) -> Site:
    gateway = Gateway(machine)
    before = check(machine)
    setup = machine.run(["ctaudit", "setup", "--local"]).stdout
    return Site(gateway, before, setup)
