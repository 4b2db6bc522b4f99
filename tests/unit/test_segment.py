"""Segment files: made whole or not at all, and after a crash whatever recv returned is there."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ctaudit.errors import DiskError
from ctaudit.spool.segment import (
    HEADER_SIZE,
    DamagedSegment,
    create_segment,
    list_segments,
    open_segment,
    opened_segment,
)
from tests.unit.messages import build
from tests.unit.streams import CAPACITY, NODE, STREAM, make_segment, run_apart
from tests.unit.test_layout import ENTRY

MESSAGE = build(ENTRY) + bytes(-len(build(ENTRY)) % 4)


def refused(path: Path) -> str:
    with pytest.raises(DamagedSegment) as caught:
        open_segment(path)
    return str(caught.value)


def test_what_was_made_is_opened(tmp_path: Path) -> None:
    made = create_segment(tmp_path, 12, STREAM, 777, CAPACITY, "gw1.example.org")
    assert made.path == tmp_path / "000000000012.segment"
    assert made.path.stat().st_size == HEADER_SIZE + CAPACITY
    # Its blocks are there: a full disk is met here and not at a write.
    assert made.path.stat().st_blocks * 512 >= HEADER_SIZE + CAPACITY
    assert made.path.stat().st_mode & 0o777 == 0o660
    assert (made.end, made.sealed, made.committed) == (0, 0, 0)
    made.publish(100)
    with opened_segment(made.path) as seen:
        assert (seen.stream, seen.sequence, seen.base) == (STREAM, 12, 777)
        assert (seen.capacity, seen.node, seen.created) == (
            CAPACITY,
            "gw1.example.org",
            made.created,
        )
        assert (seen.end, seen.sealed) == (100, 0)
        seen.commit(60)
    made.seal()
    assert made.committed == 60
    made.memory[HEADER_SIZE : HEADER_SIZE + 4] = b"data"
    made.sync()
    made.close()
    with opened_segment(tmp_path / "000000000012.segment", writable=False) as seen:
        assert seen.sealed > seen.created
        assert (seen.committed, seen.copy_data(0, 5)) == (60, b"data\0")
        with pytest.raises(TypeError):
            seen.commit(5)
    assert [entry.name for entry in tmp_path.iterdir()] == ["000000000012.segment"]


def test_end_is_never_beyond_the_capacity(tmp_path: Path) -> None:
    segment = make_segment(tmp_path)
    segment.publish(CAPACITY + 1)
    assert segment.end == CAPACITY
    segment.close()


def test_files_that_are_no_segments(tmp_path: Path) -> None:
    path = tmp_path / "000000000001.segment"
    path.write_bytes(b"")
    assert refused(path) == "0 bytes are too few for a segment"
    path.write_bytes(bytes(HEADER_SIZE))
    assert refused(path) == "4096 bytes are too few for a segment"
    path.write_bytes(b"#!/bin/sh\n" * 1000)
    assert refused(path) == "no segment of version 1: it begins with b'#!/bin/s'"
    path.write_bytes(bytes(HEADER_SIZE + CAPACITY))
    assert refused(path).startswith("no segment of version 1")
    path.unlink()
    with pytest.raises(FileNotFoundError):
        open_segment(path)


def test_any_flipped_bit_of_the_header_is_refused(tmp_path: Path) -> None:
    """Else all its events would be given to another node, stream or place."""
    segment = make_segment(tmp_path, capacity=64)
    segment.close()
    whole = segment.path.read_bytes()
    for at in (*range(84), *range(256, 511)):
        for bit in (at % 8, 7 - at % 8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            segment.path.write_bytes(damaged)
            refused(segment.path)
    segment.path.write_bytes(whole)
    open_segment(segment.path).close()


def test_truncated_file_ends_where_it_ends(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, bodies=(MESSAGE * 100,))
    end = segment.end
    segment.close()
    os.truncate(segment.path, HEADER_SIZE + 500)
    with opened_segment(segment.path) as seen:
        assert (seen.capacity, seen.end) == (500, 500)
        assert end > 500
        assert seen.is_truncated


def test_list_has_segments_only_and_the_oldest_first(tmp_path: Path) -> None:
    others = ("notes.txt", "000000000007.new", "7.segment", "000000000005.foreign")
    segments = ("000000000010.segment", "000000000009.segment", "100000000000.segment")
    for name in others + segments:
        (tmp_path / name).touch()
    (tmp_path / "000000000008.segment").mkdir()
    assert [(number, path.name) for number, path in list_segments(tmp_path)] == [
        (9, "000000000009.segment"),
        (10, "000000000010.segment"),
        (100000000000, "100000000000.segment"),
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    directory = tmp_path / "small"
    directory.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"no tmpfs can be mounted: {made.stderr.strip()}")
    yield directory
    # Lazily: a failed test leaves segments mapped.
    subprocess.run(["umount", "-l", directory], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
def test_full_disk(small_disk: Path) -> None:
    segments = [create_segment(small_disk, n, uuid4(), 0, CAPACITY, NODE) for n in (1, 2, 3)]
    with pytest.raises(DiskError) as caught:
        create_segment(small_disk, 4, uuid4(), 0, CAPACITY, NODE)
    assert caught.value.exit_status == 8
    assert str(caught.value) == (
        f"{small_disk}/000000000004.segment: a segment of {HEADER_SIZE + CAPACITY} bytes "
        "cannot be made: No space left on device; free space there or lower spool.segment_bytes"
    )
    # Nothing half-made takes the room that is left.
    assert sorted(path.name for path in small_disk.iterdir()) == [
        f"00000000000{n}.segment" for n in (1, 2, 3)
    ]
    # Those that are there can be written to the last byte: no SIGBUS.
    for segment in segments:
        segment.memory[:] = bytes([255]) * len(segment.memory)
        segment.close()
    (small_disk / "000000000001.segment").unlink()
    create_segment(small_disk, 4, uuid4(), 0, CAPACITY, NODE).close()


def test_file_size_limit(tmp_path: Path) -> None:
    def make_one() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (CAPACITY, CAPACITY))
        with pytest.raises(DiskError, match=os.strerror(errno.EFBIG)):
            make_segment(tmp_path)

    run_apart(make_one)
    assert not list(tmp_path.iterdir())


def test_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file or directory"):
        make_segment(tmp_path / "gone")
