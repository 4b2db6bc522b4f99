"""The benchmark's generator opens the connections that the lab's burst says, and only in a lab."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from bench import flood
from lab.namespaces import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="the generator needs gcc")


def start(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(flood.build()), *words], capture_output=True, text=True, timeout=10, check=False
    )


def test_sends_nothing_outside_a_lab() -> None:
    """Were that broken, one packet would go to loopback."""
    numbers = flood.arguments(1, 0, 0, 1)[:8]
    done = start(*numbers, "127.0.0.1", "127.0.0.1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "sends nothing here" in done.stderr


def test_the_lab_s_own_check_comes_first() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.flood", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "the traffic maker sends nothing here" in done.stderr


def test_wrong_usage_is_refused() -> None:
    assert start("1", "2").returncode == 2
