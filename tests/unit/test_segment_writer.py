"""Frames and notes in one segment: seen when published, and where they may begin."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ctaudit.spool.chain import load_frame
from ctaudit.spool.frame import HEAD_SIZE, OPEN_HEAD
from ctaudit.spool.segment import open_segment, opened_segment
from tests.unit.spool_contents import notes_of, read_bodies
from tests.unit.spool_writing import (
    MESSAGE,
    paths,
    write_frame,
    writing,
)
from tests.unit.streams import size_of


def test_frames_are_seen_when_closed(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, opened_segment(paths(tmp_path)[0]) as reader:
        assert reader.node == "gw1"
        writer.current.open_frame()
        writer.current.append(MESSAGE)
        assert reader.end == 0
        before = time.time_ns()
        received = writer.current.close_frame()
        assert before <= received <= time.time_ns()
        assert reader.end == size_of(MESSAGE) == writer.current.offset == writer.current.position
        frame, body = load_frame(reader, 0)
        assert (body, frame.received) == (MESSAGE, received)
        boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert 0 <= boot - frame.boot < 60e9


def test_empty_frame_leaves_nothing(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer)
        assert (writer.current.offset, writer.current.segment.end) == (0, 0)
        write_frame(writer, MESSAGE)
        assert read_bodies(writer.current.segment) == [MESSAGE]


def test_note_stands_alone(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        before = time.time_ns()
        writer.append_note("overrun", lost=5)
        (note,) = notes_of(writer.current.segment.path)
        assert (note.name, note.detail) == ("overrun", {"lost": 5})
        assert before <= note.at <= time.time_ns()


def test_events_leave_room_for_a_datagram_and_notes(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        while writer.current.has_room():
            write_frame(writer, MESSAGE * 20)
        left = writer.current.segment.capacity - writer.current.offset
        assert left > 64 << 10
        # A whole datagram still fits where there just was room.
        assert writer.current.segment.capacity - writer.current.limit >= (64 << 10) + HEAD_SIZE
        for _ in range(10):
            writer.append_note("overrun", lost=1)
        assert (
            writer.current.segment.end == writer.current.offset <= writer.current.segment.capacity
        )


@pytest.mark.parametrize("left", range(0, 2 * HEAD_SIZE, 4))
def test_room_is_room_for_an_event_behind_the_frame_s_head(tmp_path: Path, left: int) -> None:
    """Else a receiver would open frames for ever and neither fill them nor roll."""
    with writing(tmp_path) as writer:
        writer.current.offset = writer.current.limit - left
        has_room = writer.current.has_room()
        writer.current.open_frame()
        assert has_room == (writer.current.offset <= writer.current.limit)


def test_open_head_alone_is_no_frame(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        writer.current.open_frame()
        path = writer.current.segment.path
        assert bytes(writer.current.view[: len(OPEN_HEAD)]) == OPEN_HEAD
        assert writer.current.segment.end == 0
    segment = open_segment(path)
    assert read_bodies(segment) == []
    segment.close()
