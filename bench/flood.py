"""The generator: builds flood.c, and starts it where the lab's own check allows it.

``python3 -m bench.flood COUNT [--first N] [--rate N] [--ports N]`` inside a lab namespace only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab import addresses as a
from lab.guard import require_lab
from lab.namespaces import ROOT, Lab, LabError, popen_in
from lab.traffic.burst import FIRST_SPORT, PAYLOAD, PER_PORT

SOURCE = Path(__file__).with_name("flood.c")
PACKET_BYTES = 28 + len(PAYLOAD)


@dataclass(frozen=True)
class Flood:
    """What was sent; the times are seconds since 1970 of the first and the last packet."""

    count: int
    first_at: float
    last_at: float

    @property
    def rate(self) -> float:
        return self.count / (self.last_at - self.first_at)


def build() -> Path:
    """The compiled generator; made anew when its source is another."""
    directory = Path(tempfile.gettempdir()) / f"ctaudit-bench-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    binary = directory / f"flood-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}"
    if not binary.exists():
        fresh = binary.with_suffix(f".{os.getpid()}")
        words = ["gcc", "-O2", "-Wall", "-Wextra", "-o", str(fresh), str(SOURCE)]
        subprocess.run(words, check=True)
        fresh.rename(binary)
    return binary


def start_flood(
    lab: Lab, count: int, *, first: int = 0, rate: int = 0, ports: int = 1
) -> subprocess.Popen[str]:
    """The generator in the lab's client, sending as soon as it has checked where it is."""
    build()
    words = [sys.executable, "-m", "bench.flood", str(count), "--first", str(first)]
    words += ["--rate", str(rate), "--ports", str(ports)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return popen_in(lab.client, words, cwd=ROOT, **pipes)


def end_flood(process: subprocess.Popen[str], count: int) -> Flood:
    """Waits for a generator and reads what it says. Raises LabError when it failed."""
    said, failed = process.communicate(timeout=7200)
    if process.returncode:
        raise LabError(f"the generator failed: {failed.strip()}")
    first_at, last_at = (int(word) / 1e9 for word in said.split())
    return Flood(count, first_at, last_at)


def flood(lab: Lab, count: int, *, first: int = 0, rate: int = 0, ports: int = 1) -> Flood:
    """Opens connections number first to first+count-1."""
    return end_flood(start_flood(lab, count, first=first, rate=rate, ports=ports), count)


def arguments(count: int, first: int, rate: int, ports: int) -> list[str]:
    """flood.c's arguments."""
    numbers = [first, count, rate, ports, PER_PORT, FIRST_SPORT]
    numbers += [a.SILENT_PORTS.start, a.SILENT_PORTS.stop - 1]
    return [*map(str, numbers), a.SERVER, *a.PLAIN_CLIENTS]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m bench.flood", description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rate", type=int, default=0, help="connections a second; 0: flat out")
    parser.add_argument("--ports", type=int, default=1, help="destination ports in turn")
    chosen = parser.parse_args()
    try:
        require_lab()
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    words = arguments(chosen.count, chosen.first, chosen.rate, chosen.ports)
    return subprocess.run([str(build()), *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
