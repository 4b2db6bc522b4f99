"""Segment files: the receive buffer and the spool in one, preallocated and memory-mapped.

A stream is one socket's life; its bytes lie in segments, one after the other. A segment is a
page of header and then netlink messages. The receiver appends and publishes the end; the
recorder reads up to there, never by nlmsg_len alone, and notes in the same header how far
the database has committed, so that the receiver knows what it may delete.

    offset  0  magic, version; 16 stream id; 32 sequence, base, capacity, created
           64  checksum of what stands before it and of the node's name
          128  published: end (bytes of data), sealed (nanoseconds, 0: still being written)
          192  committed: bytes of data that the database holds
          200  dumped: CLOCK_BOOTTIME of the last dump's end, 0 while one is owed
          208  dropped: events that found no room after this segment, the time of the first,
               the offset from which on a note may tell of them; 232 the kernel's count of drops
          240  two words that dropped events are received to in turn
          256  node's name
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.errors import DiskError

HEADER_SIZE = 4096
_MAGIC = b"CTAUDIT\0"
_VERSION = 1
_FIXED = struct.Struct("=8sQ16sQQQQ")
_CHECK = struct.Struct("=I")
_NODE_OFFSET, _NODE_SIZE = 256, 255
_END, _SEALED, _COMMITTED, _DUMPED = 128 // 8, 136 // 8, 192 // 8, 200 // 8
_DROPPED, _DROPPED_SINCE, _DROPPED_AT, _KERNEL_DROPS = 208 // 8, 216 // 8, 224 // 8, 232 // 8
_TAKEN = 240 // 8
_NAME = re.compile(r"(\d{12})\.segment")
# One datagram: a table dump's is the largest, 32 KiB (NLMSG_GOODSIZE and netlink_dump).
ROOM = 64 << 10


class DamagedSegment(ValueError):
    """Why a file is no segment that can be read."""


@dataclass(frozen=True)
class Segment:
    """One mapped segment. Positions of a stream are bytes of data, counted over its segments."""

    path: Path
    stream: UUID
    sequence: int
    base: int
    capacity: int
    created: int
    node: str
    memory: mmap.mmap
    words: memoryview

    @property
    def end(self) -> int:
        """Published bytes of data; never beyond the capacity, whatever the header says."""
        return min(self.words[_END], self.capacity)

    @property
    def sealed(self) -> int:
        """When it was closed, nanoseconds since 1970; 0 while it is written."""
        return int(self.words[_SEALED])

    @property
    def committed(self) -> int:
        return int(self.words[_COMMITTED])

    @property
    def dropped(self) -> tuple[int, int, int]:
        """(events, nanoseconds since 1970 of the first, offset of a note that may tell)."""
        return self.words[_DROPPED], self.words[_DROPPED_SINCE], self.words[_DROPPED_AT]

    def begin_dropping(self, since: int, at: int) -> None:
        self.words[_DROPPED_SINCE] = since
        self.words[_DROPPED_AT] = at

    def next_dropped(self) -> memoryview:
        """Eight bytes, all zero, that the next event to be dropped is received to.

        Its length stands there then and says, also to who comes after a kill, that it has
        been taken from the kernel but not counted.
        """
        word = _TAKEN + self.words[_DROPPED] % 2
        return self.words[word : word + 1]

    def count_dropped(self) -> None:
        count = self.words[_DROPPED]
        self.words[_DROPPED] = count + 1
        self.words[_TAKEN + count % 2] = 0

    def settle_dropped(self) -> None:
        """Counts the event that was taken but not counted when the receiver was killed."""
        if self.words[_TAKEN + self.words[_DROPPED] % 2]:
            self.count_dropped()
        self.words[_TAKEN] = self.words[_TAKEN + 1] = 0

    @property
    def dumped(self) -> int:
        """When the last dump ended, CLOCK_BOOTTIME; 0 when something was lost since."""
        return int(self.words[_DUMPED])

    def set_dumped(self, boot: int) -> None:
        self.words[_DUMPED] = boot

    @property
    def kernel_drops(self) -> int:
        """/proc/net/netlink's count for the socket, as the receiver has last told of it."""
        return int(self.words[_KERNEL_DROPS])

    def set_kernel_drops(self, drops: int) -> None:
        self.words[_KERNEL_DROPS] = drops

    def publish(self, end: int) -> None:
        self.words[_END] = end

    def seal(self) -> None:
        self.words[_SEALED] = time.time_ns()

    def commit(self, end: int) -> None:
        self.words[_COMMITTED] = end

    def copy_data(self, start: int, end: int) -> bytes:
        return self.memory[HEADER_SIZE + start : HEADER_SIZE + end]

    def sync(self) -> None:
        self.memory.flush()

    def close(self) -> None:
        self.words.release()
        self.memory.close()


def create_segment(
    directory: Path, sequence: int, stream: UUID, base: int, capacity: int, node: str
) -> Segment:
    """Allocates, touches and maps a new segment under its final name.

    Raises DiskError when the file system has no room: never a SIGBUS later.
    """
    path = directory / f"{sequence:012d}.segment"
    draft = path.with_suffix(".new")
    size = HEADER_SIZE + capacity
    created = time.time_ns()
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
        try:
            os.fchmod(descriptor, 0o660)
            os.posix_fallocate(descriptor, 0, size)
            memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        finally:
            os.close(descriptor)
        fixed = _FIXED.pack(_MAGIC, _VERSION, stream.bytes, sequence, base, capacity, created)
        memory[: len(fixed)] = fixed
        name = node.encode()[:_NODE_SIZE]
        memory[_NODE_OFFSET : _NODE_OFFSET + len(name)] = name
        _CHECK.pack_into(memory, _FIXED.size, _sum_header(memory))
        draft.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise DiskError(
            f"{path}: a segment of {size} bytes cannot be made: {error.strerror}; "
            "free space there or lower spool.segment_bytes"
        ) from error
    words = memoryview(memory)[:HEADER_SIZE].cast("Q")
    return Segment(path, stream, sequence, base, capacity, created, node, memory, words)


def open_segment(path: Path, *, writable: bool = True) -> Segment:
    """Maps an existing segment. Raises DamagedSegment, or OSError as open does.

    A segment under another's number is as good as none: it would come at the wrong turn.
    """
    descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if size <= HEADER_SIZE:
            raise DamagedSegment(f"{size} bytes are too few for a segment")
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED, protection)
    finally:
        os.close(descriptor)
    magic, version, stream, sequence, base, capacity, created = _FIXED.unpack_from(memory)
    if magic != _MAGIC or version != _VERSION:
        memory.close()
        raise DamagedSegment(f"no segment of version {_VERSION}: it begins with {magic!r}")
    if _CHECK.unpack_from(memory, _FIXED.size)[0] != _sum_header(memory):
        memory.close()
        raise DamagedSegment("its header has a wrong checksum")
    named = _NAME.fullmatch(path.name)
    if named and int(named[1]) != sequence:
        memory.close()
        raise DamagedSegment(f"it is a copy of segment {sequence}")
    if capacity > size - HEADER_SIZE:
        capacity = size - HEADER_SIZE
    node = memory[_NODE_OFFSET : _NODE_OFFSET + _NODE_SIZE].rstrip(b"\0").decode("utf-8", "replace")
    words = memoryview(memory)[:HEADER_SIZE].cast("Q")
    return Segment(path, UUID(bytes=stream), sequence, base, capacity, created, node, memory, words)


@contextlib.contextmanager
def opened_segment(path: Path, *, writable: bool = True) -> Iterator[Segment]:
    segment = open_segment(path, writable=writable)
    try:
        yield segment
    finally:
        segment.close()


def _sum_header(memory: mmap.mmap) -> int:
    """A flipped bit in the header would give every event to a wrong stream or node."""
    name = memory[_NODE_OFFSET : _NODE_OFFSET + _NODE_SIZE]
    return zlib.crc32(name, zlib.crc32(memory[: _FIXED.size]))


def move_aside(path: Path) -> Path:
    """Takes a file that is no segment out of the way; returns where it is now."""
    aside = path.with_suffix(".foreign")
    if aside.exists():
        aside = path.with_suffix(f".foreign-{time.time_ns()}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
    return aside


def preserve_damaged(path: Path) -> Path:
    """A second name for a damaged segment, under which it outlives its time in the spool."""
    kept = path.with_suffix(".damaged")
    with contextlib.suppress(FileExistsError):
        kept.hardlink_to(path)
    return kept


def list_segments(directory: Path) -> list[tuple[int, Path]]:
    """(sequence, path) of the files that have a segment's name, oldest first."""
    found = []
    for entry in os.scandir(directory):
        name = _NAME.fullmatch(entry.name)
        if name and entry.is_file():
            found.append((int(name[1]), Path(entry.path)))
    return sorted(found)


def recover_end(segment: Segment) -> int:
    """The end of the whole messages that follow the published end after a crash.

    What ``recv`` had returned is there in full; behind it are the zeros of the allocation.
    """
    end = segment.end
    while end + HEADER.size <= segment.capacity:
        length, kind = HEADER.unpack_from(segment.memory, HEADER_SIZE + end)[:2]
        if length < HEADER.size or end + length > segment.capacity or kind == 0:
            break
        end += align(length)
    return min(end, segment.capacity)
