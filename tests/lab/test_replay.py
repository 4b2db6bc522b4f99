"""A kept segment replayed: nothing twice, and the same rows in a fresh database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctaudit.spool.chain import viewing
from ctaudit.spool.frame import read_frame
from ctaudit.spool.segment import opened_segment
from lab.cluster import Cluster
from lab.recorded import Recorded
from lab.rig import Rig, replaying

TABLES = (
    "opening",
    "flow",
    "dump_entry",
    "stream",
    "coverage",
    "gap",
    "note",
    "dump",
    "undecodable",
)
# When a database took a row, and what it calls it, is its own affair; so is what had been heard
# when a dump was compared, which depends on where batches are cut.
OWN = {
    "committed_at", "reconciled_at", "dump_id", "next_portion_at", "sent_after", "heard_until",
}  # fmt: skip


@pytest.fixture(scope="module")
def fresh(recorded: Recorded, cluster: Cluster) -> Iterator[Rig]:
    with replaying(recorded.rig, cluster, recorded.segments) as rig:
        yield rig


def snapshot(rig: Rig, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """All rows of all tables, in an order of their own."""
    return {table: sorted(_text(row, without) for row in rig.rows(table)) for table in TABLES}


def _without_dumped(openings: list[str]) -> list[str]:
    """But for those made from a dump: whether its end came in the same batch decides on them."""
    return [row for row in openings if "'provenance': 'dump'" not in row]


def _text(row: dict[str, Any], without: frozenset[str]) -> str:
    return repr({name: value for name, value in row.items() if name not in without})


def test_replay_into_its_own_database_changes_nothing(recorded: Recorded) -> None:
    before = snapshot(recorded.rig)
    assert all(before[table] for table in ("opening", "flow", "dump_entry", "note"))
    for segment in recorded.segments * 2:
        done = recorded.rig.replay(segment)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert "0 events recorded" in done.stderr
    assert snapshot(recorded.rig) == before


def test_replay_into_a_fresh_database_gives_the_same_rows(recorded: Recorded, fresh: Rig) -> None:
    own = frozenset(OWN)
    original, replayed = snapshot(recorded.rig, own), snapshot(fresh, own)
    for rows in (original, replayed):
        rows["opening"] = _without_dumped(rows["opening"])
    for table in TABLES:
        assert replayed[table] == original[table], table


def test_replay_twice_into_a_fresh_database_changes_nothing(recorded: Recorded, fresh: Rig) -> None:
    before = snapshot(fresh)
    for segment in recorded.segments:
        assert fresh.replay(segment).returncode == 0
    assert snapshot(fresh) == before


def test_replay_of_a_cut_segment_goes_on_where_it_was_cut(
    recorded: Recorded, cluster: Cluster, tmp_path: Path
) -> None:
    """As after a crash: what had been published is recorded, the rest when it is there."""
    (segment,) = recorded.segments
    whole = snapshot(recorded.rig, frozenset(OWN))
    cut = shutil.copy(segment, tmp_path)
    with Path(cut).open("r+b") as file:
        file.seek(128)  # the published end, and whether it is sealed
        end = int.from_bytes(file.read(8), "little")
        file.seek(128)
        file.write(_frame_before(segment, end // 2).to_bytes(8, "little") + bytes(8))
    with replaying(recorded.rig, cluster, [Path(cut)]) as rig:
        assert 0 < rig.count("opening") < len(whole["opening"])
        assert rig.replay(segment).returncode == 0
        replayed = snapshot(rig, frozenset(OWN))
        assert all(replayed[table] == whole[table] for table in TABLES)


def _frame_before(path: Path, offset: int) -> int:
    """Where the frame that holds the offset begins."""
    at = 0
    with opened_segment(path, writable=False) as segment, viewing(segment) as data:
        while (frame := read_frame(data, at, at)).end <= offset:
            at = frame.end
    return at


def test_replay_of_no_segment_is_refused(recorded: Recorded, tmp_path: Path) -> None:
    done = recorded.rig.replay(tmp_path / "000000000009.segment")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no such segment" in done.stderr
