"""The receive buffer overruns; and it does not with the settings that ctaudit comes with."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lab.fault_runs_kernel import flood, keep_reliably, overrun

from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.network import build_lab
from lab.rules import SHORT_TIMEOUTS
from lab.serve import serving

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def patient_lab() -> Iterator[Lab]:
    """One whose UDP connections do not end by themselves while a test looks at them."""
    timeouts = {**SHORT_TIMEOUTS, "udp_timeout": 300}
    with build_lab(f"ctwait-{os.getpid()}", timeouts=timeouts) as made, serving(made):
        yield made


def test_overrun_and_resync(patient_lab: Lab, cluster: Cluster) -> None:
    overrun(patient_lab, cluster, 2000)


@pytest.mark.parametrize("mode", ["live", "nat"])
def test_reliable_under_overrun(patient_lab: Lab, cluster: Cluster, mode: str) -> None:
    keep_reliably(patient_lab, cluster, mode, 3000)


def test_flood_with_default_settings(patient_lab: Lab, cluster: Cluster) -> None:
    flood(patient_lab, cluster, 100_000)
