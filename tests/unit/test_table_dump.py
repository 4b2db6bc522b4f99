"""Dumps of the kernel's table in the stream: when one is due, and what is written of it."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctaudit.capture.table_dump import RETRY_AFTER, TableDump
from ctaudit.config import Config, SpoolSection
from ctaudit.spool.note import Note
from ctaudit.spool.writer import SpoolWriter
from tests.unit.fake_source import DONE, Dumps, FakeClock, FakeDump, write
from tests.unit.messages import message
from tests.unit.spool_contents import read_bodies, read_notes

INTERVAL = 3600.0
ENTRY = message(0x100, 0x2, bytes(60))
INTERRUPTED = message(0x100, 0x2 | 0x10, bytes(60))  # NLM_F_DUMP_INTR
FAILED = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -16)  # NLMSG_ERROR, EBUSY


class Rig:
    def __init__(self, directory: Path) -> None:
        self.spool = SpoolWriter(
            Config(node="gw1", spool=SpoolSection(directory, segment_bytes=1 << 20))
        )
        self.spool.begin_stream()
        self.clock = FakeClock()
        self.dumps = Dumps()
        self.dump = self.begin()

    def begin(self, interval: float = INTERVAL) -> TableDump:
        return TableDump(self.spool, interval, self.dumps, self.clock)

    def run(self, *datagrams: bytes | None) -> None:
        """A dump of these datagrams, from its beginning."""
        self.dumps.make = lambda: FakeDump(*datagrams)
        for _ in range(1 + len(datagrams)):
            self.dump.turn()

    @property
    def notes(self) -> list[Note]:
        return read_notes(self.spool.current.segment)

    @property
    def told(self) -> list[tuple[str, Any]]:
        """The notes of dumps by name, with cause or number of entries."""
        return [(n.name, n.detail.get("cause", n.detail.get("entries"))) for n in self.notes]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.spool.close()


def test_a_dump_stands_between_two_notes(rig: Rig) -> None:
    assert rig.dump.is_due()
    position, before = rig.spool.current.position, time.time_ns()
    rig.run(ENTRY * 3, None, ENTRY, DONE)
    assert rig.told == [("dump begin", "start"), ("dump end", 4)]
    bodies = read_bodies(rig.spool.current.segment)
    assert bodies[1:4] == [ENTRY * 3, ENTRY, DONE]
    _, end = rig.notes
    assert end.detail["begin_position"] == position
    assert before <= end.detail["began_at"] <= end.at
    assert rig.dumps.opened[0].closed
    boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert 0 <= boot - rig.spool.dump_ended < 60e9


def test_a_datagram_of_odd_length_is_padded(rig: Rig) -> None:
    rig.run(ENTRY + message(0x100, 0x2, bytes(61)), DONE)
    assert len(read_bodies(rig.spool.current.segment)[1]) == len(ENTRY) + 80


def test_the_next_dump_is_due_after_the_interval(rig: Rig) -> None:
    rig.run(DONE)
    assert (rig.dump.is_due(), rig.dump.wait()) == (False, INTERVAL)
    rig.clock.now += INTERVAL - 1
    assert (rig.dump.is_due(), rig.dump.wait()) == (False, 1.0)
    rig.clock.now += 1
    assert (rig.dump.is_due(), rig.dump.wait()) == (True, 0.0)
    rig.run(DONE)
    assert rig.told[2:] == [("dump begin", "interval"), ("dump end", 0)]


def test_a_dump_that_runs_needs_turns(rig: Rig) -> None:
    rig.run(ENTRY)
    assert (rig.dump.is_due(), rig.dump.wait()) == (False, 0.0)


@pytest.mark.parametrize("datagrams", [(ENTRY, FAILED), (FAILED,), (INTERRUPTED, DONE)])
def test_a_dump_that_fails_is_repeated(
    rig: Rig, caplog: pytest.LogCaptureFixture, datagrams: tuple[bytes, ...]
) -> None:
    rig.spool.set_dump_ended(5)
    with caplog.at_level(logging.WARNING):
        rig.run(*datagrams)
    assert "a table dump failed" in caplog.text
    assert [name for name, _ in rig.told] == ["dump begin"]
    assert rig.dumps.opened[0].closed
    # Until one succeeds, a restart makes one at once.
    assert rig.spool.dump_ended == 0
    assert rig.dump.wait() == pytest.approx(RETRY_AFTER)
    rig.clock.now += 2 * RETRY_AFTER
    rig.run(ENTRY, DONE)
    assert rig.told[1:] == [("dump begin", "again"), ("dump end", 1)]


def test_a_request_takes_the_place_of_a_dump_that_runs(rig: Rig) -> None:
    rig.run(ENTRY)
    rig.dump.request("overrun", 0.5)
    assert rig.dumps.opened[0].closed
    assert rig.dump.wait() == pytest.approx(0.5)
    rig.clock.now += 1.0
    rig.run(DONE)
    assert rig.told == [("dump begin", "start"), ("dump begin", "overrun"), ("dump end", 0)]


def test_a_successor_waits_for_the_rest_of_the_interval(rig: Rig) -> None:
    rig.spool.set_dump_ended(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 600 * 10**9)
    successor = rig.begin()
    successor.resume()
    assert successor.wait() == pytest.approx(INTERVAL - 600, abs=5)


def test_a_successor_dumps_at_once_if_the_interval_is_over(rig: Rig) -> None:
    rig.spool.set_dump_ended(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 2 * 10**9)
    successor = rig.begin(interval=1.0)
    successor.resume()
    assert successor.is_due()


@pytest.mark.parametrize("dropping", [False, True])
def test_a_successor_dumps_at_once_if_events_were_lost(rig: Rig, dropping: bool) -> None:
    if dropping:
        rig.spool.set_dump_ended(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        rig.spool.drop(lambda into: write(ENTRY, into))
    rig.dump = rig.begin()
    rig.dump.resume()
    rig.run(DONE)
    assert rig.told == [("dump begin", "resume"), ("dump end", 0)]
