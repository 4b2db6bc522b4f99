"""Where the recorder reads on: by the database's position, past gaps and foreign files."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from ctaudit.errors import PrivilegeError
from ctaudit.record.locate import (
    Located,
    MissingBytes,
    NotASegment,
    Ready,
    locate,
)
from ctaudit.record.positions import Span
from ctaudit.spool.order import find_end, has_later_data, list_paths
from ctaudit.spool.segment import Segment, opened_segment
from tests.unit.messages import build
from tests.unit.streams import NODE, STREAM, make_segment, size_of
from tests.unit.test_layout import ENTRY

BODY = build(ENTRY) + bytes(-len(build(ENTRY)) % 4)
SIZE = size_of(BODY)
OTHER = UUID("7a1c0f3e-0000-4000-8000-0000000000ff")


class Database:
    """The positions that it has, and what it was asked for."""

    def __init__(self, positions: dict[UUID, int] | None = None) -> None:
        self.positions = positions or {}
        self.asked: list[tuple[str, UUID]] = []

    def find_position(self, node: str, stream: UUID) -> int | None:
        self.asked.append((node, stream))
        return self.positions.get(stream)


def look(directory: Path, positions: dict[UUID, int] | None = None) -> Located:
    """What locate answers; the segments are the same bytes afterwards."""
    before = {path: path.read_bytes() for path in directory.iterdir()}
    located = locate(list_paths(directory), Database(positions).find_position)
    assert {path: path.read_bytes() for path in directory.iterdir()} == before
    return located


def place(directory: Path, positions: dict[UUID, int] | None = None) -> tuple[int, int] | object:
    """The place that locate finds; a segment that is ready as (sequence, offset)."""
    found = look(directory, positions).place
    if isinstance(found, Ready):
        return int(found.path.stem), found.offset
    return found


def missing(directory: Path, positions: dict[UUID, int] | None = None) -> tuple[int, int, bool]:
    """What is missing of STREAM: first, until, whether the database knows the stream."""
    found = place(directory, positions)
    assert isinstance(found, MissingBytes)
    assert (found.span.node, found.span.stream) == (NODE, STREAM)
    return found.span.first, found.span.until, found.is_known


def close(segment: Segment) -> Segment:
    segment.close()
    return segment


def test_nothing_there(tmp_path: Path) -> None:
    assert place(tmp_path) is None
    assert locate([tmp_path / "000000000001.segment"], Database().find_position) == Located(None)


def test_new_stream_begins_at_its_start(tmp_path: Path) -> None:
    close(make_segment(tmp_path, bodies=(BODY, BODY)))
    assert place(tmp_path) == (1, 0)
    database = Database()
    locate(list_paths(tmp_path), database.find_position)
    assert database.asked == [(NODE, STREAM)]


def test_reads_on_where_the_database_is(tmp_path: Path) -> None:
    close(make_segment(tmp_path, bodies=(BODY, BODY)))
    assert place(tmp_path, {STREAM: SIZE}) == (1, SIZE)
    assert place(tmp_path, {STREAM: SIZE + 48}) == (1, SIZE + 48)


def test_segment_still_written_is_ready_even_when_all_of_it_is_stored(tmp_path: Path) -> None:
    close(make_segment(tmp_path, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: SIZE}) == (1, SIZE)


def test_sealed_and_stored_is_passed_over_and_to_be_marked(tmp_path: Path) -> None:
    first = close(make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True))
    second = close(make_segment(tmp_path, 2, base=2 * SIZE, bodies=(BODY,)))
    found = look(tmp_path, {STREAM: 2 * SIZE})
    assert found == Located(Ready(second.path, 0), (first.path,))
    with opened_segment(first.path) as seen:
        seen.commit(2 * SIZE)
    assert look(tmp_path, {STREAM: 2 * SIZE}) == Located(Ready(second.path, 0))


def test_sealed_and_partly_stored_is_not_to_be_marked(tmp_path: Path) -> None:
    first = close(make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True))
    close(make_segment(tmp_path, 2, base=2 * SIZE, bodies=(BODY,)))
    assert look(tmp_path, {STREAM: SIZE}) == Located(Ready(first.path, SIZE))


def test_all_recorded(tmp_path: Path) -> None:
    first = close(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    second = close(make_segment(tmp_path, 2, base=SIZE, bodies=(BODY,), sealed=True))
    found = look(tmp_path, {STREAM: 2 * SIZE})
    assert found == Located(None, (first.path, second.path))


def test_database_that_went_back_is_filled_again(tmp_path: Path) -> None:
    first = make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True)
    first.commit(2 * SIZE)
    first.close()
    close(make_segment(tmp_path, 2, base=2 * SIZE, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: SIZE}) == (1, SIZE)


def test_database_ahead_of_a_segment_still_written(tmp_path: Path) -> None:
    close(make_segment(tmp_path, bodies=(BODY,)))
    assert place(tmp_path, {STREAM: 5 * SIZE}) == (1, SIZE)


def test_bytes_missing_of_a_stream_that_the_database_knows(tmp_path: Path) -> None:
    made = close(make_segment(tmp_path, 3, base=9 * SIZE, bodies=(BODY,)))
    span = Span(NODE, STREAM, 4 * SIZE, 9 * SIZE)
    assert place(tmp_path, {STREAM: 4 * SIZE}) == MissingBytes(span, True, made.created)


def test_stream_whose_start_is_gone(tmp_path: Path) -> None:
    close(make_segment(tmp_path, 3, base=9 * SIZE, bodies=(BODY,)))
    assert missing(tmp_path) == (0, 9 * SIZE, False)


def test_known_at_zero_is_not_unknown(tmp_path: Path) -> None:
    close(make_segment(tmp_path, 3, base=SIZE, bodies=(BODY,)))
    assert missing(tmp_path, {STREAM: 0}) == (0, SIZE, True)


def test_bytes_missing_between_segments(tmp_path: Path) -> None:
    close(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    close(make_segment(tmp_path, 3, base=3 * SIZE, bodies=(BODY,)))
    assert missing(tmp_path, {STREAM: SIZE}) == (SIZE, 3 * SIZE, True)
    assert place(tmp_path, {STREAM: 3 * SIZE}) == (3, 0)


def test_streams_one_after_the_other(tmp_path: Path) -> None:
    close(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    close(make_segment(tmp_path, 2, stream=OTHER, bodies=(BODY, BODY), sealed=True))
    close(make_segment(tmp_path, 3, stream=OTHER, base=2 * SIZE, bodies=(BODY,)))
    assert place(tmp_path) == (1, 0)
    assert place(tmp_path, {STREAM: SIZE}) == (2, 0)
    assert place(tmp_path, {STREAM: SIZE, OTHER: SIZE}) == (2, SIZE)
    assert place(tmp_path, {STREAM: SIZE, OTHER: 2 * SIZE}) == (3, 0)
    assert place(tmp_path, {OTHER: 2 * SIZE}) == (1, 0)


def test_foreign_file_comes_first_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "000000000001.segment").write_bytes(b"something else" * 1000)
    close(make_segment(tmp_path, 2, bodies=(BODY,)))
    found = place(tmp_path)
    assert isinstance(found, NotASegment)
    assert found.path == tmp_path / "000000000001.segment"
    assert "somethin" in found.reason


def test_file_with_a_damaged_header_is_not_a_segment(tmp_path: Path) -> None:
    segment = close(make_segment(tmp_path, 1, bodies=(BODY,)))
    with segment.path.open("r+b") as file:
        file.seek(258)
        file.write(b"X")
    found = place(tmp_path)
    assert isinstance(found, NotASegment)
    assert "checksum" in found.reason


def test_segments_before_a_foreign_file_are_to_be_marked(tmp_path: Path) -> None:
    first = close(make_segment(tmp_path, 1, bodies=(BODY,), sealed=True))
    (tmp_path / "000000000002.segment").write_bytes(b"something else" * 1000)
    found = look(tmp_path, {STREAM: SIZE})
    assert isinstance(found.place, NotASegment)
    assert found.stored == (first.path,)


def test_segment_deleted_while_looking_is_passed_over(tmp_path: Path) -> None:
    second = close(make_segment(tmp_path, 2, bodies=(BODY,)))
    paths = [tmp_path / "000000000001.segment", *list_paths(tmp_path)]
    assert locate(paths, Database().find_position).place == Ready(second.path, 0)


def test_segment_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close(make_segment(tmp_path, bodies=(BODY,)))

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(PrivilegeError, match=r"0001\.segment: the recorder may not open"):
        locate([tmp_path / "000000000001.segment"], Database().find_position)


def test_end_of_a_sealed_segment_is_the_base_of_the_next(tmp_path: Path) -> None:
    """The base has a checksum, the end has none."""
    first = make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True)
    close(make_segment(tmp_path, 2, base=2 * SIZE, bodies=(BODY,)))
    assert look(tmp_path).place == Ready(first.path, 0)
    for wrong in (SIZE, 2 * SIZE + 4, 9 * SIZE):
        first.publish(wrong)
        assert find_end(list_paths(tmp_path), first) == 2 * SIZE
        assert look(tmp_path).place == Ready(first.path, 0, 2 * SIZE)
    assert look(tmp_path, {STREAM: 3 * SIZE}).place == Ready(first.path, 2 * SIZE, 2 * SIZE)
    first.close()


def test_end_stays_where_the_next_segment_says_nothing(tmp_path: Path) -> None:
    first = make_segment(tmp_path, 1, bodies=(BODY, BODY), sealed=True)
    assert find_end(list_paths(tmp_path), first) == 2 * SIZE
    close(make_segment(tmp_path, 2, stream=OTHER, base=SIZE, bodies=(BODY,)))
    close(make_segment(tmp_path, 3, base=SIZE, bodies=(BODY,)))
    assert find_end(list_paths(tmp_path), first) == 2 * SIZE
    later = make_segment(tmp_path, 4, base=8 * SIZE, bodies=(BODY,), sealed=True)
    close(make_segment(tmp_path, 5, base=0))
    assert find_end(list_paths(tmp_path), later) == SIZE
    later.close()
    (tmp_path / "000000000002.segment").write_bytes(b"something else" * 1000)
    assert find_end(list_paths(tmp_path), first) == 2 * SIZE
    first.close()


def test_end_of_a_segment_still_written_is_left_to_its_writer(tmp_path: Path) -> None:
    first = close(make_segment(tmp_path, 1, bodies=(BODY,)))
    close(make_segment(tmp_path, 2, base=4 * SIZE, bodies=(BODY,)))
    assert look(tmp_path).place == Ready(first.path, 0)


def test_later_data(tmp_path: Path) -> None:
    first = make_segment(tmp_path, 1, bodies=(BODY,))
    assert not has_later_data(list_paths(tmp_path), first)
    second = make_segment(tmp_path, 2, base=SIZE)
    assert not has_later_data(list_paths(tmp_path), first)
    second.publish(4)
    assert has_later_data(list_paths(tmp_path), first)
    assert not has_later_data(list_paths(tmp_path), second)
    (tmp_path / "000000000003.segment").write_bytes(b"something else" * 1000)
    assert has_later_data(list_paths(tmp_path), first)
    assert not has_later_data(list_paths(tmp_path), second)
    # Also where its own name is gone from the spool.
    assert not has_later_data([first.path], second)
    first.close()
    second.close()
