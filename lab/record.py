"""What is written down of a lab while it stands: its owner and its namespaces.

One directory a lab below /run/ctaudit-lab, with one JSON file: ``owner`` (pid), ``started``
(that process's start time in clock ticks, proc(5)), ``keep``, and ``namespaces`` (name to
[device, inode] of its namespace file; empty until it is made). The traffic maker trusts only
namespaces found here, so the record goes first when a lab is made and last when it is removed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RECORDS = Path("/run/ctaudit-lab")
NAMED_NAMESPACES = Path("/run/netns")
ROLES = ("client", "gateway", "server")

Identity = tuple[int, int]


class LabError(Exception):
    """The lab cannot be made, used or removed; the text is one sentence for a person."""


@dataclass(frozen=True)
class Record:
    name: str
    owner: int
    started: int
    keep: bool
    namespaces: Mapping[str, Identity]

    @property
    def has_live_owner(self) -> bool:
        return process_start(self.owner) == self.started


def check_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
        raise LabError(
            f"the lab's name {name!r} is not usable: take lower-case letters, digits and dashes"
        )
    return name


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


def processes_in(identities: set[Identity]) -> list[int]:
    """Processes, other than this one, whose network namespace is one of those given."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and int(entry.name) != os.getpid()
        and namespace_identity(entry / "ns/net") in identities
    ]


@contextmanager
def locked() -> Iterator[None]:
    """Let one process at a time make or remove labs."""
    RECORDS.mkdir(mode=0o755, exist_ok=True)
    with (RECORDS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_record(record: Record) -> None:
    directory = RECORDS / record.name
    directory.mkdir(parents=True, exist_ok=True)
    fields = {
        "owner": record.owner,
        "started": record.started,
        "keep": record.keep,
        "namespaces": dict(record.namespaces),
    }
    fresh = directory / "lab.json.new"
    fresh.write_text(json.dumps(fields) + "\n")
    fresh.rename(directory / "lab.json")


def read_record(name: str) -> Record | None:
    """The record of a lab, or None if there is none."""
    try:
        fields = json.loads((RECORDS / name / "lab.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LabError(
            f"{RECORDS / name / 'lab.json'} is damaged ({error}): "
            "remove the namespaces by hand (ip netns delete), then this file"
        ) from error
    namespaces = {name: tuple(identity) for name, identity in fields["namespaces"].items()}
    return Record(name, fields["owner"], fields["started"], fields["keep"], namespaces)


def read_records() -> list[Record]:
    if not RECORDS.is_dir():
        return []
    found = (read_record(entry.name) for entry in sorted(RECORDS.iterdir()) if entry.is_dir())
    return [record for record in found if record is not None]


def remove_record(name: str) -> None:
    shutil.rmtree(RECORDS / name, ignore_errors=True)
