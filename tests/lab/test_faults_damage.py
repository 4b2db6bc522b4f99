"""Damaged segments, read by the recorder with a database and without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.fault_runs_damage import keeping_segments, read_damaged, record_damaged

from ctaudit.record.locate import list_paths
from lab.cluster import Cluster
from lab.damage import copied, read_folder
from lab.namespaces import Lab
from lab.rig import Rig

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def kept(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    with keeping_segments(lab, cluster) as rig:
        yield rig


def test_damaged_segments_are_read_truly(kept: Rig, tmp_path: Path) -> None:
    assert read_damaged(kept.spool, tmp_path, range(100)) > 30


def test_seal_that_was_lost_holds_nothing_up(kept: Rig, tmp_path: Path) -> None:
    with copied(kept.spool, tmp_path) as folder:
        whole = read_folder(folder)
        for path in list_paths(folder)[:-1]:
            data = bytearray(path.read_bytes())
            data[136:144] = bytes(8)
            path.write_bytes(data)
        assert read_folder(folder).rows == whole.rows
        assert not list(folder.glob("*.foreign"))


def test_damaged_segments_are_recorded_truly(kept: Rig, cluster: Cluster) -> None:
    assert record_damaged(kept, cluster, range(1000, 1008)) > 0
