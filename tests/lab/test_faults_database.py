"""The database away, absent at the start, failed over, and lost in the middle of a commit."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lab.fault_runs_database import (
    absent_at_the_start,
    break_connections,
    cut_answers,
    fail_over,
    stop_database,
)

from lab.cluster import Cluster, private_cluster
from lab.namespaces import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One that a test may stop."""
    with private_cluster() as made:
        yield made


def test_database_stopped(lab: Lab, own_cluster: Cluster) -> None:
    stop_database(lab, own_cluster, 5)


def test_database_absent_at_the_start(lab: Lab, own_cluster: Cluster) -> None:
    absent_at_the_start(lab, own_cluster)


def test_other_host_of_the_dsn_takes_over(lab: Lab, own_cluster: Cluster) -> None:
    with private_cluster() as other:
        fail_over(lab, own_cluster, other)


def test_connection_terminated(lab: Lab, own_cluster: Cluster) -> None:
    break_connections(lab, own_cluster, 6)


def test_connection_lost_before_the_answer(lab: Lab, own_cluster: Cluster) -> None:
    cut_answers(lab, own_cluster, 3)
