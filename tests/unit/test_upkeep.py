"""What the recorder changes in the spool."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctaudit.errors import PrivilegeError
from ctaudit.record.locate import NotASegment, Ready
from ctaudit.record.upkeep import mark_committed, open_ready, rename_foreign, unmark_lost
from ctaudit.spool.order import SealRepair, list_paths
from ctaudit.spool.segment import opened_segment
from tests.unit.streams import make_segment, size_of

BODY = b"12345678"
SIZE = size_of(BODY)


def refuse(*_: object) -> int:
    raise PermissionError


def test_segments_are_marked(tmp_path: Path) -> None:
    paths = []
    for sequence in (1, 2):
        made = make_segment(tmp_path, sequence, base=sequence * SIZE, bodies=(BODY,), sealed=True)
        paths.append(made.path)
        made.close()
    mark_committed([*paths, tmp_path / "000000000009.segment"])
    for path in paths:
        with opened_segment(path, writable=False) as segment:
            assert segment.committed == segment.end == SIZE


@pytest.mark.parametrize(
    ("position", "marks"),
    [(None, [0, 0, 0]), (0, [0, 0, 0]), (SIZE + 4, [SIZE, 4, 0]), (9 * SIZE, [SIZE, SIZE, 8])],
)
def test_marks_are_taken_back(tmp_path: Path, position: int | None, marks: list[int]) -> None:
    paths = []
    for sequence in (1, 2, 3):
        made = make_segment(tmp_path, sequence, base=(sequence - 1) * SIZE, bodies=(BODY,))
        made.commit(SIZE if sequence < 3 else 8)
        paths.append(made.path)
        made.close()
    unmark_lost([*paths, tmp_path / "000000000009.segment"], lambda *_: position)
    for path, mark in zip(paths, marks, strict=True):
        with opened_segment(path, writable=False) as segment:
            assert segment.committed == mark


def test_end_is_repaired_only_where_the_segment_may_be_written(tmp_path: Path) -> None:
    make_segment(tmp_path, bodies=(BODY,), sealed=True).close()
    path = tmp_path / "000000000001.segment"
    for ready, writable, end in (
        (Ready(path, 0), True, SIZE),
        (Ready(path, 0, 4), False, SIZE),
        (Ready(path, 0, 4), True, 4),
    ):
        segment = open_ready(ready, writable=writable)
        assert segment is not None
        assert segment.end == end
        segment.close()


def test_segment_that_is_gone_or_may_not_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Ready(tmp_path / "000000000001.segment", 0)
    assert open_ready(ready, writable=True) is None
    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(PrivilegeError, match="may not open"):
        open_ready(ready, writable=True)
    with pytest.raises(PrivilegeError, match="may not open"):
        mark_committed([ready.path])


def test_foreign_files_are_renamed_each_to_its_own_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "000000000001.segment"
    for text in ("first", "second"):
        path.write_text(text)
        rename_foreign(NotASegment(path, "5 bytes are too few"))
    assert {found.read_text() for found in tmp_path.glob("*.foreign*")} == {"first", "second"}
    assert not path.exists()
    assert f"{path} is not a segment: 5 bytes are too few" in caplog.messages[0]


def test_seal_is_restored_where_a_later_segment_has_data(tmp_path: Path) -> None:
    first = make_segment(tmp_path, 1, bodies=(BODY,))
    repair = SealRepair(lambda: list_paths(tmp_path))
    assert not repair.restore(first, at_once=True)
    second = make_segment(tmp_path, 2, base=SIZE)
    assert not repair.restore(first, at_once=True)
    second.publish(4)
    assert repair.restore(first, at_once=True)
    sealed = first.sealed
    assert sealed
    assert not repair.restore(second, at_once=True)
    # Once it is sealed its time stays.
    assert not repair.restore(first, at_once=True)
    assert first.sealed == sealed
    first.close()
    second.close()


def test_looks_for_lost_seals_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [50.0]
    looks: list[float] = []

    def list_segments() -> list[Path]:
        looks.append(now[0])
        return []

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    segment = make_segment(tmp_path, bodies=(BODY,))
    repair = SealRepair(list_segments)
    for now[0] in (50.0, 50.5, 50.9, 51.0, 51.1):
        repair.restore(segment, at_once=False)
    assert looks == [50.0, 51.0]
    repair.restore(segment, at_once=True)
    assert looks == [50.0, 51.0, 51.1]
    segment.close()
