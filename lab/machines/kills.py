"""Services killed at random moments while connections come and go, and what must be left."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.machines.gateway import BootedGateway

CONNECTIONS = 11_000  # a second while a load runs: with their ends, over 20,000 events
# Room for what comes while one kill follows another: at this rate 10 s, of 1280 bytes an event.
ROOMY = {"socket": 'receive_buffer = "256MiB"'}
_LONGEST_LIFE = 1.0  # seconds; a good part of the kills comes before the service is ready


@dataclass(frozen=True)
class Kills:
    """How many kills there were, under what load."""

    kills: int
    connections: int
    seconds: float

    def __str__(self) -> str:
        rate = 2 * self.connections / self.seconds
        return (
            f"{self.kills} kills in {self.seconds:.0f} s under {rate:,.0f} events/s, "
            f"{self.connections:,} connections"
        )


def kill_units_at_random(
    gateway: BootedGateway,
    units: Sequence[str],
    times: int,
    *,
    seed: int,
    after: Callable[[], None] = lambda: None,
) -> Kills:
    """SIGKILL to all units at once, ``times`` times, up to a second after all have begun.

    ``after`` follows each kill. Ends with everything ended and recorded.
    """
    chance = random.Random(seed)
    first = gateway.opened
    with gateway.loading(CONNECTIONS) as began:
        for _ in range(times):
            _wait_for_processes(gateway, units)
            time.sleep(chance.uniform(0, _LONGEST_LIFE))
            while not sum(gateway.kill(unit) for unit in units):
                time.sleep(0.005)
            after()
    seconds = time.monotonic() - began
    gateway.wait_until(lambda: all(gateway.machine.processes(unit) for unit in units))
    gateway.settle()
    return Kills(times, gateway.opened - first, seconds)


def _wait_for_processes(gateway: BootedGateway, units: Sequence[str]) -> None:
    gateway.wait_until(lambda: all(gateway.machine.processes(unit) for unit in units), pause=0.005)


def check_nothing_lost(gateway: BootedGateway, first: int) -> None:
    """Each connection of the loads since ``first`` stands once in opening and flow, no gap."""
    gaps = gateway.gaps()
    assert gaps == [], gaps
    expected = gateway.tuples(first)
    for table in ("opening", "flow"):
        recorded = gateway.recorded(table)
        counts = f"{table}: {len(recorded)} rows of {len(expected)} connections"
        assert len(recorded) == len(expected), counts
        assert {key for key, provenance in recorded if provenance == "event"} == expected, counts
