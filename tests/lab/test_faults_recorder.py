"""The recorder killed, alone and with PostgreSQL: no gap, each connection once.

The long forms are in tests/machine/test_fd_store.py, with real systemd.
"""

from __future__ import annotations

import random
import time

import pytest

from lab.accounting import expect_closed_accounting, expect_no_gap, expect_once
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import rigging
from lab.service import kill_at_random, started
from lab.traffic.load import RATE, loading

pytestmark = pytest.mark.timed

LONGEST_LIFE = 0.8  # seconds that a recorder lives at most: a third of it goes into starting


def test_recorder_killed(lab: Lab, own_cluster: Cluster) -> None:
    times = 10
    count = int(times * LONGEST_LIFE / 2 * RATE)
    with (
        rigging(lab, own_cluster) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        with loading(lab, count) as load:
            kill_at_random(recorder, times, LONGEST_LIFE)
            load.wait()
        rig.wait_until_recorded()
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)


def test_recorder_and_database_killed(lab: Lab, own_cluster: Cluster) -> None:
    """In either order."""
    times = 4
    with (
        rigging(lab, own_cluster) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        with loading(lab, times * RATE) as load:
            for number in range(times):
                time.sleep(random.uniform(0.05, 0.9))
                if number % 2:
                    own_cluster.crash(hard=number % 4 == 3)
                    recorder.kill()
                else:
                    recorder.kill()
                    own_cluster.crash(hard=number % 4 == 2)
                recorder.start()
                own_cluster.start_again()
            load.wait()
        rig.wait_until_recorded()
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)
