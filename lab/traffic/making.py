"""Traffic made in a lab from outside of it: a process in the right namespace for each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.namespaces import ROOT, Lab, LabError, popen_in, run_in
from lab.processes import end_by_input
from lab.traffic.kinds import HOLD, KINDS
from lab.traffic.senders import Sent


def make_traffic(lab: Lab, kind: str, **options: Any) -> Sent:
    """Make one kind of traffic in the lab and give what was sent (see senders).

    Options are the command line's: source, source_port, destination, destination_port,
    payload (bytes); for a burst count, first, rate, destination_ports.
    """
    done = run_in(
        getattr(lab, _role_of(kind, options.pop("role", None))),
        _command(kind, options),
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=600,
    )
    if done.returncode:
        raise LabError(f"traffic {kind} failed: {done.stderr.strip()}")
    sent: Sent = json.loads(done.stdout)
    return sent


class Held:
    """An open TCP connection in the lab, and what was sent to open it."""

    def __init__(self, process: subprocess.Popen[str], sent: Sent) -> None:
        self.sent = sent
        self._process = process

    def exchange(self, amount: int) -> None:
        """Send that many more bytes through the connection, and get them back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{amount}\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise LabError("the held connection is gone")


@contextmanager
def holding(lab: Lab, **options: Any) -> Iterator[Held]:
    """Hold a TCP connection open during the body, then close it orderly.

    Options as for make_traffic, and seconds (it closes by itself then), and role="server" for
    a connection that comes from outside.
    """
    namespace = getattr(lab, _role_of(HOLD, options.pop("role", None)))
    process = popen_in(
        namespace,
        _command(HOLD, options),
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise LabError(f"no connection to hold: {process.stderr.read().strip()}")
        yield Held(process, json.loads(line))
    finally:
        end_by_input(process, 10)


def _role_of(kind: str, wanted: str | None) -> str:
    return wanted or (KINDS[kind].role if kind in KINDS else "client")


def _command(kind: str, options: dict[str, Any]) -> list[str]:
    words = [sys.executable, "-m", "lab.traffic", kind]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words
