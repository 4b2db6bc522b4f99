"""Segments damaged in many ways: never a wrong row, never a crash, always told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ctaudit.spool.segment import list_segments
from lab.cluster import Cluster
from lab.damage import Ledger, copied, damage_folder, expect_truth, read_folder
from lab.faults import loading, started, stored, wait_until_recorded
from lab.namespaces import Lab
from lab.rig import Rig, rigging, wait_until
from lab.traffic import make_traffic

SIZES = 'segment_bytes = "256KiB"'
COUNT = 1500
SAMPLE = 30


@contextmanager
def keeping_segments(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    """A rig with two streams of several segments, all of them recorded and kept."""
    with rigging(lab, cluster, settings={"spool": SIZES}) as rig:
        with started(rig, "record"):
            for turn in range(2):
                with started(rig, "receive"):
                    wait_until(lambda turn=turn: rig.count("coverage") == turn + 1)  # type: ignore[misc]
                    for kind in ("tcp-close", "icmp-echo", "tcp6-close", "dnat-tcp", "zone-tcp"):
                        make_traffic(lab, kind)
                    with loading(lab, COUNT, rate=None, first=turn * COUNT) as load:
                        load.wait()
                    wait_until_recorded(rig)
        assert len(list_segments(rig.spool)) > 4
        yield rig


def read_damaged(segments: Path, place: Path, seeds: range) -> int:
    """Through the recorder's own code without a database; returns how many lost something."""
    with copied(segments, place) as folder:
        whole = read_folder(folder)
    assert whole.rows.total() > 4 * COUNT
    assert max(whole.rows.values()) == 1
    lossy = 0
    for seed in seeds:
        with copied(segments, place) as folder:
            told = f"seed {seed}: {damage_folder(folder, seed)}"
            try:
                found = read_folder(folder)
            except Exception as error:
                raise AssertionError(f"{told}: {error!r}") from error
            lossy += expect_truth(whole, found, told)
    return lossy


def record_damaged(original: Rig, cluster: Cluster, seeds: range) -> int:
    """Through ``ctaudit record`` into a database; returns how many gaps that made."""
    burst = {table: stored(original, table) for table in ("opening", "flow")}
    moments = {
        table: {
            (src, sport, dport): at
            for src, sport, dport, at in original.query(
                f"SELECT host(orig_src), orig_sport, orig_dport, {column} FROM ctaudit.{table}"
            )
            if (src, sport, dport) in burst[table]
        }
        for table, column in (("opening", "started_at"), ("flow", "ended_at"))
    }
    gaps = 0
    for seed in seeds:
        with rigging(original.lab, cluster) as rig:
            with copied(original.spool, rig.directory) as folder:
                told = f"seed {seed}: {damage_folder(folder, seed)}"
                folder.rename(rig.spool)
                folder.mkdir()
                with started(rig, "record") as recorder:
                    wait_until(lambda: "recording" in recorder.log.read_text())
                    recorder.stop()
            for table, moment_of in moments.items():
                found = stored(rig, table)
                assert set(found.values()) <= {1}, told
                assert set(found) <= set(moment_of), told
                missing = sorted(moment_of[key] for key in set(moment_of) - set(found))
                for moment in missing[:: len(missing) // SAMPLE + 1]:
                    assert not is_complete(rig, moment), f"{told}: {moment}"
            gaps += rig.count("gap")
    return gaps


def is_complete(rig: Rig, moment: datetime) -> bool:
    """Whether ``who`` would say "none" of that moment where it finds nobody."""
    asked = "SELECT complete FROM ctaudit.completeness(%s, %s, %s + interval '1 us')"
    return rig.query(asked, rig.node, moment, moment) == [(True,)]


__all__ = ["Ledger", "keeping_segments", "read_damaged", "record_damaged"]
