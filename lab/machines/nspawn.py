"""systemd-nspawn: starts a machine over its root, waits for its boot, ends it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

DISKS = Path("/var/lib/ctaudit-machines")  # an overlay needs a file system that is none itself


def network_of(name: str) -> str:
    """The name of a machine's network namespace."""
    return f"ctaudit-machine-{name}"


def start_nspawn(name: str, root: Path, *, contained: bool = False) -> subprocess.Popen[bytes]:
    """``contained``: with a user namespace and a network namespace that belongs to it.

    Of a network namespace that was made before it, its root would not be the administrator.
    """
    if contained:
        network = ["-U", "--private-network"]
    else:
        network = [f"--network-namespace-path=/run/netns/{network_of(name)}"]
    argv = [
        "systemd-nspawn", "--quiet", "--boot", "--register=no", "--resolv-conf=off",
        "--timezone=off", "--link-journal=no", "--console=pipe", *network,
        "--capability=CAP_NET_ADMIN", f"--directory={root}", f"--machine={name}",
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


def _list_cgroups(name: str) -> list[Path]:
    """Where a machine's control groups are or would be, one for each mounted hierarchy."""
    top = Path("/sys/fs/cgroup")
    mounted = [top] if (top / "cgroup.controllers").exists() else [top / "unified", top / "systemd"]
    return [group / network_of(name) for group in mounted if group.is_dir()]


def _make_cgroups(name: str) -> list[Path]:
    groups = _list_cgroups(name)
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def remove_cgroups(name: str) -> None:
    for group in _list_cgroups(name):
        for below in sorted(group.rglob("*/"), reverse=True):
            _remove_cgroup(below)
        _remove_cgroup(group)


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
