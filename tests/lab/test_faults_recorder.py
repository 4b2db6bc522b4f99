"""The recorder killed, alone and with PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lab.fault_runs import kill_recorder, kill_recorder_and_database

from lab.cluster import Cluster, private_cluster
from lab.namespaces import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One that a test may kill."""
    with private_cluster() as made:
        yield made


def test_recorder_killed(lab: Lab, own_cluster: Cluster) -> None:
    kill_recorder(lab, own_cluster, 10)


def test_recorder_and_database_killed(lab: Lab, own_cluster: Cluster) -> None:
    kill_recorder_and_database(lab, own_cluster, 4)
