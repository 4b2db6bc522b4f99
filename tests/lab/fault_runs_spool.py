"""The runs of a spool that is full, a disk that is, and a database that is older than it was."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctaudit.spool.segment import list_segments
from lab.burst import burst_tuple
from lab.cluster import Cluster
from lab.faults import (
    RATE,
    cost_of,
    count_queued,
    count_unread,
    expect_closed_accounting,
    expect_no_gap,
    expect_once,
    holding_socket,
    loading,
    revive,
    started,
    stored,
    wait_until_listening,
    wait_until_recorded,
)
from lab.namespaces import Lab
from lab.rig import Rig, rigging, wait_until

SMALL = 'max_bytes = "1MiB"\nsegment_bytes = "256KiB"'
LOST = "SELECT coalesce(sum(lost), 0)::bigint FROM ctaudit.gap WHERE cause = 'spool full'"


def count_stored(rig: Rig) -> int:
    """Openings and ends that were observed."""
    return sum(stored(rig, table).total() for table in ("opening", "flow"))


def wait_for_room(rig: Rig) -> None:
    """Until the receiver stores events again and a dump has shown what is there."""
    told = "SELECT FROM ctaudit.dump WHERE cause = 'spool full' AND reconciled_at IS NOT NULL"
    wait_until(lambda: bool(rig.query(told)), log=rig.directory / "receive.log", patience=60)


def reach_bound(lab: Lab, cluster: Cluster, count: int) -> int:
    """The spool at its bound while nobody records; returns how many events were dropped."""
    with (
        rigging(lab, cluster, settings={"spool": SMALL}) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        wait_until_listening(rig)
        recorder.kill()
        with loading(lab, count) as load:
            load.wait()
        recorder.start()
        wait_for_room(rig)
        wait_until_recorded(rig)
        missing = 2 * count - count_stored(rig)
        assert missing > 0
        (lost,) = rig.query(LOST)[0]
        sums = expect_closed_accounting(rig)
        assert (lost, sums["dropped"]) == (missing, missing)
        (span,) = rig.query(
            "SELECT gap_until - gap_from FROM ctaudit.gap WHERE cause = 'spool full'"
        )[0]
        assert span.total_seconds() > 0
        expect_goes_on(rig, count)
        return missing


def expect_goes_on(rig: Rig, first: int, count: int = 1000) -> None:
    """What comes now is recorded, and nothing is missing of it."""
    before = rig.count("gap")
    with loading(rig.lab, count, rate=None, first=first, ends=False) as load:
        load.wait()
    wait_until_recorded(rig)
    for table in ("opening", "flow"):
        found = stored(rig, table)
        assert all(found[burst_tuple(index)] == 1 for index in load.indexes)
    assert rig.count("gap") == before


def kill_receiver_while_dropping(lab: Lab, cluster: Cluster, times: int) -> int:
    """Kill -9 of a receiver that drops: what it took from the kernel is stored or counted.

    The test holds the socket as well, so what nobody took can be counted, too.
    """
    count, unread = 4000, 0
    with rigging(lab, cluster, settings={"spool": SMALL}) as rig:
        for turn in range(times):
            with started(rig, "receive") as receiver:
                wait_until(lambda: "receiving" in receiver.log.read_text())
                assert receiver.process is not None
                with holding_socket(receiver.process) as held:
                    with loading(lab, count, first=turn * count, ends=False) as load:
                        wait_until(lambda: is_dropping(rig))
                        time.sleep(random.uniform(0, 0.15))
                        receiver.kill()
                        load.wait()
                    unread += count_unread(held)
            # The next one comes after the database has taken all: there is room for it.
            with started(rig, "receive"), started(rig, "record"):
                wait_until_recorded(rig)
        (lost,) = rig.query(LOST)[0]
        assert lost > 0
        assert unread > 0
        assert count_stored(rig) + lost + unread == 2 * count * times
        assert expect_closed_accounting(rig)["dropped"] == lost
        return int(lost)


def is_dropping(rig: Rig) -> bool:
    from ctaudit.spool.drop_counter import DropCounter
    from ctaudit.spool.segment import opened_segment

    _, last = list_segments(rig.spool)[-1]
    with opened_segment(last, writable=False) as segment:
        return DropCounter(segment.words).events > 0


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


def fill_disk(lab: Lab, cluster: Cluster, count: int) -> int:
    """The file system full by another's file, then freed; returns the events dropped."""
    sizes = 'segment_bytes = "256KiB"'
    with rigging(lab, cluster, settings={"spool": sizes}) as rig, small_disk(rig, "8m") as disk:
        filler = disk / "of-somebody-else"
        with started(rig, "record") as recorder, started(rig, "receive") as receiver:
            wait_until_listening(rig)
            recorder.kill()
            taken = subprocess.run(
                ["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True, check=False
            )
            assert b"No space" in taken.stderr
            with loading(lab, count) as load:
                load.wait()
            assert is_dropping(rig)
            assert receiver.process is not None and receiver.process.poll() is None
            filler.unlink()
            # Nobody restarts anything, and nobody records: there is room, so it goes on.
            wait_until(lambda: not is_dropping(rig))
            recorder.start()
            wait_for_room(rig)
            wait_until_recorded(rig)
            missing = 2 * count - count_stored(rig)
            (lost,) = rig.query(LOST)[0]
            assert missing > 0
            assert (lost, expect_closed_accounting(rig)["dropped"]) == (missing, missing)
            expect_goes_on(rig, count)
            return missing


def fill_disk_with_kept(lab: Lab, cluster: Cluster, count: int) -> None:
    """On a disk without room what is committed gives way; nothing is lost."""
    sizes = 'segment_bytes = "256KiB"'
    with rigging(lab, cluster, settings={"spool": sizes}) as rig, small_disk(rig, "2m"):
        with started(rig, "record"), started(rig, "receive"):
            wait_until_listening(rig)
            with loading(lab, count, rate=RATE / 4) as load:
                load.wait()
            wait_until_recorded(rig)
        expect_once(rig, load.indexes)
        expect_no_gap(rig)


def restore_copy(lab: Lab, cluster: Cluster, seconds: float, *, keep: bool) -> None:
    """PostgreSQL comes back as a copy that was taken ``seconds`` ago.

    With kept segments all is filled in again; without, what is missing lies within a gap.
    """
    size = "256KiB" if seconds < 10 else "16MiB"
    small = f'segment_bytes = "{size}"' + ("" if keep else '\nkeep = "0s"')
    copy = cluster.directory / "data-before"
    first = count = int(seconds * RATE / 2)
    with (
        rigging(lab, cluster, settings={"spool": small}) as rig,
        started(rig, "record") as recorder,
        started(rig, "receive"),
    ):
        wait_until_listening(rig)
        with loading(lab, first) as load:
            load.wait()
        wait_until_recorded(rig)
        cluster.stop()
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", str(cluster.data_directory), str(copy)], check=True)
        revive(cluster)
        with loading(lab, count, first=first) as load:
            load.wait()
        wait_until_recorded(rig)
        expect_once(rig, range(first + count))
        cluster.stop("immediate")
        shutil.rmtree(cluster.data_directory)
        copy.rename(cluster.data_directory)
        revive(cluster)
        assert rig.count("opening") < first + count
        wait_until_recorded(rig)
        if keep:
            expect_once(rig, range(first + count))
            expect_no_gap(rig)
            return
        assert "are gone" in recorder.log.read_text()
        expect_within_gap(rig, first, count)
        expect_goes_on(rig, first + count)


def expect_within_gap(rig: Rig, first: int, count: int) -> None:
    """The old ones are there, none twice; something is missing since, and a gap says so."""
    for table in ("opening", "flow"):
        found = stored(rig, table)
        assert set(found.values()) == {1}
        assert all(found[burst_tuple(index)] == 1 for index in range(first))
        assert found.total() < first + count
    assert rig.query("SELECT cause FROM ctaudit.gap") == [("segments are gone",)]


def measure_sync(lab: Lab, cluster: Cluster, count: int, sync: str) -> dict[str, float]:
    """What spool.sync costs: the receiver's CPU and wall time under a flood that it stores."""
    settings = {"spool": f'sync = "{sync}"'}
    with rigging(lab, cluster, settings=settings) as rig, started(rig, "receive") as receiver:
        wait_until(lambda: "receiving" in receiver.log.read_text())
        assert receiver.process is not None
        before = cost_of(receiver.process)
        with holding_socket(receiver.process) as held, loading(lab, count, rate=None) as load:
            load.wait()
            ended = time.monotonic()
            wait_until(lambda: count_queued(held) == 0, patience=60)
            behind = time.monotonic() - ended
        spent = cost_of(receiver.process).total - before.total
        with started(rig, "record"):
            wait_until_recorded(rig, patience=120)
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        return {"µs of CPU an event": 1e6 * spent / (2 * count), "seconds behind": behind}
