"""The register of the machines that stand, one JSON file for each.

``owner`` (pid) and ``started`` (that process's start time, proc(5)) say who holds the machine; a
fleet's keeper adds ``fleet``, ``nspawn`` (pid) and ``public`` (the gateway's public address).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.processes import process_start

REGISTER = Path("/run/ctaudit-machines")


def find_registration(name: str) -> Mapping[str, Any] | None:
    """What write_registration has written, or None if there is no such machine (any more)."""
    with suppress(FileNotFoundError):
        found: Mapping[str, Any] = json.loads(_file(name).read_text())
        return found
    return None


def list_registrations() -> dict[str, Mapping[str, Any]]:
    """All registered machines by name."""
    found = {path.stem: find_registration(path.stem) for path in REGISTER.glob("*.json")}
    return {name: machine for name, machine in found.items() if machine is not None}


def write_registration(name: str, **more: Any) -> None:
    """Registers the machine as owned by this process; ``more``: further fields."""
    REGISTER.mkdir(exist_ok=True)
    fields = {"owner": os.getpid(), "started": process_start(os.getpid()), **more}
    fresh = REGISTER / f"{name}.new"
    fresh.write_text(json.dumps(fields))
    fresh.rename(_file(name))


def remove_registration(name: str) -> None:
    _file(name).unlink(missing_ok=True)


def _file(name: str) -> Path:
    return REGISTER / f"{name}.json"
