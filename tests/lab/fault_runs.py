"""The runs of faults in the services and the database; make test takes them short."""

from __future__ import annotations

import random
import time

from lab.cluster import Cluster
from lab.faults import (
    RATE,
    crash,
    expect_closed_accounting,
    expect_no_gap,
    expect_once,
    kill_at_random,
    loading,
    revive,
    started,
    wait_until_listening,
    wait_until_recorded,
)
from lab.namespaces import Lab
from lab.rig import rigging

LONGEST_LIFE = 0.8  # seconds that a recorder lives at most: a third of it goes into starting


def kill_recorder(lab: Lab, cluster: Cluster, times: int) -> None:
    """Kill -9 of the recorder: no gap, each connection once."""
    count = int(times * LONGEST_LIFE / 2 * RATE)
    with (
        rigging(lab, cluster) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        wait_until_listening(rig)
        with loading(lab, count) as load:
            kill_at_random(recorder, times, LONGEST_LIFE)
            load.wait()
        wait_until_recorded(rig)
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)


def kill_recorder_and_database(lab: Lab, cluster: Cluster, times: int) -> None:
    """Kill -9 of the recorder and of PostgreSQL, in either order: no gap, each once."""
    with (
        rigging(lab, cluster) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        wait_until_listening(rig)
        with loading(lab, times * RATE) as load:
            for number in range(times):
                time.sleep(random.uniform(0.05, 0.9))
                if number % 2:
                    crash(cluster, hard=number % 4 == 3)
                    recorder.kill()
                else:
                    recorder.kill()
                    crash(cluster, hard=number % 4 == 2)
                recorder.start()
                revive(cluster)
            load.wait()
        wait_until_recorded(rig)
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)
