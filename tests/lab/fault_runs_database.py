"""The runs of a database that goes away, breaks off, or is another one; short and long."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import psycopg

from lab.cluster import Cluster
from lab.faults import (
    RATE,
    expect_closed_accounting,
    expect_no_gap,
    expect_once,
    loading,
    make_twin,
    revive,
    started,
    wait_until_listening,
    wait_until_recorded,
)
from lab.namespaces import Lab
from lab.proxy import cutting
from lab.rig import RECORDER, Rig, rigging, wait_until

PROMISED = 10.0  # seconds from the database's return to the next commit


def wait_for_commit(rig: Rig) -> float:
    """Seconds until something has been committed that was not before."""
    asked = time.monotonic()
    since = datetime.now(UTC)
    committed = "SELECT FROM ctaudit.stream WHERE committed_at > %s"
    wait_until(lambda: bool(rig.query(committed, since)), log=rig.directory / "record.log")
    return time.monotonic() - asked


def stop_database(lab: Lab, cluster: Cluster, seconds: float) -> float:
    """PostgreSQL stopped under load; returns how long the recorder took to come back."""
    with rigging(lab, cluster) as rig, started(rig, "record"), started(rig, "receive"):
        wait_until_listening(rig)
        with loading(lab, int((seconds + 2) * RATE)) as load:
            time.sleep(1)
            cluster.stop("fast")
            time.sleep(seconds)
            revive(cluster)
            back = wait_for_commit(rig)
            load.wait()
        wait_until_recorded(rig, patience=120)
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)
    assert back < PROMISED
    return back


def absent_at_the_start(lab: Lab, cluster: Cluster) -> float:
    with rigging(lab, cluster) as rig:
        cluster.stop("fast")
        with started(rig, "record") as recorder, started(rig, "receive") as receiver:
            wait_until(lambda: "receiving" in receiver.log.read_text())
            with loading(lab, 2 * RATE) as load:
                load.wait()
            revive(cluster)
            back = wait_for_commit(rig)
            wait_until_recorded(rig)
            expect_once(rig, load.indexes)
            expect_no_gap(rig)
            assert "database is back" in recorder.log.read_text()
    assert back < PROMISED
    return back


def fail_over(lab: Lab, first: Cluster, second: Cluster) -> None:
    """Two hosts in the DSN of which one is up, then the other, which has nothing yet."""
    dsn_of = "host={},{} dbname={} user={} target_session_attrs=read-write"
    with rigging(lab, first) as rig:
        dsn = dsn_of.format(second.socket_directory, first.socket_directory, rig.database, RECORDER)
        other = make_twin(rig, second)
        second.stop()
        with started(rig, "record", "--dsn", dsn), started(rig, "receive"):
            wait_until_listening(rig)
            with loading(lab, 3 * RATE) as load:
                time.sleep(1.5)
                first.stop("immediate")
                second.start()
                load.wait()
            wait_until_recorded(other)
            expect_once(other, load.indexes)
            expect_no_gap(other)
        first.start()
        assert rig.count("opening") > 0


def break_connections(lab: Lab, cluster: Cluster, times: int) -> None:
    """pg_terminate_backend again and again while batches are committed."""
    with rigging(lab, cluster) as rig, started(rig, "record"), started(rig, "receive"):
        wait_until_listening(rig)
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
        wait_until_recorded(rig)
        assert broken >= times / 2
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)


def cut_answers(lab: Lab, cluster: Cluster, seconds: float) -> tuple[int, int]:
    """Connections lost between a CALL and its answer: (lost, of them committed unheard)."""
    with (
        rigging(lab, cluster) as rig,
        cutting(cluster.socket_directory, every=8) as proxy,
    ):
        dsn = f"host={proxy.directory} dbname={rig.database} user={RECORDER}"
        with started(rig, "record", "--dsn", dsn), started(rig, "receive"):
            wait_until_listening(rig)
            with loading(lab, int(seconds * RATE)) as load:
                load.wait()
            wait_until_recorded(rig, patience=120)
            expect_once(rig, load.indexes)
            expect_no_gap(rig)
            expect_closed_accounting(rig)
        assert proxy.cut >= seconds
        assert 0 < proxy.answered <= proxy.cut
        return proxy.cut, proxy.answered
