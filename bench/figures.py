"""One run's figures, and what several of them come to."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Run:
    """One candidate's run.

    events: what was to be stored, each event once. seconds: from the first event that it could
    read to its last commit. cpu: nanoseconds by process. peak: bytes of memory by process.
    """

    candidate: str
    connections: int
    events: int
    seconds: float
    stored: int
    kernel_drops: int = 0
    cpu: Mapping[str, int] = field(default_factory=dict)
    peak: Mapping[str, int] = field(default_factory=dict)
    wal: int | None = None
    commits: int | None = None

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def lost(self) -> int:
        return self.events - self.stored

    @property
    def other_share(self) -> float:
        """Of the CPU time that the machine spent, what no process of the run accounts for."""
        parts = sum(spent for part, spent in self.cpu.items() if part != "machine")
        machine = self.cpu.get("machine", parts)
        return max(0.0, 1 - parts / machine) if machine else 0.0

    def cpu_per_event(self, *parts: str) -> float:
        """Microseconds of the named processes together."""
        return sum(self.cpu[part] for part in parts) / self.events / 1000

    def as_json(self) -> dict[str, Any]:
        per_event = {part: round(self.cpu_per_event(part), 3) for part in self.cpu}
        derived = {"rate": round(self.rate), "lost": self.lost, "cpu_us_per_event": per_event}
        return {**asdict(self), **derived}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Run:
        return cls(**{item.name: values[item.name] for item in fields(cls)})


@dataclass(frozen=True)
class Spread:
    """Several runs' values of one measure."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))


def rates(runs: Sequence[Run]) -> Spread:
    return Spread.of([run.rate for run in runs])


def costs(runs: Sequence[Run], *parts: str) -> Spread:
    """Microseconds an event of the named processes together."""
    return Spread.of([run.cpu_per_event(*parts) for run in runs])


def peak(runs: Sequence[Run], part: str) -> int:
    """The largest memory of a process in any of the runs, bytes."""
    return max(run.peak[part] for run in runs)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, int(rank) - 1)]
