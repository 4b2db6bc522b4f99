"""The register of the labs that stand: the owner and the namespaces of each.

One directory a lab below /run/ctaudit-lab, with one JSON file: ``owner`` (pid), ``started``
(that process's start time in clock ticks, proc(5)), ``keep``, and ``namespaces`` (name to
[device, inode] of its namespace file; empty until it is made). The traffic maker trusts only
namespaces found here, so the entry is written before a lab is made and removed after it is gone.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import LabError
from lab.processes import Identity, process_start

REGISTER = Path("/run/ctaudit-lab")
ROLES = ("client", "gateway", "server")


@dataclass(frozen=True)
class Registration:
    """A lab that stands: who made it, whether it outlives its maker, and its namespaces."""

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


@contextmanager
def locked() -> Iterator[None]:
    """Let one process at a time make or remove labs."""
    REGISTER.mkdir(mode=0o755, exist_ok=True)
    with (REGISTER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_registration(lab: Registration) -> None:
    directory = REGISTER / lab.name
    directory.mkdir(parents=True, exist_ok=True)
    fields = {
        "owner": lab.owner,
        "started": lab.started,
        "keep": lab.keep,
        "namespaces": dict(lab.namespaces),
    }
    fresh = directory / "lab.json.new"
    fresh.write_text(json.dumps(fields) + "\n")
    fresh.rename(directory / "lab.json")


def find_registration(name: str) -> Registration | None:
    """The lab of that name, or None if it is not registered."""
    try:
        fields = json.loads((REGISTER / name / "lab.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LabError(
            f"{REGISTER / name / 'lab.json'} is damaged ({error}): "
            "remove the namespaces by hand (ip netns delete), then this file"
        ) from error
    namespaces = {name: tuple(identity) for name, identity in fields["namespaces"].items()}
    return Registration(name, fields["owner"], fields["started"], fields["keep"], namespaces)


def list_registrations() -> list[Registration]:
    if not REGISTER.is_dir():
        return []
    names = (entry.name for entry in sorted(REGISTER.iterdir()) if entry.is_dir())
    found = map(find_registration, names)
    return [lab for lab in found if lab is not None]


def remove_registration(name: str) -> None:
    shutil.rmtree(REGISTER / name, ignore_errors=True)
