"""Where the recorder goes on: by the database's position, past holes and foreign files."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from ctaudit.record.locate import MissingBytes, NotASegment, find_place, list_paths
from ctaudit.spool.chain import find_frame, load_frame, viewing
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.segment import HEADER_SIZE, Segment, opened_segment
from tests.unit.messages import build
from tests.unit.streams import NODE, STREAM, make_segment, size_of
from tests.unit.test_layout import ENTRY

BODY = build(ENTRY) + bytes(-len(build(ENTRY)) % 4)
SIZE = size_of(BODY)
OTHER = UUID("7a1c0f3e-0000-4000-8000-0000000000ff")


class Database:
    """The positions that it holds, and what it was asked for."""

    def __init__(self, positions: dict[UUID, int] | None = None) -> None:
        self.positions = positions or {}
        self.asked: list[tuple[str, UUID]] = []

    def find_position(self, node: str, stream: UUID) -> int | None:
        self.asked.append((node, stream))
        return self.positions.get(stream)


def place(directory: Path, positions: dict[UUID, int] | None = None) -> tuple[int, int] | object:
    """find_place's answer; a segment as (sequence, offset)."""
    found = find_place(list_paths(directory), Database(positions).find_position)
    if isinstance(found, tuple):
        segment, offset = found
        sequence = segment.sequence
        segment.close()
        return sequence, offset
    return found


def keep(segment: Segment) -> Segment:
    segment.close()
    return segment


def test_nothing_there(tmp_path: Path) -> None:
    assert place(tmp_path) is None
    assert find_place([tmp_path / "000000000001.segment"], Database().find_position) is None


def test_new_stream_begins_at_its_start(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, bodies=(BODY, BODY)))
    assert place(tmp_path) == (1, 0)
    database = Database()
    found = find_place(list_paths(tmp_path), database.find_position)
    assert isinstance(found, tuple)
    assert database.asked == [(NODE, STREAM)]
    found[0].close()


def test_goes_on_where_the_database_is(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, bodies=(BODY, BODY)))
    assert place(tmp_path, {STREAM: SIZE}) == (1, SIZE)
    assert place(tmp_path, {STREAM: SIZE + 48}) == (1, SIZE + 48)


def test_live_segment_is_something_to_record_even_when_all_of_it_is_stored(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: SIZE}) == (1, SIZE)


def test_sealed_and_stored_is_passed_over_and_marked_committed(tmp_path: Path) -> None:
    first = keep(make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True))
    keep(make_segment(tmp_path, 2, base=2 * SIZE, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: 2 * SIZE}) == (2, 0)
    with opened_segment(first.path) as seen:
        assert seen.committed == seen.end == 2 * SIZE


def test_sealed_and_partly_stored_is_not_committed(tmp_path: Path) -> None:
    first = keep(make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True))
    keep(make_segment(tmp_path, 2, base=2 * SIZE, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: SIZE}) == (1, SIZE)
    with opened_segment(first.path) as seen:
        assert seen.committed == 0


def test_all_recorded(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    keep(make_segment(tmp_path, 2, base=SIZE, bodies=(BODY,), sealed=True))
    assert place(tmp_path, {STREAM: 2 * SIZE}) is None


def test_database_that_went_back_is_filled_again(tmp_path: Path) -> None:
    first = make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True)
    first.commit(2 * SIZE)
    first.close()
    keep(make_segment(tmp_path, 2, base=2 * SIZE, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: SIZE}) == (1, SIZE)


def test_database_ahead_of_a_live_segment(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: 5 * SIZE}) == (1, SIZE)


def test_hole_in_a_stream_that_the_database_knows(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, 3, base=9 * SIZE, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: 4 * SIZE}) == MissingBytes(
        NODE, STREAM, 4 * SIZE, 9 * SIZE, True
    )


def test_stream_whose_start_is_gone(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, 3, base=9 * SIZE, bodies=(BODY,)))
    assert place(tmp_path) == MissingBytes(NODE, STREAM, 0, 9 * SIZE, False)


def test_known_at_zero_is_not_unknown(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, 3, base=SIZE, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: 0}) == MissingBytes(NODE, STREAM, 0, SIZE, True)


def test_hole_between_segments(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    keep(make_segment(tmp_path, 3, base=3 * SIZE, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: SIZE}) == MissingBytes(NODE, STREAM, SIZE, 3 * SIZE, True)
    assert place(tmp_path, {STREAM: 3 * SIZE}) == (3, 0)


def test_streams_one_after_the_other(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    keep(make_segment(tmp_path, 2, stream=OTHER, bodies=(BODY, BODY), sealed=True))
    keep(make_segment(tmp_path, 3, stream=OTHER, base=2 * SIZE, bodies=(BODY,)))
    assert place(tmp_path) == (1, 0)
    assert place(tmp_path, {STREAM: SIZE}) == (2, 0)
    assert place(tmp_path, {STREAM: SIZE, OTHER: SIZE}) == (2, SIZE)
    assert place(tmp_path, {STREAM: SIZE, OTHER: 2 * SIZE}) == (3, 0)
    assert place(tmp_path, {OTHER: 2 * SIZE}) == (1, 0)


def test_foreign_file_stands_in_the_way_by_name(tmp_path: Path) -> None:
    (tmp_path / "000000000001.segment").write_bytes(b"something else" * 1000)
    keep(make_segment(tmp_path, 2, bodies=(BODY,)))
    found = place(tmp_path)
    assert isinstance(found, NotASegment)
    assert found.path == tmp_path / "000000000001.segment"
    assert "no segment of version 1" in found.reason


def test_file_with_a_damaged_header_is_foreign(tmp_path: Path) -> None:
    segment = keep(make_segment(tmp_path, 1, bodies=(BODY,)))
    with segment.path.open("r+b") as file:
        file.seek(258)
        file.write(b"X")
    found = place(tmp_path)
    assert isinstance(found, NotASegment)
    assert found.reason == "its header has a wrong checksum"


def test_reading_only_leaves_the_file_alone(tmp_path: Path) -> None:
    segment = keep(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    database = Database({STREAM: SIZE})
    assert find_place(list_paths(tmp_path), database.find_position, writable=False) is None
    with opened_segment(segment.path) as seen:
        assert seen.committed == 0


def test_segment_deleted_while_looking_is_passed_over(tmp_path: Path) -> None:
    keep(make_segment(tmp_path, 2, bodies=(BODY,)))
    paths = [tmp_path / "000000000001.segment", *list_paths(tmp_path)]
    found = find_place(paths, Database().find_position)
    assert isinstance(found, tuple)
    assert found[0].sequence == 2
    found[0].close()


def test_frames_are_loaded_and_found(tmp_path: Path) -> None:
    bodies = (BODY, BODY * 3, BODY)
    segment = make_segment(tmp_path, base=4096, bodies=bodies)
    heads = [0, SIZE, SIZE + size_of(BODY * 3)]
    for head, body in zip(heads, bodies, strict=True):
        frame, loaded = load_frame(segment, head)
        assert loaded == body
        assert (frame.received, frame.boot) == (1000, 2000)
        assert find_frame(segment, head) == head
        messages = range(frame.start, frame.end, len(BODY))
        for inside in range(head + 1, frame.end):
            if inside in messages:
                assert find_frame(segment, inside) == head
                continue
            with pytest.raises(DamagedFrame):
                find_frame(segment, inside)
    assert find_frame(segment, segment.end) == segment.end
    with viewing(segment) as data:
        assert len(data) == segment.end
    segment.close()


def test_frames_not_published_are_not_there(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(BODY, BODY))
    segment.publish(SIZE)
    with pytest.raises(DamagedFrame):
        load_frame(segment, SIZE)
    with pytest.raises(DamagedFrame):
        find_frame(segment, SIZE + 4)
    segment.publish(SIZE + 40)
    with pytest.raises(DamagedFrame):
        load_frame(segment, SIZE)
    segment.close()


def test_damage_before_the_offset_is_met(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(BODY, BODY, BODY))
    segment.memory[HEADER_SIZE + SIZE + 100] ^= 4
    assert find_frame(segment, SIZE) == SIZE
    for offset in (SIZE + 4, 2 * SIZE, segment.end):
        with pytest.raises(DamagedFrame):
            find_frame(segment, offset)
    segment.close()


def test_frame_of_another_segment_is_not_taken(tmp_path: Path) -> None:
    """Its bytes are whole, but they were written for another place of the stream."""
    source = make_segment(tmp_path, 1, bodies=(BODY,))
    target = make_segment(tmp_path, 2, base=SIZE, bodies=(BODY,))
    target.memory[HEADER_SIZE : HEADER_SIZE + SIZE] = source.copy_data(0, SIZE)
    with pytest.raises(DamagedFrame, match="wrong checksum"):
        load_frame(target, 0)
    source.close()
    target.close()
