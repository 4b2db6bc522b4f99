"""What the figures were taken on, and what its disk's fsync costs."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.stage import BUFFER, SERVER_SETTINGS
from ctaudit import __version__
from lab.cluster import Cluster, find_binaries


def describe_machine() -> dict[str, Any]:
    """Processor, memory, disk and versions, as far as the system tells them."""
    memory = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / (1 << 20), 1) if memory else None,
        "kernel": platform.release(),
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "file_system": _tell("stat", "-f", "-c", "%T", "/tmp"),  # noqa: S108
        "postgresql": _tell(str(find_binaries() / "postgres"), "--version"),
        "ulogd2": _tell("dpkg-query", "-W", "-f", "${Version}", "ulogd2"),
        "python": platform.python_version(),
        "ctaudit": __version__,
        "server_settings": SERVER_SETTINGS,
        "socket_buffer": BUFFER,
    }


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _tell(*words: str) -> str | None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def measure_fsync(cluster: Cluster) -> dict[str, float]:
    """Operations a second of one 8 kB write and its sync, by method, as pg_test_fsync finds."""
    file = cluster.directory / "fsync"
    words = [str(cluster.bin_directory / "pg_test_fsync"), "-s", "1", "-f", str(file)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return read_fsync(said)


def read_fsync(said: str) -> dict[str, float]:
    """The first table of pg_test_fsync's output."""
    table = said.partition("one 8kB write:")[2].partition("\n\n")[0]
    found = re.findall(r"^\s+(\w+)\s+([\d.]+) ops/sec", table, re.MULTILINE)
    return {method: float(rate) for method, rate in found}


def measure_steadiness() -> float:
    """CPU seconds of a fixed piece of Python: tells a slow machine from a slow program."""
    code = (
        "import time\nbegan = time.thread_time()\nfor i in range(5_000_000): pass\n"
        "print(time.thread_time() - began)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)
