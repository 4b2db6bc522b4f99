"""Writing a spool by hand, for the tests of who writes and prunes it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ctaudit.config import Config, SpoolSection
from ctaudit.spool.segment import HEADER_SIZE, Word, list_segments, opened_segment
from ctaudit.spool.writer import SpoolWriter
from tests.unit.messages import build
from tests.unit.spool_contents import notes_of
from tests.unit.test_layout import ENTRY

MESSAGE = build(ENTRY) + bytes(-len(build(ENTRY)) % 4)
SEGMENT = 256 << 10
WHOLE = HEADER_SIZE + SEGMENT


def config(directory: Path, **spool: Any) -> Config:
    given = {"segment_bytes": SEGMENT, "max_bytes": 100 * WHOLE, "keep_bytes": 100 * WHOLE, **spool}
    return Config(node="gw1", spool=SpoolSection(directory=directory, **given))


@contextlib.contextmanager
def writing(directory: Path, **spool: Any) -> Iterator[SpoolWriter]:
    """A writer with a stream begun."""
    writer = SpoolWriter(config(directory, **spool))
    writer.begin_stream()
    try:
        yield writer
    finally:
        writer.close()


def write_frame(writer: SpoolWriter, *messages: bytes) -> int:
    writer.current.open_frame()
    for message in messages:
        writer.current.append(message)
    return writer.current.close_frame()


def roll(writer: SpoolWriter) -> bool:
    """Rolls, waiting out the pause between two tries."""
    deadline = time.monotonic() + 1
    while not (rolled := writer.roll()) and time.monotonic() < deadline and not writer.is_dropping:
        time.sleep(0.06)
    return rolled


def told_in(path: Path) -> list[tuple[str, int | None]]:
    """The notes of a segment by name, with the number of what was lost."""
    return [(note.name, note.detail.get("count")) for note in notes_of(path)]


def paths(directory: Path) -> list[Path]:
    return [path for _, path in list_segments(directory)]


def numbers(directory: Path) -> list[int]:
    return [number for number, _ in list_segments(directory)]


def commit_all(directory: Path, *, age: float = 0.0) -> None:
    """As the recorder does with what is in the database; sealed ``age`` seconds ago."""
    for path in paths(directory):
        with opened_segment(path) as segment:
            segment.commit(segment.end)
            if segment.sealed and age:
                segment.words[Word.SEALED] = time.time_ns() - int(age * 1e9)


def drop(writer: SpoolWriter, events: int) -> None:
    for _ in range(events):
        writer.drop(take)


def take(into: memoryview) -> int:
    """As recv_into does with a message that is longer than the room for it."""
    bytes_of = into.cast("B")
    assert bytes(bytes_of) == bytes(8)
    bytes_of[:] = MESSAGE[:8]
    return 8
