"""The spool full, its disk full, and a database that has gone back to an older state."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctaudit.spool.drop_counter import DropCounter
from ctaudit.spool.segment import list_segments, opened_segment
from lab.accounting import expect_closed_accounting, expect_no_gap, expect_once, stored
from lab.cluster import Cluster
from lab.event_socket import borrowed_socket, count_queued, take_unread
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic.burst import burst_tuple
from lab.traffic.load import RATE, loading
from tests.markers import torture

pytestmark = pytest.mark.timed

SMALL = 'max_bytes = "1MiB"\nsegment_bytes = "256KiB"'
SMALL_SEGMENTS = 'segment_bytes = "256KiB"'
LOST = "SELECT coalesce(sum(lost), 0)::bigint FROM ctaudit.gap WHERE cause = 'spool full'"


def count_stored(rig: Rig) -> int:
    """Openings and ends that were observed."""
    return sum(stored(rig, table).total() for table in ("opening", "flow"))


def wait_for_room(rig: Rig) -> None:
    """Waits until the receiver stores events again and a dump has shown what is there."""
    told = "SELECT FROM ctaudit.dump WHERE cause = 'spool full' AND reconciled_at IS NOT NULL"
    rig.wait_until(lambda: bool(rig.query(told)), patience=60)


def is_dropping(rig: Rig) -> bool:
    _, last = list_segments(rig.spool)[-1]
    with opened_segment(last, writable=False) as segment:
        return DropCounter(segment.words).events > 0


def expect_counted(rig: Rig, connections: int) -> None:
    """Of so many, ended, some events are missing, as many as the gaps and the stream count."""
    missing = 2 * connections - count_stored(rig)
    assert missing > 0
    (lost,) = rig.query(LOST)[0]
    assert (lost, expect_closed_accounting(rig)["dropped"]) == (missing, missing)
    print(f"{missing} dropped")


def expect_goes_on(rig: Rig, first: int, count: int = 1000) -> None:
    """What comes now is recorded, and nothing is missing of it."""
    before = rig.count("gap")
    with loading(rig.lab, count, rate=None, first=first, ends=False) as load:
        load.wait()
    rig.wait_until_recorded()
    for table in ("opening", "flow"):
        found = stored(rig, table)
        assert all(found[burst_tuple(index)] == 1 for index in load.indexes)
    assert rig.count("gap") == before


@pytest.mark.parametrize("count", [8000, torture(100_000)])
def test_bound_reached(lab: Lab, own_cluster: Cluster, count: int) -> None:
    """The spool at its bound while nobody records."""
    with (
        rigging(lab, own_cluster, settings={"spool": SMALL}) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        recorder.kill()
        with loading(lab, count) as load:
            load.wait()
        recorder.start()
        wait_for_room(rig)
        rig.wait_until_recorded()
        expect_counted(rig, count)
        (span,) = rig.query(
            "SELECT gap_until - gap_from FROM ctaudit.gap WHERE cause = 'spool full'"
        )[0]
        assert span.total_seconds() > 0
        expect_goes_on(rig, count)


@pytest.mark.parametrize("times", [3, torture(15)])
def test_receiver_killed_while_dropping(lab: Lab, own_cluster: Cluster, times: int) -> None:
    """What it took from the kernel is stored or counted.

    The test holds the socket as well, so what nobody took can be counted, too.
    """
    count, unread = 4000, 0
    with rigging(lab, own_cluster, settings={"spool": SMALL}) as rig:
        for turn in range(times):
            with started(rig, "receive") as receiver, borrowed_socket(receiver.pid) as held:
                with loading(lab, count, first=turn * count, ends=False) as load:
                    rig.wait_until(lambda: is_dropping(rig))
                    time.sleep(random.uniform(0, 0.15))
                    receiver.kill()
                    load.wait()
                unread += take_unread(held)
            # The next one comes after the database has taken all: there is room for it.
            with started(rig, "receive"), started(rig, "record"):
                rig.wait_until_recorded()
        (lost,) = rig.query(LOST)[0]
        assert lost > 0
        assert unread > 0
        assert count_stored(rig) + lost + unread == 2 * count * times
        assert expect_closed_accounting(rig)["dropped"] == lost
        print(f"{lost} dropped")


@contextmanager
def small_disk(rig: Rig, size: str) -> Iterator[Path]:
    """The rig's spool on a file system of its own."""
    rig.spool.mkdir()
    tmpfs = ["mount", "-t", "tmpfs", "-o", f"size={size}", "ctaudit-test", str(rig.spool)]
    subprocess.run(tmpfs, check=True)
    try:
        yield rig.spool
    finally:
        subprocess.run(["umount", "--lazy", str(rig.spool)], check=True)


@pytest.mark.parametrize("count", [8000, torture(60_000)])
def test_disk_full_and_freed(lab: Lab, own_cluster: Cluster, count: int) -> None:
    """The file system filled by another's file, which is then removed."""
    with (
        rigging(lab, own_cluster, settings={"spool": SMALL_SEGMENTS}) as rig,
        small_disk(rig, "8m") as disk,
        started(rig, "record") as recorder,
        started(rig, "receive") as receiver,
    ):
        filler = disk / "of-somebody-else"
        rig.wait_until_listening()
        recorder.kill()
        taken = subprocess.run(
            ["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True, check=False
        )
        assert b"No space" in taken.stderr
        with loading(lab, count) as load:
            load.wait()
        assert is_dropping(rig)
        assert receiver.is_running
        filler.unlink()
        # Nobody restarts anything, and nobody records: there is room, so it goes on.
        rig.wait_until(lambda: not is_dropping(rig))
        recorder.start()
        wait_for_room(rig)
        rig.wait_until_recorded()
        expect_counted(rig, count)
        expect_goes_on(rig, count)


def test_committed_segments_give_way_on_a_full_disk(lab: Lab, own_cluster: Cluster) -> None:
    """On a disk without room what is committed gives way; nothing is lost."""
    with (
        rigging(lab, own_cluster, settings={"spool": SMALL_SEGMENTS}) as rig,
        small_disk(rig, "2m"),
    ):
        with started(rig, "record"), started(rig, "receive"):
            rig.wait_until_listening()
            with loading(lab, 10_000, rate=RATE / 4) as load:
                load.wait()
            rig.wait_until_recorded()
        expect_once(rig, load.indexes)
        expect_no_gap(rig)


@pytest.mark.parametrize(("seconds", "keep"), [(2, True), (2, False), torture(60, True)])
def test_older_copy_of_the_database(
    lab: Lab, own_cluster: Cluster, seconds: int, *, keep: bool
) -> None:
    """PostgreSQL comes back as a copy that was taken ``seconds`` ago.

    With kept segments all is filled in again; without, what is missing lies within a gap.
    """
    size = "256KiB" if seconds < 10 else "16MiB"
    spool = f'segment_bytes = "{size}"' + ("" if keep else '\nkeep = "0s"')
    count = seconds * RATE // 2
    with (
        rigging(lab, own_cluster, settings={"spool": spool}) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        with loading(lab, count) as load:
            load.wait()
        rig.wait_until_recorded()
        with older_state(own_cluster):
            with loading(lab, count, first=count) as load:
                load.wait()
            rig.wait_until_recorded()
            expect_once(rig, range(2 * count))
        assert rig.count("opening") < 2 * count
        rig.wait_until_recorded()
        if keep:
            expect_once(rig, range(2 * count))
            expect_no_gap(rig)
        else:
            assert "are gone" in recorder.log.read_text()
            expect_within_gap(rig, count, count)
            expect_goes_on(rig, 2 * count)


@contextmanager
def older_state(cluster: Cluster) -> Iterator[None]:
    """The cluster after the body is as it was before it, by a copy of its files."""
    copy = cluster.directory / "data-before"
    shutil.rmtree(copy, ignore_errors=True)
    cluster.stop()
    subprocess.run(["cp", "-a", str(cluster.data_directory), str(copy)], check=True)
    cluster.start_again()
    yield
    cluster.stop("immediate")
    shutil.rmtree(cluster.data_directory)
    copy.rename(cluster.data_directory)
    cluster.start_again()


def expect_within_gap(rig: Rig, first: int, count: int) -> None:
    """The old ones are there, none twice; something is missing since, and a gap says so."""
    for table in ("opening", "flow"):
        found = stored(rig, table)
        assert set(found.values()) == {1}
        assert all(found[burst_tuple(index)] == 1 for index in range(first))
        assert found.total() < first + count
    assert rig.query("SELECT cause FROM ctaudit.gap") == [("segments are gone",)]


@pytest.mark.torture
@pytest.mark.parametrize("sync", ["0s", "100ms"])
def test_cost_of_syncing(lab: Lab, own_cluster: Cluster, sync: str) -> None:
    """What spool.sync costs: the receiver's CPU and wall time under a flood that it stores."""
    count = 100_000
    settings = {"spool": f'sync = "{sync}"'}
    with (
        rigging(lab, own_cluster, settings=settings) as rig,
        started(rig, "receive") as receiver,
    ):
        before = receiver.cpu_seconds()
        with borrowed_socket(receiver.pid) as held, loading(lab, count, rate=None) as load:
            load.wait()
            ended = time.monotonic()
            rig.wait_until(lambda: count_queued(held) == 0, patience=60)
            behind = time.monotonic() - ended
        spent = receiver.cpu_seconds() - before
        with started(rig, "record"):
            rig.wait_until_recorded(patience=120)
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
    print(f"sync {sync}: {1e6 * spent / (2 * count):.2f} µs of CPU an event, {behind:.2f} s behind")
