"""Processes and the network namespaces that they are in, as /proc shows them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

NAMED_NAMESPACES = Path("/run/netns")

Identity = tuple[int, int]


def process_start(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot, or None if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def namespace_identity(path: str | Path) -> Identity | None:
    """Device and inode of a namespace file, which name a namespace as long as it lives."""
    try:
        status = Path(path).stat()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return status.st_dev, status.st_ino


def identities_of(names: Iterable[str]) -> dict[str, Identity]:
    """The identities of named namespaces, those left out that do not exist."""
    found = {name: namespace_identity(NAMED_NAMESPACES / name) for name in names}
    return {name: identity for name, identity in found.items() if identity is not None}


def processes_in(identities: set[Identity]) -> list[int]:
    """Processes, other than this one, whose network namespace is one of those given."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and int(entry.name) != os.getpid()
        and namespace_identity(entry / "ns/net") in identities
    ]


def end_processes_in(identities: set[Identity]) -> None:
    """SIGTERM to all processes in these namespaces, and SIGKILL to those left after 2 s."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 2
        for pid in processes_in(identities):
            try:
                os.kill(pid, signum)
            except ProcessLookupError:
                continue
        while processes_in(identities) and time.monotonic() < deadline:
            time.sleep(0.02)


def wait_or_kill(process: subprocess.Popen[Any], seconds: float) -> None:
    """Waits for the end of a process that was told to end; kills it after so long."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_by_input(process: subprocess.Popen[str], seconds: float) -> None:
    """Closes the standard input of a process that ends by that; kills it after so long."""
    assert process.stdin is not None
    process.stdin.close()
    wait_or_kill(process, seconds)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
