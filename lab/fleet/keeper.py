"""A standing fleet: a process of its own, the keeper, holds all of it until SIGTERM.

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
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.fleet.plan import GATEWAY, Fleet, Member
from lab.fleet.wires import link_again, wired
from lab.machines.booting import name_network, prepared_machine, wait_for_boot
from lab.machines.machine import Machine, MachineError
from lab.machines.nspawn import DISKS, find_leader, network_of, shut_down, start_nspawn
from lab.machines.register import (
    REGISTER,
    find_registration,
    list_registrations,
    write_registration,
)
from lab.machines.trees import host_tree
from lab.namespaces import ROOT, call_in
from lab.processes import identities_of, process_start, processes_in
from lab.waiting import comes_true

_REBOOT = 133  # nspawn's exit status when the machine has asked for a reboot, systemd-nspawn(1)
_PATIENCE = 60.0


@dataclass
class _Keeping:
    """The machines that this process holds, by name; nspawn has ended where one is off."""

    fleet: Fleet
    running: dict[str, subprocess.Popen[bytes]]
    wanted_on: bool = False

    def boot(self, member: Member) -> None:
        name = member.name
        nspawn = start_nspawn(name, DISKS / name / "root", contained=member.contained)
        self.running[name] = nspawn
        public = member.public if member.part == GATEWAY else None
        write_registration(name, fleet=self.fleet.name, nspawn=nspawn.pid, public=public)
        if member.contained:
            name_network(name, nspawn)

    def look_after(self) -> None:
        for member in self.fleet.members:
            status = self.running[member.name].poll()
            if status == _REBOOT or (status is not None and self.wanted_on):
                self.boot(member)
                if member.contained:
                    link_again(self.fleet, member)
        self.wanted_on = False


def keep(fleet: Fleet, ready: int) -> None:
    """Makes the fleet in the background and holds it until SIGTERM.

    Writes the line "ready" to the descriptor ``ready``, or nothing if the fleet cannot be made.
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
            tree = host_tree(member.release)
            standing.enter_context(
                prepared_machine(member.name, member.release, tree, contained=member.contained)
            )
        standing.callback(_shut_all_down, keeping.running)
        # The network namespace of a container begins with it.
        for member in fleet.members:
            if member.contained:
                keeping.boot(member)
        standing.enter_context(wired(fleet))
        for member in fleet.members:
            if not member.contained:
                keeping.boot(member)
        for name, nspawn in keeping.running.items():
            wait_for_boot(name, nspawn)
        os.write(ready, b"ready\n")
        os.close(ready)
        while True:
            time.sleep(0.05)
            keeping.look_after()


def _shut_all_down(running: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for nspawn in running.values():
        shut_down(nspawn)


def start(fleet: Fleet, words: list[str]) -> None:
    """Has the fleet of these words kept by a process of its own; returns when all has booted."""
    heard, ready = os.pipe()
    log = _log(fleet.name)
    log.parent.mkdir(exist_ok=True)
    argv = [sys.executable, "-m", "lab.fleet", "keep", str(ready), fleet.name, *words]
    with log.open("wb") as output:
        subprocess.run(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=(ready,), start_new_session=True, check=True,
        )  # fmt: skip
    os.close(ready)
    with os.fdopen(heard) as answer:
        if answer.readline() != "ready\n":
            said = log.read_text().strip()
            log.unlink()
            raise MachineError(said or f"the fleet {fleet.name} did not start")


def _log(fleet: str) -> Path:
    return REGISTER / f"fleet-{fleet}.log"


def end(fleet: str) -> bool:
    """Takes a standing fleet away; False if there is none."""
    owners = _find_owners(fleet)
    for owner in owners:
        os.kill(owner, signal.SIGTERM)
    if not comes_true(lambda: not _find_owners(fleet), _PATIENCE):
        raise MachineError(f"the fleet {fleet} does not end: see {_log(fleet)}")
    if owners:
        _log(fleet).unlink(missing_ok=True)
    return bool(owners)


def _find_owners(fleet: str) -> set[int]:
    """The process that keeps a fleet, if one lives."""
    return {
        machine["owner"]
        for machine in list_registrations().values()
        if machine.get("fleet") == fleet and process_start(machine["owner"]) == machine["started"]
    }


def machine(name: str) -> Machine:
    """A machine that a keeper holds, as it runs at this moment."""
    registration = find_registration(name) or {}
    leader = find_leader(registration["nspawn"]) if "nspawn" in registration else None
    if leader is None:
        raise MachineError(f"no machine {name!r} is running here")
    return Machine(name, DISKS / name / "root", leader)


def switch_off(name: str) -> None:
    """As if its power had failed."""
    leader = machine(name).leader
    nspawn = _held(name)["nspawn"]
    os.kill(leader, signal.SIGKILL)
    if not comes_true(lambda: process_start(nspawn) is None, _PATIENCE):
        raise MachineError(f"the machine {name!r} does not end")


def switch_on(name: str) -> None:
    """Boots what was switched off of its fleet; returns when it is up."""
    os.kill(_held(name)["owner"], signal.SIGUSR1)
    if not comes_true(lambda: _is_up(name), _PATIENCE, pause=0.05):
        raise MachineError(f"the machine {name!r} did not boot: see {DISKS / name / 'console'}")


def freeze(name: str) -> None:
    """Nothing in the machine runs any more; its kernel still answers for its connections."""
    _signal_all(name, signal.SIGSTOP)


def thaw(name: str) -> None:
    _signal_all(name, signal.SIGCONT)


def _signal_all(name: str, number: signal.Signals) -> None:
    identity = set(identities_of([network_of(name)]).values())
    reached: set[int] = set()
    # Until none is new: one that was about to start another had its time.
    while fresh := set(processes_in(identity)) - reached:
        for process in fresh:
            with suppress(ProcessLookupError):
                os.kill(process, number)
        reached |= fresh


def cut_off(name: str) -> None:
    """As if its cable to the backbone were pulled: nobody is told that a connection is over."""
    call_in(network_of(name), "ip", "link", "set", "backbone", "down")


def connect(name: str) -> None:
    call_in(network_of(name), "ip", "link", "set", "backbone", "up")


def _is_up(name: str) -> bool:
    try:
        return machine(name).is_up()
    except MachineError:
        return False


def _held(name: str) -> Mapping[str, Any]:
    """The registration of a machine that a keeper holds, on or off."""
    registration = find_registration(name)
    if registration is None or "nspawn" not in registration:
        raise MachineError(f"there is no machine {name!r}")
    return registration
