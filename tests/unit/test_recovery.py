"""What is found where a receiver was killed, or the machine lost power."""

from __future__ import annotations

import logging
import struct
import time
from pathlib import Path
from uuid import UUID

import pytest

from ctaudit.host import boot
from ctaudit.spool.drop_counter import DropCounter
from ctaudit.spool.frame import HEAD_SIZE, OPEN_HEAD, pack_head
from ctaudit.spool.note import Note, pack_note
from ctaudit.spool.recovery import (
    find_burst_end,
    has_dropped_note,
    open_last_segment,
    open_predecessor,
    publish_whole_frames,
)
from ctaudit.spool.segment import HEADER_SIZE, Segment, opened_segment
from tests.unit.spool_contents import read_bodies
from tests.unit.spool_writing import MESSAGE
from tests.unit.streams import CAPACITY, STREAM, die_after, make_segment, size_of

OTHER = UUID(int=STREAM.int + 1)
SIZE = size_of(MESSAGE)


def write_at(segment: Segment, at: int, data: bytes) -> int:
    segment.memory[HEADER_SIZE + at : HEADER_SIZE + at + len(data)] = data
    return at + len(data)


def write_stamped(segment: Segment, at: int, body: bytes) -> int:
    """A whole frame that is not published."""
    return write_at(segment, at, pack_head(body, segment.base + at, 1000, 2000) + body)


def closed(segment: Segment) -> Segment:
    segment.close()
    return segment


def test_after_a_kill_in_a_burst_all_that_was_received_is_found(tmp_path: Path) -> None:
    def burst() -> None:
        segment = make_segment(tmp_path, bodies=(MESSAGE,))
        at = write_at(segment, segment.end, OPEN_HEAD)
        for _ in range(5):
            at = write_at(segment, at, MESSAGE)

    die_after(burst)
    with opened_segment(tmp_path / "000000000001.segment") as seen:
        assert seen.end == size_of(MESSAGE)
        assert find_burst_end(seen) == size_of(MESSAGE) + HEAD_SIZE + 5 * len(MESSAGE)
        # It only looks: publishing is the writer's.
        assert seen.end == size_of(MESSAGE)


def test_recovery_stops_at_what_is_no_message(tmp_path: Path) -> None:
    rests = {
        b"": 0,
        bytes(32): 0,
        struct.pack("=IHHII", 15, 0x100, 0, 0, 0): 0,
        struct.pack("=IHHII", 0xFFFFFFF0, 0x100, 0, 0, 0): 0,
        struct.pack("=IHHII", 20, 0, 0, 0, 0) + bytes(4): 0,
        MESSAGE[:-4]: len(MESSAGE),  # behind it are zeros, so they count as its own
        struct.pack("=IHHII", 17, 0x100, 0, 0, 0) + b"x": 20,
    }
    for number, (rest, taken) in enumerate(rests.items(), 1):
        segment = make_segment(tmp_path, number, bodies=(MESSAGE,))
        at = write_at(segment, segment.end, OPEN_HEAD + MESSAGE)
        write_at(segment, at, rest)
        assert find_burst_end(segment) == at + taken, rest
        segment.close()


def test_recovery_stays_within_the_segment(tmp_path: Path) -> None:
    segment = make_segment(tmp_path)
    room = CAPACITY // len(MESSAGE) * len(MESSAGE)
    for at in range(0, room, len(MESSAGE)):
        write_at(segment, at, MESSAGE)
    left = CAPACITY - room
    assert find_burst_end(segment) == room
    if left > 24:
        odd = struct.pack("=IHHII", left - 1, 0x100, 0, 0, 0)
        write_at(segment, room, odd)
        assert find_burst_end(segment) == CAPACITY
    segment.close()


def test_a_burst_of_an_earlier_boot_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its messages may be torn, and no checksum shows it."""
    segment = make_segment(tmp_path, bodies=(MESSAGE,))
    write_at(segment, SIZE, OPEN_HEAD + MESSAGE)
    assert find_burst_end(segment) == 2 * SIZE
    monkeypatch.setattr(boot, "read_boot_id", lambda: OTHER)
    assert find_burst_end(segment) == SIZE
    segment.close()


def test_stamped_frames_are_published(tmp_path: Path) -> None:
    """One after a kill; many if the header is older than the data, after a loss of power."""
    segment = make_segment(tmp_path, base=777, bodies=(MESSAGE,))
    at = SIZE
    for count in (1, 2, 3):
        at = write_stamped(segment, at, MESSAGE * count)
    write_at(segment, at, OPEN_HEAD + MESSAGE)
    publish_whole_frames(segment)
    assert segment.end == at
    assert read_bodies(segment) == [MESSAGE, MESSAGE, MESSAGE * 2, MESSAGE * 3]
    segment.close()


def test_a_torn_frame_ends_what_is_published(tmp_path: Path) -> None:
    segment = make_segment(tmp_path)
    first = write_stamped(segment, 0, MESSAGE)
    torn = write_stamped(segment, first, MESSAGE)
    write_stamped(segment, torn, MESSAGE)
    segment.memory[HEADER_SIZE + torn - 1] ^= 1
    publish_whole_frames(segment)
    assert segment.end == first
    segment.close()


def test_publishing_leaves_a_larger_end_alone(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(MESSAGE,))
    segment.publish(3 * SIZE)
    publish_whole_frames(segment)
    assert segment.end == 3 * SIZE
    segment.close()


def test_the_last_segment_is_opened_and_those_before_it_are_complete(tmp_path: Path) -> None:
    first = make_segment(tmp_path, 1, bodies=(MESSAGE,), sealed=True)
    sealed = first.sealed
    second = make_segment(tmp_path, 2, base=SIZE)
    write_stamped(second, 0, MESSAGE)
    third = make_segment(tmp_path, 3, stream=OTHER)
    for segment in (first, second, third):
        segment.close()
    last = open_last_segment(tmp_path)
    assert last is not None
    assert (last.sequence, last.sealed, last.end) == (3, 0, 0)
    last.close()
    with opened_segment(first.path) as seen:
        assert seen.sealed == sealed
    with opened_segment(second.path) as seen:
        assert seen.sealed
        assert read_bodies(seen) == [MESSAGE]


def test_files_that_are_no_segments_are_renamed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segment = closed(make_segment(tmp_path, 1))
    foreign = tmp_path / "000000000002.segment"
    foreign.write_bytes(bytes(5000))
    with caplog.at_level(logging.ERROR):
        last = open_last_segment(tmp_path)
    assert last is not None
    assert last.path == segment.path
    last.close()
    assert (tmp_path / "000000000002.foreign").read_bytes() == bytes(5000)
    assert "no segment of version 1" in caplog.text


def test_no_segment_at_all(tmp_path: Path) -> None:
    assert open_last_segment(tmp_path) is None
    (tmp_path / "000000000002.segment").write_bytes(b"")
    assert open_last_segment(tmp_path) is None


def test_the_predecessor_is_of_the_same_stream(tmp_path: Path) -> None:
    closed(make_segment(tmp_path, 1, stream=OTHER))
    closed(make_segment(tmp_path, 2))
    third = make_segment(tmp_path, 3)
    found = open_predecessor(third)
    assert found is not None
    assert found.sequence == 2
    assert open_predecessor(found) is None
    found.close()
    (tmp_path / "000000000002.segment").write_bytes(b"")
    assert open_predecessor(third) is None
    (tmp_path / "000000000002.segment").unlink()
    assert open_predecessor(third) is None
    third.close()


def dropping(directory: Path, *bodies: bytes) -> Segment:
    """A segment behind whose first frame events were dropped; then these frames were written."""
    segment = make_segment(directory, bodies=(MESSAGE, *bodies))
    drops = DropCounter(segment.words)
    drops.begin(time.time_ns(), SIZE)
    drops.count()
    return segment


def note(name: str) -> bytes:
    return pack_note(Note(name, 1, {}))


@pytest.mark.parametrize(
    ("bodies", "found"),
    [
        ((), False),
        ((note("dropped"),), True),
        ((note("overrun"), note("dropped"), note("stop")), True),
        ((note("overrun"), note("stop")), False),
    ],
)
def test_the_note_of_dropped_events_is_found(
    tmp_path: Path, bodies: tuple[bytes, ...], found: bool
) -> None:
    segment = dropping(tmp_path, *bodies)
    assert has_dropped_note(segment) is found
    segment.close()


def test_a_note_of_dropped_events_that_is_damaged_is_not_there(tmp_path: Path) -> None:
    """Else a receiver would end here, at each start."""
    segment = dropping(tmp_path, note("dropped"))
    segment.memory[HEADER_SIZE + SIZE + HEAD_SIZE] ^= 1
    assert not has_dropped_note(segment)
    segment.close()


def test_a_note_of_an_earlier_time_is_another_one(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(note("dropped"), MESSAGE))
    drops = DropCounter(segment.words)
    drops.begin(time.time_ns(), segment.end)
    drops.count()
    assert not has_dropped_note(segment)
    segment.close()
