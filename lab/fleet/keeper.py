"""A fleet that stands until it is told to end: a process of its own holds all of it.

It boots the machines, boots again one that reboots, leaves one off that was switched off, and
takes everything away at SIGTERM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab.fleet.plan import Fleet
from lab.fleet.tree import ready_host
from lab.fleet.wires import wired
from lab.machines.machine import (
    DISKS,
    RECORDS,
    ROOT,
    Machine,
    find_leader,
    prepared_machine,
    read_record,
    shut_down,
    start_nspawn,
    wait_for_boot,
    write_record,
)
from lab.machines.tree import MachineError
from lab.record import process_start

_REBOOT = 133  # nspawn's exit status when the machine has asked for a reboot, systemd-nspawn(1)
_PATIENCE = 60.0


@dataclass
class _Keeping:
    """The machines that this process holds, by name; nspawn has ended where one is off."""

    fleet: Fleet
    running: dict[str, subprocess.Popen[bytes]]
    wanted_on: bool = False

    def boot(self, name: str) -> None:
        self.running[name] = start_nspawn(name, DISKS / name / "root")
        public = {gateway.name: gateway.public for gateway in self.fleet.gateways}.get(name)
        write_record(name, fleet=self.fleet.name, nspawn=self.running[name].pid, public=public)

    def look_after(self) -> None:
        for name, nspawn in self.running.items():
            status = nspawn.poll()
            if status == _REBOOT or (status is not None and self.wanted_on):
                self.boot(name)
        self.wanted_on = False


def keep(fleet: Fleet, told: int) -> None:
    """Makes the fleet in the background, tells the descriptor ``told``, and holds it until SIGTERM.

    ``told`` gets the line "ready", or nothing at all when it did not come to be.
    """
    if os.fork():
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keeping = _Keeping(fleet, {})

    def switch_on(*_: object) -> None:
        keeping.wanted_on = True

    signal.signal(signal.SIGUSR1, switch_on)
    with ExitStack() as standing:
        for member in fleet.members:
            tree = ready_host(member.release)
            standing.enter_context(prepared_machine(member.name, member.release, tree))
        standing.enter_context(wired(fleet))
        standing.callback(_shut_all_down, keeping.running)
        for member in fleet.members:
            keeping.boot(member.name)
        for name, nspawn in keeping.running.items():
            wait_for_boot(name, nspawn)
        os.write(told, b"ready\n")
        os.close(told)
        while True:
            time.sleep(0.05)
            keeping.look_after()


def _shut_all_down(running: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for nspawn in running.values():
        shut_down(nspawn)


def start(fleet: Fleet, words: list[str]) -> None:
    """Has the fleet of these words kept by a process of its own; returns when all has booted."""
    heard, told = os.pipe()
    log = _log(fleet.name)
    log.parent.mkdir(exist_ok=True)
    argv = [sys.executable, "-m", "lab.fleet", "keep", str(told), fleet.name, *words]
    with log.open("wb") as output:
        subprocess.run(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=(told,), start_new_session=True, check=True,
        )  # fmt: skip
    os.close(told)
    with os.fdopen(heard) as answer:
        if answer.readline() != "ready\n":
            said = log.read_text().strip()
            log.unlink()
            raise MachineError(said or f"the fleet {fleet.name} did not start")


def _log(fleet: str) -> Path:
    return RECORDS / f"fleet-{fleet}.log"


def end(fleet: str) -> bool:
    """Takes a standing fleet away; False if there is none."""
    owners = {record["owner"] for record in _records(fleet).values()}
    for owner in owners:
        os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while _records(fleet):
        if time.monotonic() > deadline:
            raise MachineError(f"the fleet {fleet} does not end: see {_log(fleet)}")
        time.sleep(0.05)
    if owners:
        _log(fleet).unlink(missing_ok=True)
    return bool(owners)


def _records(fleet: str) -> dict[str, Mapping[str, object]]:
    """The machines of a fleet whose keeper lives."""
    found = {}
    for path in RECORDS.glob("*.json"):
        record = read_record(path.stem)
        if record is None or record.get("fleet") != fleet:
            continue
        if process_start(record["owner"]) == record["started"]:
            found[path.stem] = record
    return found


def machine(name: str) -> Machine:
    """A machine that a keeper holds, as it runs at this moment."""
    record = read_record(name)
    leader = find_leader(record["nspawn"]) if record and "nspawn" in record else None
    if leader is None:
        raise MachineError(f"no machine {name!r} is running here")
    return Machine(name, DISKS / name / "root", leader)


def switch_off(name: str) -> None:
    """As if its power had failed."""
    record = read_record(name)
    os.kill(machine(name).leader, signal.SIGKILL)
    deadline = time.monotonic() + _PATIENCE
    while record and process_start(record["nspawn"]) is not None:
        if time.monotonic() > deadline:
            raise MachineError(f"the machine {name!r} does not end")
        time.sleep(0.02)


def switch_on(name: str) -> None:
    """Boots what was switched off of its fleet; returns when it is up."""
    record = read_record(name)
    if record is None or "nspawn" not in record:
        raise MachineError(f"there is no machine {name!r}")
    os.kill(record["owner"], signal.SIGUSR1)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            said = machine(name).run(["systemctl", "is-system-running"], check=False).stdout
        except MachineError:
            said = ""
        if said.strip() in ("running", "degraded"):
            return
        time.sleep(0.05)
    raise MachineError(f"the machine {name!r} did not boot: see {DISKS / name / 'console'}")
