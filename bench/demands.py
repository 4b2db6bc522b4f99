"""The ratios that are asked for, and what the runs say to them.

A ratio is formed in each round, of two runs a minute apart at most, and the median counts: so
a machine that is slower for a while is so for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Run, Spread


@dataclass(frozen=True)
class Demand:
    """``above``: whether the ratio must be at least ``bound``, or else at most."""

    title: str
    candidate: str
    other: str
    bound: float
    above: bool = True


DEMANDS = (
    Demand("history, events/s ÷ ulogd2 PGSQL synchronous", "history", "ulogd-sync", 42),
    Demand("history, events/s ÷ ulogd2 PGSQL asynchronous", "history", "ulogd-async", 9),
    Demand("history, events/s ÷ ulogd2 JSON to a file", "history", "ulogd-json", 1.1),
    Demand("history, events/s ÷ binary COPY, same rows and indexes", "history", "copy", 0.55),
    Demand("live, events/s ÷ ulogd2's INSERT_OR_REPLACE_CT", "live", "ulogd-replace", 40),
    Demand(
        "CPU an event, receiver + recorder ÷ ulogd2 PGSQL synchronous",
        "history",
        "ulogd-sync",
        0.35,
        above=False,
    ),
)


@dataclass(frozen=True)
class Verdict:
    demand: Demand
    ratio: Spread

    @property
    def is_met(self) -> bool:
        median, bound = self.ratio.median, self.demand.bound
        return median >= bound if self.demand.above else median <= bound


def _ratio(demand: Demand, mine: Run, other: Run) -> float:
    if demand.above:
        return mine.rate / other.rate
    return mine.cpu_per_event("receiver", "recorder") / other.cpu_per_event("ulogd")


def judge(runs: Mapping[str, Sequence[Run]]) -> list[Verdict]:
    """A verdict on each demand whose two candidates have run; round by round."""
    return [
        Verdict(
            demand,
            Spread.of(
                [
                    _ratio(demand, mine, other)
                    for mine, other in zip(runs[demand.candidate], runs[demand.other], strict=True)
                ]
            ),
        )
        for demand in DEMANDS
        if demand.candidate in runs and demand.other in runs
    ]
