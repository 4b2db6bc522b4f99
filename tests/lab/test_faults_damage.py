"""Segments damaged in many ways: never a wrong row, never a crash, always a gap over what is lost.

Read by the recorder's own code without a database, and by ``ctaudit record`` with one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ctaudit.spool.order import list_paths
from ctaudit.spool.segment import list_segments
from lab.accounting import stored
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.segments.damage import copied, damage_folder, expect_truth, read_folder
from lab.service import started
from lab.traffic import make_traffic
from lab.traffic.load import loading
from tests.markers import torture

pytestmark = pytest.mark.timed

SIZES = 'segment_bytes = "256KiB"'
COUNT = 1500
SAMPLE = 30


@pytest.fixture(scope="module")
def kept(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    """A rig with two streams of several segments, all of them recorded and kept."""
    with rigging(lab, cluster, settings={"spool": SIZES}) as rig:
        with started(rig, "record"):
            for turn in range(2):
                with started(rig, "receive"):
                    rig.wait_until(lambda turn=turn: rig.count("coverage") == turn + 1)  # type: ignore[misc]
                    for kind in ("tcp-close", "icmp-echo", "tcp6-close", "dnat-tcp", "zone-tcp"):
                        make_traffic(lab, kind)
                    with loading(lab, COUNT, rate=None, first=turn * COUNT) as load:
                        load.wait()
                    rig.wait_until_recorded()
        assert len(list_segments(rig.spool)) > 4
        yield rig


@pytest.mark.parametrize("times", [100, torture(1000)])
def test_damaged_segments_are_read_truly(
    kept: Rig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    times: int,
) -> None:
    caplog.set_level(logging.CRITICAL)  # each damage is logged as a fault
    with copied(kept.spool, tmp_path) as folder:
        whole = read_folder(folder)
    assert whole.rows.total() > 4 * COUNT
    assert max(whole.rows.values()) == 1
    lossy = 0
    for seed in range(times):
        with copied(kept.spool, tmp_path) as folder:
            case = f"seed {seed}: {damage_folder(folder, seed)}"
            try:
                found = read_folder(folder)
            except Exception as error:
                raise AssertionError(f"{case}: {error!r}") from error
            lossy += expect_truth(whole, found, case)
    capsys.readouterr()  # the event lines of a thousand readings
    print(f"{lossy} of {times} lost something")
    assert lossy > 0.3 * times


def test_seal_that_was_lost_holds_nothing_up(kept: Rig, tmp_path: Path) -> None:
    with copied(kept.spool, tmp_path) as folder:
        whole = read_folder(folder)
        for path in list_paths(folder)[:-1]:
            data = bytearray(path.read_bytes())
            data[136:144] = bytes(8)
            path.write_bytes(data)
        assert read_folder(folder).rows == whole.rows
        assert not list(folder.glob("*.foreign"))


@pytest.mark.parametrize("times", [8, torture(30)])
def test_damaged_segments_are_recorded_truly(kept: Rig, cluster: Cluster, times: int) -> None:
    burst = {table: stored(kept, table) for table in ("opening", "flow")}
    moments = {
        table: {
            (src, sport, dport): at
            for src, sport, dport, at in kept.query(
                f"SELECT host(orig_src), orig_sport, orig_dport, {column} FROM ctaudit.{table}"
            )
            if (src, sport, dport) in burst[table]
        }
        for table, column in (("opening", "started_at"), ("flow", "ended_at"))
    }
    gaps = 0
    for seed in range(1000, 1000 + times):
        with rigging(kept.lab, cluster) as rig:
            with copied(kept.spool, rig.directory) as folder:
                case = f"seed {seed}: {damage_folder(folder, seed)}"
                folder.rename(rig.spool)
                folder.mkdir()
                with started(rig, "record") as recorder:
                    recorder.stop()
            for table, moment_of in moments.items():
                found = stored(rig, table)
                assert set(found.values()) <= {1}, case
                assert set(found) <= set(moment_of), case
                missing = sorted(moment_of[key] for key in set(moment_of) - set(found))
                for moment in missing[:: len(missing) // SAMPLE + 1]:
                    assert not is_complete(rig, moment), f"{case}: {moment}"
            gaps += rig.count("gap")
    print(f"{gaps} gaps of {times} recorded")
    assert gaps > 0


def is_complete(rig: Rig, moment: datetime) -> bool:
    """Whether ``who`` would say "none" of that moment where it finds nobody."""
    asked = "SELECT complete FROM ctaudit.completeness(%s, %s, %s + interval '1 us')"
    return rig.query(asked, rig.node, moment, moment) == [(True,)]
