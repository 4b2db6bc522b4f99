"""A standing lab's namespaces, and how to run something in them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Lab:
    """A standing lab: the names of its namespaces, and the conntrack helpers the kernel has."""

    name: str
    client: str
    gateway: str
    server: str
    helpers: frozenset[str] = frozenset()

    @property
    def namespaces(self) -> tuple[str, str, str]:
        return self.client, self.gateway, self.server


def run_in(namespace: str, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a command in a namespace; the options are those of subprocess.run."""
    options.setdefault("check", False)
    return subprocess.run(["ip", "netns", "exec", namespace, *argv], **options)  # noqa: PLW1510


def popen_in(namespace: str, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a command in a namespace; the process's pid is the command's own."""
    return subprocess.Popen(["ip", "netns", "exec", namespace, *argv], **options)
