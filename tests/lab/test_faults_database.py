"""The database away, absent at the start, failed over, and lost in the middle of a commit."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import psycopg
import pytest

from lab.accounting import expect_closed_accounting, expect_no_gap, expect_once
from lab.cluster import Cluster, private_cluster
from lab.namespaces import Lab
from lab.proxy import cutting
from lab.rig import RECORDER, Rig, rigging
from lab.service import started
from lab.traffic.load import RATE, loading
from tests.markers import torture

pytestmark = pytest.mark.timed

PROMISED = 10.0  # seconds from the database's return to the next commit


def wait_for_commit(rig: Rig) -> float:
    """Seconds until something has been committed that was not before."""
    asked = time.monotonic()
    since = datetime.now(UTC)
    committed = "SELECT FROM ctaudit.stream WHERE committed_at > %s"
    rig.wait_until(lambda: bool(rig.query(committed, since)))
    return time.monotonic() - asked


@pytest.mark.parametrize("seconds", [5, torture(60)])
def test_database_stopped(lab: Lab, own_cluster: Cluster, seconds: float) -> None:
    with rigging(lab, own_cluster) as rig, started(rig, "record"), started(rig, "receive"):
        rig.wait_until_listening()
        with loading(lab, int((seconds + 2) * RATE)) as load:
            time.sleep(1)
            own_cluster.stop("fast")
            time.sleep(seconds)
            own_cluster.start_again()
            back = wait_for_commit(rig)
            load.wait()
        rig.wait_until_recorded(patience=120)
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)
    print(f"back after {back:.1f} s")
    assert back < PROMISED


def test_database_absent_at_the_start(lab: Lab, own_cluster: Cluster) -> None:
    with rigging(lab, own_cluster) as rig:
        own_cluster.stop("fast")
        with started(rig, "record") as recorder, started(rig, "receive"):
            with loading(lab, 2 * RATE) as load:
                load.wait()
            own_cluster.start_again()
            back = wait_for_commit(rig)
            rig.wait_until_recorded()
            expect_once(rig, load.indexes)
            expect_no_gap(rig)
            assert "database is back" in recorder.log.read_text()
    assert back < PROMISED


def test_other_host_of_the_dsn_takes_over(lab: Lab, own_cluster: Cluster) -> None:
    """Two hosts in the DSN of which one is up, then the other, which has nothing yet."""
    first = own_cluster
    dsn_of = "host={},{} dbname={} user={} target_session_attrs=read-write"
    with private_cluster() as second, rigging(lab, first) as rig:
        dsn = dsn_of.format(second.socket_directory, first.socket_directory, rig.database, RECORDER)
        other = rig.twin(second)
        second.stop()
        with started(rig, "record", "--dsn", dsn), started(rig, "receive"):
            rig.wait_until_listening()
            with loading(lab, 3 * RATE) as load:
                time.sleep(1.5)
                first.stop("immediate")
                second.start()
                load.wait()
            other.wait_until_recorded()
            expect_once(other, load.indexes)
            expect_no_gap(other)
        first.start()
        assert rig.count("opening") > 0


@pytest.mark.parametrize("times", [6, torture(40)])
def test_connection_terminated(lab: Lab, own_cluster: Cluster, times: int) -> None:
    """pg_terminate_backend again and again while batches are committed."""
    with rigging(lab, own_cluster) as rig, started(rig, "record"), started(rig, "receive"):
        rig.wait_until_listening()
        broken = 0
        with (
            psycopg.connect(rig.owner_dsn, autocommit=True) as watch,
            loading(lab, int((times * 0.5 + 1) * RATE)) as load,
        ):
            while broken < times and load.is_sending:
                ended = watch.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = %s AND datname = %s AND state = 'active' "
                    "AND query LIKE 'CALL%%'",
                    (RECORDER, rig.database),
                ).rowcount
                broken += ended
                if ended:
                    wait_for_commit(rig)
                else:
                    time.sleep(0.001)  # a batch takes the database a few ms only
            load.wait()
        rig.wait_until_recorded()
        assert broken >= times / 2
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)


@pytest.mark.parametrize("seconds", [3, torture(5)])
def test_connection_lost_before_the_answer(lab: Lab, own_cluster: Cluster, seconds: float) -> None:
    """Between a CALL and its answer: some of what is lost was committed, and nobody was told."""
    with (
        rigging(lab, own_cluster) as rig,
        cutting(own_cluster.socket_directory, every=8) as proxy,
    ):
        dsn = f"host={proxy.directory} dbname={rig.database} user={RECORDER}"
        with started(rig, "record", "--dsn", dsn), started(rig, "receive"):
            rig.wait_until_listening()
            with loading(lab, int(seconds * RATE)) as load:
                load.wait()
            rig.wait_until_recorded(patience=120)
            expect_once(rig, load.indexes)
            expect_no_gap(rig)
            expect_closed_accounting(rig)
    print(f"{proxy.cut} lost, {proxy.answered} of them after the commit")
    assert proxy.cut >= seconds
    assert 0 < proxy.answered <= proxy.cut
