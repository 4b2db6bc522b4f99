"""Which boot of the machine this is."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID


def read_boot_id() -> UUID:
    """Another one after each boot (random(4))."""
    return UUID(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
