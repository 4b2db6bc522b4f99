"""The benchmark's generator opens the connections that the lab's own burst would, each once."""

from __future__ import annotations

import shutil

import pytest

from bench.flood import flood
from lab.namespaces import Lab, LabError
from lab.traffic.burst import PER_PORT, burst_tuple
from lab.witness import Witness

pytestmark = [
    pytest.mark.skipif(not shutil.which("gcc"), reason="the generator needs gcc"),
]


@pytest.mark.parametrize(("first", "ports"), [(0, 1), (3 * PER_PORT - 500, 3)])
def test_opens_each_once(lab: Lab, witness: Witness, first: int, ports: int) -> None:
    """From the first one on, and across the step to fresh destination ports."""
    flood(lab, 1000, first=first, ports=ports)
    found = sorted((e.orig.src, e.orig.sport, e.orig.dport) for e in witness.entries("NEW"))
    assert found == sorted(burst_tuple(index, ports) for index in range(first, first + 1000))


def test_keeps_its_pace(lab: Lab, witness: Witness) -> None:
    sent = flood(lab, 500, rate=1000)
    assert 900 < sent.rate < 1100
    assert witness.count("NEW") == 500


@pytest.mark.parametrize(("count", "first"), [(0, 0), (100_000_001, 0), (1, 10_000 * PER_PORT)])
def test_out_of_bounds_is_refused(lab: Lab, witness: Witness, count: int, first: int) -> None:
    with pytest.raises(LabError, match=r"out of bounds|not enough destination ports"):
        flood(lab, count, first=first)
    assert witness.count("NEW") == 0
