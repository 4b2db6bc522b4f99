"""A frame is read whole and in its place, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.conntrack.nlmsg import align
from ctaudit.spool.frame import HEAD_SIZE, OPEN_HEAD, DamagedFrame, Frame, pack_head, read_frame

u64 = st.integers(0, (1 << 64) - 1)
BODY = bytes(range(40))
WHOLE = pack_head(BODY, 1000, 123, 456) + BODY


@given(st.binary(min_size=1, max_size=300), u64, u64, u64, st.binary(max_size=20))
def test_what_was_packed_is_read(
    body: bytes, position: int, received: int, boot: int, before: bytes
) -> None:
    head = pack_head(body, position, received, boot)
    assert len(head) == HEAD_SIZE
    start = len(before) + HEAD_SIZE
    data = before + head + body + b"what follows"
    expected = Frame(start, start + len(body), received, boot)
    assert read_frame(data, len(before), position) == expected
    assert read_frame(memoryview(data), len(before), position) == expected


def test_any_flipped_bit_is_refused() -> None:
    for bit in range(8 * len(WHOLE)):
        damaged = bytearray(WHOLE)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedFrame):
            read_frame(bytes(damaged), 0, 1000)


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_any_cut_is_refused(size: int) -> None:
    with pytest.raises(DamagedFrame):
        read_frame(WHOLE[:size], 0, 1000)


@pytest.mark.parametrize("position", [0, 999, 1001, 1000 + (1 << 32)])
def test_frame_of_another_place_is_refused(position: int) -> None:
    with pytest.raises(DamagedFrame, match="a frame of 40 bytes has a wrong checksum"):
        read_frame(WHOLE, 0, position)


def test_refusals_say_why() -> None:
    with pytest.raises(DamagedFrame, match="no frame begins here"):
        read_frame(bytes(100), 0, 1000)
    with pytest.raises(DamagedFrame, match="a frame of 40 bytes is cut off after 39"):
        read_frame(WHOLE[:-1], 0, 1000)


def test_open_head_is_no_frame() -> None:
    """What a crash leaves: a head without time and sum, whatever follows it."""
    assert len(OPEN_HEAD) == HEAD_SIZE
    assert WHOLE[:16] == OPEN_HEAD[:16]
    with pytest.raises(DamagedFrame):
        read_frame(OPEN_HEAD + BODY, 0, 1000)


def test_align() -> None:
    assert [align(length) for length in range(9)] == [0, 4, 4, 4, 4, 8, 8, 8, 8]
