"""Machines themselves: what a crash leaves behind is cleared by the next boot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.machines.booting import booted_machine
from lab.machines.gateway import BootedGateway
from lab.machines.machine import MachineError
from lab.namespaces import ROOT

_NAME = f"crash-{os.getpid()}"
_BOOT = f"""
import time
from lab.machines.booting import booted_machine
with booted_machine("{_NAME}") as machine:
    print(machine.leader, flush=True)
    time.sleep(600)
"""


def test_leftovers_of_a_crash_are_cleared() -> None:
    argv = [sys.executable, "-c", _BOOT]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as crashing:
        assert crashing.stdout is not None
        leader = int(crashing.stdout.readline())
        crashing.send_signal(signal.SIGKILL)
    with booted_machine(_NAME) as machine:
        assert machine.leader != leader
        assert not Path(f"/proc/{leader}").exists()
        assert machine.run(["hostname"]).stdout == f"{_NAME}\n"
        disk = machine.root.parent
    assert not disk.exists()
    assert not Path(f"/run/netns/ctaudit-machine-{_NAME}").exists()


def test_name_in_use_is_refused(booted: BootedGateway) -> None:
    with (
        pytest.raises(MachineError, match="is in use by another process"),
        booted_machine(booted.machine.name),
    ):
        pass
    assert os.path.ismount(booted.machine.root)
