"""Debian machines that boot: systemd-nspawn over an overlay of a cached tree.

A machine has its own network namespace with no link but lo, writable conntrack settings, a
journal, and units sandboxed as on a real host. What a crashed run left behind is ended and
cleared by the next one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.machines.machine import Machine, MachineError
from lab.machines.nspawn import (
    DISKS,
    find_leader,
    network_of,
    remove_cgroups,
    shut_down,
    start_nspawn,
)
from lab.machines.register import (
    find_registration,
    list_registrations,
    remove_registration,
    write_registration,
)
from lab.machines.trees import whole_tree
from lab.processes import NAMED_NAMESPACES, identities_of, process_start, processes_in
from lab.waiting import comes_true

_BOOT_PATIENCE = 60.0


@contextmanager
def prepared_machine(
    name: str, release: str = "bookworm", base: Path | None = None, *, contained: bool = False
) -> Iterator[Path]:
    """The disk and the network namespace of a machine that can boot; gives where its root is.

    ``base``: the tree it boots from, else the one that has what ctaudit needs. ``contained``: its
    network namespace comes with its start, see name_network. Raises MachineError when a running
    process has one of that name.
    """
    base = base or whole_tree(release)
    _clear_abandoned()
    if find_registration(name) is not None:
        raise MachineError(f"a machine {name!r} is in use by another process: take another name")
    write_registration(name)
    try:
        # The files of a container get other owners at its start: their contents are not copied.
        root = _mount_disk(name, base, "metacopy=on" if contained else "")
        if not contained:
            _run(["ip", "netns", "add", network_of(name)])
            _run(["ip", "-n", network_of(name), "link", "set", "lo", "up"])
        yield root
    finally:
        _remove(name)


@contextmanager
def booted_machine(
    name: str, release: str = "bookworm", base: Path | None = None
) -> Iterator[Machine]:
    """A machine that has booted, gone with all its files at the end of the body.

    As prepared_machine, and raises MachineError when it does not boot.
    """
    with prepared_machine(name, release, base) as root:
        nspawn = start_nspawn(name, root)
        try:
            yield Machine(name, root, wait_for_boot(name, nspawn))
        finally:
            shut_down(nspawn)


def name_network(name: str, nspawn: subprocess.Popen[bytes]) -> None:
    """Has ip-netns(8) know the network namespace that a container was started with."""
    comes_true(
        lambda: find_leader(nspawn.pid) is not None or nspawn.poll() is not None, _BOOT_PATIENCE
    )
    leader = find_leader(nspawn.pid)
    if leader is None:
        raise MachineError(f"the machine {name!r} did not boot: {_read_console(name)}")
    if (NAMED_NAMESPACES / network_of(name)).exists():
        _run(["ip", "netns", "delete", network_of(name)])
    _run(["ip", "netns", "attach", network_of(name), str(leader)])


def wait_for_boot(name: str, nspawn: subprocess.Popen[bytes]) -> int:
    """Waits until the machine's units have started; returns its first process."""
    deadline = time.monotonic() + _BOOT_PATIENCE
    while time.monotonic() < deadline and nspawn.poll() is None:
        leader = find_leader(nspawn.pid)
        if leader is not None and Machine(name, DISKS / name / "root", leader).is_up():
            return leader
        time.sleep(0.05)
    raise MachineError(f"the machine {name!r} did not boot: {_read_console(name)}")


def _read_console(name: str) -> str:
    return (DISKS / name / "console").read_text(errors="replace")[-2000:]


def _mount_disk(name: str, base: Path, option: str = "") -> Path:
    disk = DISKS / name
    for part in ("upper", "work", "root"):
        (disk / part).mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={disk / 'upper'},workdir={disk / 'work'}"
    if option:
        layers += f",{option}"
    root = disk / "root"
    _run(["mount", "-t", "overlay", network_of(name), "-o", layers, str(root)])
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    return root


def _clear_abandoned() -> None:
    for name, machine in list_registrations().items():
        if process_start(machine["owner"]) != machine["started"]:
            _end_processes(name)
            _remove(name)


def _remove(name: str) -> None:
    disk = DISKS / name
    if os.path.ismount(disk / "root"):
        _run(["umount", "-l", str(disk / "root")])
    if (NAMED_NAMESPACES / network_of(name)).exists():
        _run(["ip", "netns", "delete", network_of(name)])
    shutil.rmtree(disk, ignore_errors=True)
    remove_cgroups(name)
    remove_registration(name)


def _end_processes(name: str) -> None:
    """All that runs in the machine's network namespace: nspawn, its first process, and the rest."""
    identities = set(identities_of([network_of(name)]).values())

    def kill_all() -> bool:
        left = processes_in(identities)
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return not left

    if not comes_true(kill_all, patience=10):
        raise MachineError(f"processes of the machine {name!r} do not end")


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise MachineError(f"{' '.join(argv)} failed: {done.stderr.strip()}")
