"""A standing lab's namespaces, and how to run something in them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class LabError(Exception):
    """Something of the lab cannot be made or used; the text is one sentence for a person."""


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


def feed_in(namespace: str, argv: Sequence[str], text: str) -> None:
    """Run a command in a namespace with that text on its standard input; LabError if it fails."""
    try:
        done = run_in(namespace, argv, input=text, text=True, capture_output=True, timeout=30)
    except FileNotFoundError as error:
        raise LabError(f"{error.filename} is missing: apt-get install iproute2 nftables") from error
    if done.returncode:
        raise LabError(f"{' '.join(argv)} failed in {namespace}: {done.stderr.strip()}")


def call_in(namespace: str, *words: str) -> str:
    """What a command in a namespace prints; LabError if it fails."""
    done = run_in(namespace, words, text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"{' '.join(words)} failed in {namespace}: {done.stderr.strip()}")
    return str(done.stdout)


@contextmanager
def changed_sysctl(namespace: str, key: str, value: int) -> Iterator[None]:
    """During the body the setting has that value."""
    before = call_in(namespace, "sysctl", "-n", key).strip()
    call_in(namespace, "sysctl", "-qw", f"{key}={value}")
    try:
        yield
    finally:
        call_in(namespace, "sysctl", "-qw", f"{key}={before}")
