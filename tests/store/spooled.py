"""A gateway's spool, written by hand, and the recorder that reads it into a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from ctaudit.config import Config, JournalSection, SpoolSection
from ctaudit.conntrack.event import Kind
from ctaudit.record.recorder import Recorder
from ctaudit.record.session import Session, open_store
from ctaudit.spool.note import pack_drained
from ctaudit.spool.order import list_paths
from ctaudit.spool.writer import SpoolWriter
from tests.unit.messages import build
from tests.unit.spool_writing import write_frame
from tests.unit.test_layout import ENTRY

# Not one that the scenario of the commands asks about.
CONNECTION = replace(
    ENTRY,
    kind=Kind.NEW,
    orig=replace(ENTRY.orig, src=IPv4Address("192.168.9.9")),
    reply=replace(ENTRY.reply, dst=IPv4Address("9.9.9.9")),
    timestamps=None,
)


class Spooled:
    """The spool of one gateway; ``write`` and ``record`` take turns as a test wants."""

    def __init__(self, directory: Path, node: str, mode: str = "live") -> None:
        spool = SpoolSection(
            directory=directory, segment_bytes=256 << 10, max_bytes=16 << 20, keep_bytes=16 << 20
        )
        self.config = Config(node=node, mode=mode, spool=spool, journal=JournalSection(rate=0))
        self._writer = SpoolWriter(self.config)

    def begin(self) -> None:
        """A stream and its start note."""
        self._writer.begin_stream()
        self._writer.append_note("start", mode=self.config.mode)

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """A receiver's life: one stream, from its start note and first dump to its stop note."""
        self.begin()
        self._writer.append_note("dump begin", cause="test")
        self._writer.append_note("dump end", entries=0)
        yield
        self._writer.end_stream("test")

    def write(self, *ids: int) -> None:
        """A NEW of each id, in one frame, and that there is nothing more until now."""
        write_frame(self._writer, *map(_message, ids), pack_drained(time.time_ns()))

    def roll(self) -> None:
        self._writer.roll()

    def record(self, dsn: str, stop: Callable[[], bool] = lambda: True) -> int:
        """Runs a recorder until all is recorded, or it fails; returns how many events it took."""
        session = Session(lambda: open_store(dsn, self.config.record_procedure))
        directory = self.config.spool.directory
        return Recorder(self.config, session, lambda: list_paths(directory)).work(stop)


def _message(ct_id: int) -> bytes:
    made = build(replace(CONNECTION, ct_id=ct_id))
    return made + bytes(-len(made) % 4)
