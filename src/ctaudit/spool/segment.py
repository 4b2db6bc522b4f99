"""Segment files: the receive buffer and the spool in one, preallocated and memory-mapped.

A segment is a header of 4096 bytes and the data: frames, one after the other. The receiver
appends to the newest segment and publishes the end of its data; the recorder reads up to there
and writes back how much of it the database holds. docs/spool-format.md has the whole format.
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
from enum import IntEnum
from pathlib import Path
from uuid import UUID

from ctaudit.errors import DiskError
from ctaudit.host import boot

HEADER_SIZE = 4096
# Bytes for one recv(): the largest datagram is a table dump's, 32 KiB (NLMSG_GOODSIZE).
ROOM = 64 << 10

_MAGIC = b"CTAUDIT\0"
_VERSION = 1
# The fixed part of the header, from offset 0: written before the file has its name, then constant.
FIXED_FIELDS = (
    ("magic", "8s"),
    ("version", "Q"),  # of the file format
    ("stream", "16s"),  # the stream's UUID
    ("sequence", "Q"),  # the segment's number, as in its file name
    ("base", "Q"),  # position in the stream of the first byte of data
    ("capacity", "Q"),  # bytes of data that the file has room for
    ("created", "Q"),  # CLOCK_REALTIME, nanoseconds
    ("boot_id", "16s"),  # the machine's boot during which it was created, a UUID
)
_FIXED = struct.Struct("=" + "".join(code for _, code in FIXED_FIELDS))
_CHECKSUM = struct.Struct("=I")  # after the fixed part: CRC-32 of it and of the node's name
_NODE_OFFSET, _NODE_SIZE = 256, 255  # the node's name, UTF-8, padded with zero bytes
_FILE_NAME = re.compile(r"(\d{12})\.segment")


class Word(IntEnum):
    """The variable part of the header: unsigned words of 8 bytes, at offset 8 * word.

    No checksum covers them; a store changes one word as a whole.
    """

    END = 16  # bytes of data that are published
    SEALED = 17  # when the segment was completed, CLOCK_REALTIME in ns; 0: not yet
    LOOKED = 18  # the last look at the kernel's settings and clashes, CLOCK_REALTIME in ns; 0: none
    SETTINGS = 19  # what the notes in the stream say of the settings: capture.watch, pack_settings
    CLASHES = 20  # 1 + the kernel's count of clashes, as of the last note of it; 0: not known
    CLOCK_OFFSET = 21  # CLOCK_REALTIME - CLOCK_BOOTTIME in ns, modulo 2**64; 0: not known
    FILTER = 22  # the filter rules that the notes in the stream say: conntrack.filter; 0: none
    COMMITTED = 24  # bytes of data that the database holds
    DUMP_ENDED = 25  # when the last dump ended, CLOCK_BOOTTIME in ns; 0: a dump is due
    DROPPED = 26  # events dropped while the spool was full, after the last one in this segment
    DROPPED_SINCE = 27  # when the first of them was dropped, CLOCK_REALTIME in ns
    DROPPED_AT = 28  # END at that time: the note that counts them can only follow
    KERNEL_DROPS = 29  # the kernel's count of drops, as of the last note that reported it
    EVEN_SLOT = 30  # the two slots of DropCounter
    ODD_SLOT = 31


class DamagedSegment(ValueError):
    """Why a file cannot be read as a segment."""


@dataclass(frozen=True)
class Segment:
    """One mapped segment.

    ``base``: position in the stream of the first byte of data; ``capacity``: bytes of data that
    the file has room for; ``created``: nanoseconds since 1970; ``boot_id``: the machine's boot
    during which it was created; ``words``: the header by Word; ``is_truncated``: the file is
    shorter than it was made.
    """

    path: Path
    stream: UUID
    sequence: int
    base: int
    capacity: int
    created: int
    boot_id: UUID
    node: str
    memory: mmap.mmap
    words: memoryview
    is_truncated: bool = False

    @property
    def end(self) -> int:
        """Published bytes of data; never more than the capacity, whatever the header says."""
        return min(self.words[Word.END], self.capacity)

    @property
    def sealed(self) -> int:
        """When the segment was completed, nanoseconds since 1970; 0: it is still written."""
        return int(self.words[Word.SEALED])

    @property
    def committed(self) -> int:
        """Bytes of data that the database holds."""
        return int(self.words[Word.COMMITTED])

    def publish(self, end: int) -> None:
        self.words[Word.END] = end

    def seal(self) -> None:
        self.words[Word.SEALED] = time.time_ns()

    def commit(self, end: int) -> None:
        self.words[Word.COMMITTED] = end

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
    """Allocates and maps a new segment; it has its name once its header is complete.

    All blocks are allocated here, so that a full disk is a DiskError now and no SIGBUS later.
    """
    path = directory / f"{sequence:012d}.segment"
    draft = path.with_suffix(".new")
    size = HEADER_SIZE + capacity
    created, boot_id = time.time_ns(), boot.read_boot_id()
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
        try:
            os.fchmod(descriptor, 0o660)
            os.posix_fallocate(descriptor, 0, size)
            memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        finally:
            os.close(descriptor)
        fixed = _FIXED.pack(
            _MAGIC, _VERSION, stream.bytes, sequence, base, capacity, created, boot_id.bytes
        )
        memory[: len(fixed)] = fixed
        name = node.encode()[:_NODE_SIZE]
        memory[_NODE_OFFSET : _NODE_OFFSET + len(name)] = name
        _CHECKSUM.pack_into(memory, _FIXED.size, _sum_header(memory))
        draft.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise DiskError(
            f"{path}: a segment of {size} bytes cannot be made: {error.strerror}; "
            "free space there or lower spool.segment_bytes"
        ) from error
    words = memoryview(memory)[:HEADER_SIZE].cast("Q")
    return Segment(path, stream, sequence, base, capacity, created, boot_id, node, memory, words)


def open_segment(path: Path, *, writable: bool = True) -> Segment:
    """Maps an existing segment. Raises DamagedSegment, or OSError as open() does."""
    descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if size <= HEADER_SIZE:
            raise DamagedSegment(f"{size} bytes are too few for a segment")
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED, protection)
    finally:
        os.close(descriptor)
    try:
        return _read_segment(path, memory)
    except DamagedSegment:
        memory.close()
        raise


def _read_segment(path: Path, memory: mmap.mmap) -> Segment:
    """The segment that its header describes. Raises DamagedSegment."""
    magic, version, *fixed = _FIXED.unpack_from(memory)
    if magic != _MAGIC or version != _VERSION:
        raise DamagedSegment(f"no segment of version {_VERSION}: it begins with {magic!r}")
    if _CHECKSUM.unpack_from(memory, _FIXED.size)[0] != _sum_header(memory):
        raise DamagedSegment("its header has a wrong checksum")
    stream, sequence, base, capacity, created, boot_id = fixed
    # Under another number it would be read at the wrong place of the order.
    named = _FILE_NAME.fullmatch(path.name)
    if named and int(named[1]) != sequence:
        raise DamagedSegment(f"it is a copy of segment {sequence}")
    room = len(memory) - HEADER_SIZE
    return Segment(
        path,
        stream=UUID(bytes=stream),
        sequence=sequence,
        base=base,
        capacity=min(capacity, room),
        created=created,
        boot_id=UUID(bytes=boot_id),
        node=_read_node(memory),
        memory=memory,
        words=memoryview(memory)[:HEADER_SIZE].cast("Q"),
        is_truncated=room < capacity,
    )


def _read_node(memory: mmap.mmap) -> str:
    name = memory[_NODE_OFFSET : _NODE_OFFSET + _NODE_SIZE]
    return name.rstrip(b"\0").decode("utf-8", "replace")


@contextlib.contextmanager
def opened_segment(path: Path, *, writable: bool = True) -> Iterator[Segment]:
    segment = open_segment(path, writable=writable)
    try:
        yield segment
    finally:
        segment.close()


def _sum_header(memory: mmap.mmap) -> int:
    """CRC-32 of what says to which node, stream and position the events belong."""
    name = memory[_NODE_OFFSET : _NODE_OFFSET + _NODE_SIZE]
    return zlib.crc32(name, zlib.crc32(memory[: _FIXED.size]))


def rename_not_a_segment(path: Path) -> Path:
    """Renames a file that is not a segment, so that nobody reads it; returns its new path."""
    renamed = path.with_suffix(".foreign")
    if renamed.exists():
        renamed = path.with_suffix(f".foreign-{time.time_ns()}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(renamed)
    return renamed


def preserve_damaged(path: Path) -> Path:
    """Links a damaged segment to a second name, which retention does not delete."""
    kept = path.with_suffix(".damaged")
    with contextlib.suppress(FileExistsError):
        kept.hardlink_to(path)
    return kept


def list_segments(directory: Path) -> list[tuple[int, Path]]:
    """(sequence, path) of the files that have a segment's name, oldest first."""
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            name = _FILE_NAME.fullmatch(entry.name)
            if name and entry.is_file():
                found.append((int(name[1]), Path(entry.path)))
    return sorted(found)
