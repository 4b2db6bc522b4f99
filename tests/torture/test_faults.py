"""The long runs of faults that need no booted machine; tests/lab/test_faults_*.py are the short.

The kills are in test_kills.py, with real systemd.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.fault_runs_damage import keeping_segments, read_damaged, record_damaged

from lab import fault_runs_database, fault_runs_kernel, fault_runs_spool
from lab.cluster import Cluster, private_cluster
from lab.namespaces import Lab
from lab.network import build_lab
from lab.rules import SHORT_TIMEOUTS
from lab.serve import serving


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    timeouts = {**SHORT_TIMEOUTS, "udp_timeout": 600}
    with build_lab("cttorture", timeouts=timeouts) as made, serving(made):
        yield made


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with private_cluster() as made:
        yield made


def test_database_stopped_for_a_minute(lab: Lab, cluster: Cluster) -> None:
    print(f"back after {fault_runs_database.stop_database(lab, cluster, 60):.1f} s")


def test_connection_terminated(lab: Lab, cluster: Cluster) -> None:
    fault_runs_database.break_connections(lab, cluster, 40)


def test_connection_lost_before_the_answer(lab: Lab, cluster: Cluster) -> None:
    lost, committed = fault_runs_database.cut_answers(lab, cluster, 5)
    print(f"{lost} lost, {committed} of them after the commit")


def test_bound_reached(lab: Lab, cluster: Cluster) -> None:
    print(fault_runs_spool.reach_bound(lab, cluster, 100_000), "dropped")


def test_receiver_killed_while_dropping(lab: Lab, cluster: Cluster) -> None:
    print(fault_runs_spool.kill_receiver_while_dropping(lab, cluster, 15), "dropped")


def test_disk_full_and_freed(lab: Lab, cluster: Cluster) -> None:
    print(fault_runs_spool.fill_disk(lab, cluster, 60_000), "dropped")


def test_copy_of_a_minute_ago(lab: Lab, cluster: Cluster) -> None:
    fault_runs_spool.restore_copy(lab, cluster, 60, keep=True)


def test_overrun_and_resync(lab: Lab, cluster: Cluster) -> None:
    print(fault_runs_kernel.overrun(lab, cluster, 20_000))


@pytest.mark.parametrize("mode", ["live", "nat"])
def test_reliable_under_overrun(lab: Lab, cluster: Cluster, mode: str) -> None:
    print(fault_runs_kernel.keep_reliably(lab, cluster, mode, 20_000))


def test_a_million_connections(lab: Lab, cluster: Cluster) -> None:
    print(fault_runs_kernel.flood(lab, cluster, 1_000_000))


@pytest.mark.parametrize("sync", ["0s", "100ms"])
def test_cost_of_syncing(lab: Lab, cluster: Cluster, sync: str) -> None:
    print(sync, fault_runs_spool.measure_sync(lab, cluster, 100_000, sync))


def test_segments_damaged_in_a_thousand_ways(lab: Lab, cluster: Cluster, tmp_path: Path) -> None:
    with keeping_segments(lab, cluster) as kept:
        print(read_damaged(kept.spool, tmp_path, range(1000)), "of 1000 lost something")
        print(record_damaged(kept, cluster, range(1000, 1030)), "gaps of 30 recorded")
