"""The spool full, its disk full, and a database that has gone back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lab.fault_runs_spool import (
    fill_disk,
    fill_disk_with_kept,
    kill_receiver_while_dropping,
    reach_bound,
    restore_copy,
)

from lab.cluster import Cluster, private_cluster
from lab.namespaces import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One that a test may restore."""
    with private_cluster() as made:
        yield made


def test_bound_reached(lab: Lab, own_cluster: Cluster) -> None:
    reach_bound(lab, own_cluster, 8000)


def test_receiver_killed_while_dropping(lab: Lab, own_cluster: Cluster) -> None:
    kill_receiver_while_dropping(lab, own_cluster, 3)


def test_disk_full_and_freed(lab: Lab, own_cluster: Cluster) -> None:
    fill_disk(lab, own_cluster, 8000)


def test_committed_segments_give_way_on_a_full_disk(lab: Lab, own_cluster: Cluster) -> None:
    fill_disk_with_kept(lab, own_cluster, 10_000)


def test_older_copy_is_filled_from_kept_segments(lab: Lab, own_cluster: Cluster) -> None:
    restore_copy(lab, own_cluster, 2, keep=True)


def test_older_copy_without_segments_has_a_gap(lab: Lab, own_cluster: Cluster) -> None:
    restore_copy(lab, own_cluster, 2, keep=False)
