"""Committed segments stay for a while and within bounds, the others for ever."""

from __future__ import annotations

from pathlib import Path

from ctaudit.spool.segment import opened_segment
from tests.unit.spool_writing import (
    MESSAGE,
    WHOLE,
    commit_all,
    numbers,
    paths,
    roll,
    write_frame,
    writing,
)


def test_committed_segments_stay_for_keep(tmp_path: Path) -> None:
    with writing(tmp_path, keep=600.0) as writer:
        for _ in range(3):
            write_frame(writer, MESSAGE)
            assert roll(writer)
        commit_all(tmp_path, age=590)
        writer.prune()
        assert numbers(tmp_path) == [1, 2, 3, 4]
        commit_all(tmp_path, age=610)
        writer.prune()
        # The one being written stays whatever its state is.
        assert numbers(tmp_path) == [4]


def test_uncommitted_segments_stay_for_ever(tmp_path: Path) -> None:
    with writing(tmp_path, keep=0.0, keep_bytes=0) as writer:
        for _ in range(3):
            write_frame(writer, MESSAGE)
            assert roll(writer)
        for path in paths(tmp_path)[:3]:
            with opened_segment(path) as segment:
                segment.commit(segment.end - 4)
        writer.prune()
        assert numbers(tmp_path) == [1, 2, 3, 4]
        commit_all(tmp_path, age=1)
        writer.prune()
        assert numbers(tmp_path) == [4]


def test_keep_bytes_lets_the_oldest_go(tmp_path: Path) -> None:
    with writing(tmp_path, keep=600.0, keep_bytes=2 * WHOLE) as writer:
        for _ in range(5):
            write_frame(writer, MESSAGE)
            assert roll(writer)
        commit_all(tmp_path)
        writer.prune()
        assert numbers(tmp_path) == [4, 5, 6]


def test_max_bytes_lets_kept_ones_go(tmp_path: Path) -> None:
    with writing(tmp_path, keep=600.0, max_bytes=3 * WHOLE) as writer:
        for _ in range(6):
            write_frame(writer, MESSAGE)
            commit_all(tmp_path)
            assert roll(writer)
            assert len(numbers(tmp_path)) <= 3
        assert numbers(tmp_path) == [5, 6, 7]
