"""Reading a segment: frame by frame, message by message, never beyond what is published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ctaudit.spool.cursor import Cursor
from ctaudit.spool.decoder import Batch, Decoder, Undecodable
from ctaudit.spool.frame import HEAD_SIZE, DamagedFrame
from ctaudit.spool.note import Note, pack_note
from ctaudit.spool.segment import HEADER_SIZE
from tests.unit.messages import build, message
from tests.unit.reading import rows_of
from tests.unit.streams import make_segment, size_of
from tests.unit.test_layout import ENTRY

NOTE = Note("stop", 77, {})


def event(number: int) -> bytes:
    made = build(replace(ENTRY, ct_id=number))
    return made + bytes(-len(made) % 4)


SIZE = len(event(1))


def read_all(cursor: Cursor, limit: int = 100) -> list[int | str]:
    """The ct_id of each event and the kind of each stop, to the end of what is published."""
    decoder = Decoder()
    found: list[int | str] = []
    while True:
        batch = Batch()
        step = cursor.read(decoder, batch, limit)
        if step is None:
            return found
        assert batch.count <= limit
        found += [row["ct_id"] for row in rows_of(batch)]
        assert len(step.taken) == batch.count * SIZE
        if step.stop is not None:
            found.append(type(step.stop).__name__)
            cursor.move(cursor.offset + len(step.stop_bytes))


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_frames_one_after_the_other(tmp_path: Path, limit: int) -> None:
    bodies = (event(1) + event(2) + event(3), pack_note(NOTE), event(4), event(5) + event(6))
    segment = make_segment(tmp_path, bodies=bodies)
    cursor = Cursor(segment, 0)
    assert read_all(cursor, limit) == [1, 2, 3, "Note", 4, 5, 6]
    assert cursor.offset == segment.end
    segment.close()


def test_reading_begins_at_any_message(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, base=4096, bodies=(event(1) + event(2), event(3)))
    heads = [0, size_of(event(1) + event(2))]
    assert read_all(Cursor(segment, HEAD_SIZE)) == [1, 2, 3]
    assert read_all(Cursor(segment, HEAD_SIZE + SIZE)) == [2, 3]
    assert read_all(Cursor(segment, heads[1])) == [3]
    assert read_all(Cursor(segment, heads[1] + HEAD_SIZE)) == [3]
    assert read_all(Cursor(segment, segment.end)) == []
    segment.close()


def test_one_step_is_of_one_frame(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(event(1) + event(2), event(3)))
    cursor, batch = Cursor(segment, 0), Batch()
    step = cursor.read(Decoder(), batch, 100)
    assert step is not None
    assert (batch.count, step.received, step.stop) == (2, 1000, None)
    assert step.taken == event(1) + event(2)
    assert step.stop_bytes == b""
    assert cursor.offset == size_of(event(1) + event(2))
    segment.close()


def test_offset_stops_before_what_is_not_an_event(tmp_path: Path) -> None:
    """It is recorded by itself, and only then passed."""
    odd = message(0x101, 0, b"\2\0\0\0")
    segment = make_segment(tmp_path, bodies=(event(1) + odd + event(2),))
    cursor, batch, decoder = Cursor(segment, 0), Batch(), Decoder()
    for _ in range(2):
        step = cursor.read(decoder, batch, 100)
        assert step is not None
        assert isinstance(step.stop, Undecodable)
        assert step.stop_bytes == step.stop.message == odd
        assert cursor.offset == HEAD_SIZE + SIZE
    assert batch.count == 1
    cursor.move(cursor.offset + len(odd))
    assert read_all(cursor) == [2]
    segment.close()


def test_nothing_beyond_what_is_published(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(event(1), event(2)))
    segment.publish(size_of(event(1)))
    cursor = Cursor(segment, 0)
    assert read_all(cursor) == [1]
    assert read_all(cursor) == []
    segment.publish(2 * size_of(event(1)))
    assert read_all(cursor) == [2]
    segment.close()


def test_more_is_published_or_the_segment_is_complete(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(event(1), event(2)))
    segment.publish(size_of(event(1)))
    cursor = Cursor(segment, 0)
    assert cursor.has_more()
    read_all(cursor)
    assert not cursor.has_more()
    segment.publish(2 * size_of(event(1)))
    assert cursor.has_more()
    read_all(cursor)
    segment.seal()
    assert cursor.has_more()
    segment.close()


def test_end(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(event(1), event(2)))
    cursor = Cursor(segment, 0)
    read_all(cursor)
    assert not cursor.has_ended()
    segment.seal()
    assert cursor.has_ended()
    assert not Cursor(segment, 0).has_ended()
    segment.close()


def test_seal_is_read_before_the_end(tmp_path: Path) -> None:
    """The writer publishes, then seals: the other order would lose what came in between."""
    segment = make_segment(tmp_path, bodies=(event(1), event(2)))
    segment.publish(size_of(event(1)))
    cursor = Cursor(segment, 0)
    read_all(cursor)

    class Watched:
        """The segment, whose writer publishes and seals between the reader's two looks."""

        looks = 0

        def look(self, name: str) -> int:
            value = int(getattr(segment, name))
            self.looks += 1
            if self.looks == 1:
                segment.publish(2 * size_of(event(1)))
                segment.seal()
            return value

        sealed = property(lambda self: self.look("sealed"))
        end = property(lambda self: self.look("end"))

    cursor.segment = Watched()  # type: ignore[assignment]
    assert not cursor.has_ended()
    cursor.segment = segment
    assert read_all(cursor) == [2]
    assert cursor.has_ended()
    segment.close()


def test_damage_is_met_where_it_is(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(event(1), event(2), event(3)))
    segment.memory[HEADER_SIZE + size_of(event(1)) + 60] ^= 4
    cursor, batch, decoder = Cursor(segment, 0), Batch(), Decoder()
    assert cursor.read(decoder, batch, 100) is not None
    for _ in range(2):
        with pytest.raises(DamagedFrame):
            cursor.read(decoder, batch, 100)
        assert cursor.offset == size_of(event(1))
    segment.close()


def test_damage_before_the_offset_is_met_when_there_is_something_to_read(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(event(1), event(2)))
    segment.memory[HEADER_SIZE + 60] ^= 4
    decoder = Decoder()
    assert Cursor(segment, segment.end).read(decoder, Batch(), 100) is None
    cursor = Cursor(segment, size_of(event(1)))
    with pytest.raises(DamagedFrame):
        cursor.read(decoder, Batch(), 100)
    segment.close()


def test_reading_continues_after_damage_that_was_passed(tmp_path: Path) -> None:
    """What is published after it begins with a frame again."""
    segment = make_segment(tmp_path, bodies=(event(1), event(2), event(3)))
    segment.memory[HEADER_SIZE + size_of(event(1)) + 60] ^= 4
    segment.publish(2 * size_of(event(1)))
    for offset in (0, HEAD_SIZE, size_of(event(1))):
        cursor = Cursor(segment, offset)
        with pytest.raises(DamagedFrame):
            read_all(cursor)
        cursor.move(segment.end)
        segment.publish(3 * size_of(event(1)))
        assert read_all(cursor) == [3]
        segment.publish(2 * size_of(event(1)))
    segment.close()
