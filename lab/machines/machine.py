"""Debian machines that boot: systemd-nspawn over an overlay of a cached tree.

A machine has its own network namespace with no link but lo, writable conntrack settings, a
journal, and units sandboxed as on a real host. What a crashed run left behind is ended and
cleared by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.machines.base import ready_base
from lab.machines.tree import MachineError
from lab.record import NAMED_NAMESPACES, namespace_identity, process_start, processes_in

ROOT = Path(__file__).resolve().parents[2]
DISKS = Path("/var/lib/ctaudit-machines")  # an overlay needs a file system that is none itself
RECORDS = Path("/run/ctaudit-machines")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0"}
_BOOT_PATIENCE = 60.0


@dataclass(frozen=True)
class Machine:
    """A booted machine; ``leader`` is its PID 1 as this host counts."""

    name: str
    root: Path
    leader: int

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        check: bool = True,
        timeout: float = 60,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the machine; its output is text. The options are subprocess.run's."""
        done = subprocess.run(
            self.enter(argv, user=user),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **options,
        )
        if check and done.returncode:
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise MachineError(f"{' '.join(argv)} failed in {self.name}: {said}")
        return done

    def start(self, argv: Sequence[str], *, user: str = "root") -> subprocess.Popen[str]:
        """Starts a command in the machine, its output piped."""
        return subprocess.Popen(
            self.enter(argv, user=user), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def enter(self, argv: Sequence[str], *, user: str = "root") -> list[str]:
        """The command line that runs ``argv`` in the machine with a clean environment."""
        variables = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        words = ["nsenter", f"--target={self.leader}", "--all", "env", "-i"]
        return [*words, *variables, *as_user, *argv]

    def path(self, inside: str) -> Path:
        """Where this host sees a file of the machine, its mounts included."""
        return Path(f"/proc/{self.leader}/root", inside.lstrip("/"))

    def put(self, source: Path, inside: str) -> None:
        """Copies a file or a folder into the machine, readable for everybody there."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(source, target)
        _run(["chmod", "-R", "u=rwX,go=rX", str(target)])

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def systemctl(self, *arguments: str, timeout: float = 120) -> str:
        return self.run(["systemctl", *arguments], timeout=timeout).stdout

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.systemctl("show", "--value", f"--property={name}", unit).strip()

    def processes(self, unit: str) -> list[int]:
        """The processes of a service, as this host counts them."""
        template = unit.partition("@")[0]
        below = f"system-{template}.slice/{unit}" if "@" in unit else unit
        listed = self.path(f"/sys/fs/cgroup/system.slice/{below}/cgroup.procs")
        with suppress(OSError):
            return [int(line) for line in listed.read_text().split()]
        return []


@contextmanager
def prepared_machine(
    name: str, release: str = "bookworm", base: Path | None = None
) -> Iterator[Path]:
    """The disk and the network namespace of a machine that can boot; gives where its root is.

    ``base``: the tree it boots from, else the one that has what ctaudit needs. Raises
    MachineError when a running process has one of that name.
    """
    base = base or ready_base(release)
    _clear_abandoned()
    if (RECORDS / f"{name}.json").exists():
        raise MachineError(f"a machine {name!r} is in use by another process: take another name")
    write_record(name)
    try:
        root = _mount_disk(name, base)
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


def network_of(name: str) -> str:
    """The name of a machine's network namespace."""
    return f"ctaudit-machine-{name}"


def _mount_disk(name: str, base: Path) -> Path:
    disk = DISKS / name
    for part in ("upper", "work", "root"):
        (disk / part).mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={disk / 'upper'},workdir={disk / 'work'}"
    root = disk / "root"
    _run(["mount", "-t", "overlay", network_of(name), "-o", layers, str(root)])
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    return root


def start_nspawn(name: str, root: Path) -> subprocess.Popen[bytes]:
    argv = [
        "systemd-nspawn", "--quiet", "--boot", "--register=no", "--resolv-conf=off",
        "--timezone=off", "--link-journal=no", "--console=pipe",
        f"--network-namespace-path=/run/netns/{network_of(name)}", "--capability=CAP_NET_ADMIN",
        f"--directory={root}", f"--machine={name}",
    ]  # fmt: skip
    groups = []
    if not Path("/run/systemd/system").is_dir():
        # Without a systemd that hands out scopes: a cgroup of its own, or machines share one.
        argv.append("--keep-unit")
        groups = _make_cgroups(name)
    enter = 'for group; do [ "$group" = -- ] && break; echo $$ >"$group/cgroup.procs"; shift; done'
    script = f'{enter}; shift; exec "$@"'
    words = ["sh", "-ec", script, "sh", *map(str, groups), "--", *argv]
    settings = {
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    }
    with (DISKS / name / "console").open("wb") as console:
        return subprocess.Popen(
            words,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _list_cgroups(name: str) -> list[Path]:
    top = Path("/sys/fs/cgroup")
    mounted = [top] if (top / "cgroup.controllers").exists() else [top / "unified", top / "systemd"]
    return [group / network_of(name) for group in mounted if group.is_dir()]


def _make_cgroups(name: str) -> list[Path]:
    groups = _list_cgroups(name)
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def wait_for_boot(name: str, nspawn: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + _BOOT_PATIENCE
    state = "no first process"
    while time.monotonic() < deadline and nspawn.poll() is None:
        leader = find_leader(nspawn.pid)
        if leader is not None:
            machine = Machine(name, DISKS / name / "root", leader)
            state = machine.run(["systemctl", "is-system-running"], check=False).stdout.strip()
            if state in ("running", "degraded"):
                return leader
        time.sleep(0.05)
    console = (DISKS / name / "console").read_text(errors="replace")[-2000:]
    raise MachineError(f"the machine {name!r} did not boot ({state}): {console}")


def find_leader(nspawn: int) -> int | None:
    """The machine's first process: the child of nspawn that is systemd by now."""
    with suppress(OSError):
        for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
    return None


def shut_down(nspawn: subprocess.Popen[bytes]) -> None:
    """At once: nothing in the machine is worth an orderly end."""
    leader = find_leader(nspawn.pid)
    if leader is not None:
        os.kill(leader, signal.SIGKILL)
    try:
        nspawn.wait(10)
    except subprocess.TimeoutExpired:
        nspawn.kill()
        nspawn.wait()


def _clear_abandoned() -> None:
    for path in RECORDS.glob("*.json"):
        record = read_record(path.stem)
        if record is None or process_start(record["owner"]) == record["started"]:
            continue
        _end_processes(path.stem)
        _remove(path.stem)


def _end_processes(name: str) -> None:
    """Whatever runs in the machine's own namespace: nspawn, its first process, and so the rest."""
    identity = namespace_identity(NAMED_NAMESPACES / network_of(name))
    deadline = time.monotonic() + 10
    while identity and (left := processes_in({identity})):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise MachineError(f"processes of the machine {name!r} do not end: {left}")
        time.sleep(0.02)


def _remove(name: str) -> None:
    disk = DISKS / name
    if os.path.ismount(disk / "root"):
        _run(["umount", "-l", str(disk / "root")])
    if (NAMED_NAMESPACES / network_of(name)).exists():
        _run(["ip", "netns", "delete", network_of(name)])
    shutil.rmtree(disk, ignore_errors=True)
    for group in _list_cgroups(name):
        for below in sorted(group.rglob("*/"), reverse=True):
            _remove_cgroup(below)
        _remove_cgroup(group)
    (RECORDS / f"{name}.json").unlink(missing_ok=True)


def _remove_cgroup(group: Path) -> None:
    for _ in range(50):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)  # its last process is still ending
        else:
            return


def read_record(name: str) -> Mapping[str, Any] | None:
    """What write_record has noted, or None if there is no such machine (any more)."""
    with suppress(FileNotFoundError):
        found: Mapping[str, Any] = json.loads((RECORDS / f"{name}.json").read_text())
        return found
    return None


def write_record(name: str, **more: Any) -> None:
    """Notes that this process owns the machine, and what more there is to know of it."""
    RECORDS.mkdir(exist_ok=True)
    fields = {"owner": os.getpid(), "started": process_start(os.getpid()), **more}
    fresh = RECORDS / f"{name}.new"
    fresh.write_text(json.dumps(fields))
    fresh.rename(RECORDS / f"{name}.json")


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise MachineError(f"{' '.join(argv)} failed: {done.stderr.strip()}")
