"""What processes cost: CPU time, memory, and what their netlink sockets hold and have lost."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError)


def cpu_of(pid: int) -> int:
    """Nanoseconds on a CPU, user and system, of all of a process's threads; 0 when it is gone.

    Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
    """
    total = 0
    with suppress(*_GONE):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(*_GONE):
                total += int((task / "schedstat").read_text().split()[0])
    return total


def machine_cpu() -> int:
    """Nanoseconds that all CPUs have been busy, interrupts included; ticks of 10 ms. proc(5)."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[:8])
    ticks = user + nice + system + irq + softirq + steal
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def children_of(parent: int) -> list[int]:
    """Processes whose parent this is."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(*_GONE):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


def peak_memory(pid: int) -> int:
    """VmHWM in bytes: the largest resident set so far, mapped files included."""
    return _field(Path(f"/proc/{pid}/status").read_text(), "VmHWM")


def memory_of(pid: int) -> tuple[int, int]:
    """(resident, proportional) set size in bytes; the second counts shared pages by their share."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return _field(text, "Rss"), _field(text, "Pss")


def _field(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@dataclass(frozen=True)
class EventSocket:
    """A netlink socket in multicast groups: bytes that wait in it, events it has lost."""

    queued: int
    drops: int


def event_socket(pid: int) -> EventSocket | None:
    """A process's conntrack event socket, None while it has none. /proc/net/netlink."""
    mine = set()
    with suppress(*_GONE):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(*_GONE):
                mine.add(str(descriptor.readlink()))
        for row in Path(f"/proc/{pid}/net/netlink").read_text().splitlines()[1:]:
            _, protocol, _, groups, queued, _, _, _, drops, inode = row.split()
            if f"socket:[{inode}]" in mine and int(groups, 16) and protocol == "12":
                return EventSocket(int(queued), int(drops))
    return None


class Meter:
    """CPU time of named groups of processes, and of the whole machine, from ``begin`` on.

    A process that is not there at the beginning counts from its own.
    """

    def __init__(self, find_groups: Callable[[], Mapping[str, Iterable[int]]]) -> None:
        self._find_groups = find_groups
        self._before: dict[int, int] = {}
        self._machine = 0

    def begin(self) -> None:
        groups = self._find_groups()
        self._before = {pid: cpu_of(pid) for pids in groups.values() for pid in pids}
        self._machine = machine_cpu()

    def read(self) -> dict[str, int]:
        """Nanoseconds by group; ``machine``: of all CPUs, interrupts and other work included."""
        machine = machine_cpu() - self._machine
        spent = {
            name: sum(cpu_of(pid) - self._before.get(pid, 0) for pid in pids)
            for name, pids in self._find_groups().items()
        }
        return {**spent, "machine": machine}
