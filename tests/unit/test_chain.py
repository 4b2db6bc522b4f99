"""Frames of a segment: loaded one by one, and found by an offset."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctaudit.spool.chain import find_frame, load_frame, viewing
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.segment import HEADER_SIZE
from tests.unit.messages import build
from tests.unit.streams import make_segment, size_of
from tests.unit.test_layout import ENTRY

BODY = build(ENTRY) + bytes(-len(build(ENTRY)) % 4)
SIZE = size_of(BODY)


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


def test_a_segment_can_be_closed_while_its_damage_is_handled(tmp_path: Path) -> None:
    """The exception holds the frames of the stack, and these must not hold the mapping."""
    segment = make_segment(tmp_path, bodies=(BODY,))
    try:
        find_frame(segment, SIZE - 4)
    except DamagedFrame:
        segment.close()
    assert segment.memory.closed
