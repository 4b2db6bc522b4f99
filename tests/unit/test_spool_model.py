"""A model of the spool: whatever happens to it, each event is stored once or known to be lost.

Hypothesis invents histories of a receiver, a reader in place of the recorder, and a disk: bursts,
kills at any line, losses of power, files cut short, a database that goes back. The code under test
is the product's own from the socket's recv_into() to the decoded row.

CTAUDIT_MODEL_EXAMPLES=5000 looks longer than a run of the unit tests.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from unittest import mock
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ctaudit.capture.receiver import Receiver
from ctaudit.config import Config, SpoolSection
from ctaudit.conntrack.nlmsg import align
from ctaudit.spool.chain import load_frame
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.segment import (
    HEADER_SIZE,
    ROOM,
    DamagedSegment,
    Segment,
    list_segments,
    opened_segment,
)
from tests.unit.fake_kernel import FakeKernel
from tests.unit.fake_source import Dumps, FakeClock, FakeSource
from tests.unit.killing import Killed, killed_after
from tests.unit.lossy_disk import LossyDisk
from tests.unit.messages import build, columns_of
from tests.unit.spool_reader import Database, Reader
from tests.unit.test_layout import ENTRY

# Two pages for events, so that a segment is full after some 40 of them.
SEGMENT = ROOM + (8 << 10) + (8 << 10)
WHOLE = HEADER_SIZE + SEGMENT
EXAMPLES = int(os.environ.get("CTAUDIT_MODEL_EXAMPLES", "60"))
LINES = st.integers(1, 60) | st.integers(1, 600)
COUNTS = st.sampled_from([0, 1, 5, 20, 60])


@dataclass
class Event:
    """An event that the receiver has taken from the socket.

    ``dropped``: it had no room. Otherwise it lies at ``offset`` of ``file`` and at ``position``
    of the stream. ``safe``: nothing has happened that may have cost it.
    """

    number: int
    stream: UUID
    dropped: bool
    file: str
    offset: int
    position: int
    safe: bool = True


class Source(FakeSource):
    """Numbers the events, and knows where the receiver has put each that it has taken."""

    def __init__(self) -> None:
        super().__init__()
        self.receiver: Receiver | None = None
        self.taken: list[Event] = []
        self.sent = 0
        self._numbers: deque[int] = deque()
        self._frame = (UUID(int=0), 0, 0)
        self._filled = 0

    def send(self, count: int) -> None:
        for _ in range(count):
            self.sent += 1
            self._numbers.append(self.sent)
            self.queue.append(build(replace(ENTRY, ct_id=self.sent)))

    def close(self) -> None:
        """What was queued goes with the socket."""
        self.queue.clear()
        self._numbers.clear()

    def recv_into(self, into: memoryview) -> int:
        size = super().recv_into(into)
        assert self.receiver is not None
        # No call of what killed_after() watches: taking an event is one step of the kernel.
        current = self.receiver._spool.current
        segment = current.segment
        frame = segment.stream, segment.sequence, current.offset
        if self._frame != frame:
            self._frame, self._filled = frame, 0
        offset, dropped = current.offset + self._filled, into.nbytes == 8
        self._filled += align(size)
        number, name = self._numbers.popleft(), segment.path.name
        event = Event(number, segment.stream, dropped, name, offset, segment.base + offset)
        self.taken.append(event)
        return size


class SpoolMachine(RuleBasedStateMachine):
    """One spool, and what its receivers have taken from the kernel."""

    def __init__(self) -> None:
        super().__init__()
        # Hypothesis runs a failing history again while it handles the failure.
        self.outer = sys.exc_info()[1]
        self.directory = Path(tempfile.mkdtemp(prefix="spool-model-"))
        self.disk = LossyDisk(self.directory)
        self.source = Source()
        self.clock = FakeClock()
        self.reader = Reader(self.directory, Database())
        self.snapshots: list[Database] = []
        self.receiver: Receiver | None = None
        self.is_inherited = False
        self.was_restored = False
        # Streams of which bytes may be gone, and those whose notes may be among them.
        self.damaged: set[UUID] = set()
        self.inexact: set[UUID] = set()
        # What the kernel has dropped, and the streams whose socket was closed with a count unread.
        self.stream = UUID(int=0)
        self.kernel_drops: Counter[UUID] = Counter()
        self.cut_short: set[UUID] = set()
        self.killed: set[UUID] = set()
        self.committed: set[int] = set()
        self.lost_files: set[str] = set()
        self.stream_of: dict[str, UUID] = {}
        self.boot_id = UUID(int=1)
        numbers = itertools.count(1)
        self.patches = [
            mock.patch("ctaudit.host.boot.read_boot_id", side_effect=lambda: self.boot_id),
            mock.patch("ctaudit.spool.writer.uuid4", side_effect=lambda: UUID(int=next(numbers))),
            mock.patch.object(Segment, "sync", autospec=True, side_effect=self.disk.sync_file),
            mock.patch("ctaudit.spool.writer.os.fsync", side_effect=self.disk.sync_directory),
        ]
        for patch in self.patches:
            patch.start()

    @initialize(
        sync=st.sampled_from([0.0, 0.1]),
        keep=st.sampled_from([0.0, 3600.0]),
        segments=st.sampled_from([2, 3, 50]),
        events=st.sampled_from([0, 30, 100, 300]),
        damage=st.booleans(),
    )
    def configure(self, sync: float, keep: float, segments: int, events: int, damage: bool) -> None:
        """A spool in which so many events wait for the recorder, if it has room for them."""
        spool = SpoolSection(
            self.directory,
            max_bytes=segments * WHOLE,
            segment_bytes=SEGMENT,
            keep=keep,
            keep_bytes=50 * WHOLE,
            sync=sync,
        )
        self.config = Config(node="gw1", spool=spool)
        self.with_damage = damage
        self.begin(None)
        self.receive(events)

    @precondition(lambda self: self.receiver is None)
    @rule()
    def start(self) -> None:
        self.begin(None)

    @precondition(lambda self: self.receiver is None)
    @rule(lines=LINES)
    def start_and_be_killed(self, lines: int) -> None:
        self.begin(lines)

    @precondition(lambda self: self.receiver is not None)
    @rule(count=COUNTS)
    def receive(self, count: int) -> None:
        self.source.send(count)
        self.turn(1 + count // 20, None)

    @precondition(lambda self: self.receiver is not None)
    @rule(count=COUNTS, lines=LINES)
    def receive_and_be_killed(self, count: int, lines: int) -> None:
        self.source.send(count)
        self.turn(1 + count // 20, lines)

    @precondition(lambda self: self.receiver is not None)
    @rule()
    def tick(self) -> None:
        """A second later: retention, a sync, another attempt to begin a segment."""
        self.clock.now += 1.0
        self.turn(1, None)

    @precondition(lambda self: self.receiver is not None)
    @rule(lines=LINES)
    def tick_and_be_killed(self, lines: int) -> None:
        self.clock.now += 1.0
        self.turn(1, lines)

    @precondition(lambda self: self.receiver is not None)
    @rule(drops=st.integers(1, 5))
    def overrun(self, drops: int) -> None:
        self.source.overrun(drops)
        self.kernel_drops[self.stream] += drops
        self.turn(1, None)

    @precondition(lambda self: self.receiver is not None)
    @rule(going_on=st.booleans(), lines=st.none() | LINES)
    def finish(self, going_on: bool, lines: int | None) -> None:
        receiver = self.alive()
        self.run(lambda: receiver.finish(going_on=going_on), lines, keeps_socket=going_on)
        if self.receiver is not None:
            self.receiver = self.source.receiver = None
            if not going_on:
                self.is_inherited = False
                self.source.close()

    @precondition(lambda self: self.receiver is not None or self.is_inherited)
    @rule()
    def kill_and_close_socket(self) -> None:
        """Without systemd's store, or before a start in another mode."""
        self.die(keeps_socket=False)

    @rule(steps=st.sampled_from([1, 5, 1000]))
    def read(self, steps: int) -> None:
        self.snapshots.append(self.reader.database.snapshot())
        for _ in range(steps):
            if not self.reader.step():
                break
        self.note_committed()

    @rule(steps=st.sampled_from([1, 5, 1000]))
    def read_and_be_killed(self, steps: int) -> None:
        self.read(steps)
        self.reader.stop()

    @precondition(lambda self: self.snapshots)
    @rule(age=st.integers(1, 5))
    def restore_database(self, age: int) -> None:
        """An older copy comes back, or another server that had not received all."""
        self.snapshots = self.snapshots[: max(1, len(self.snapshots) - age)]
        self.reader.restore(self.snapshots[-1].snapshot())
        # What retention has deleted, or deletes before it is read again, is needed now.
        self.was_restored = True
        self.inexact |= self.damaged

    @precondition(lambda self: self.with_damage)
    @rule(seed=st.integers(0, 1 << 32))
    def lose_power(self, seed: int) -> None:
        self.reader.stop()
        for event in self.source.taken:
            if event.dropped or event.offset >= self.disk.durable_end(event.file):
                self.expose(event)
        for _, path in list_segments(self.directory):
            self.expose_stream(path)
        self.die(keeps_socket=False)
        self.disk.lose_power(Random(seed))
        self.boot_id = UUID(int=self.boot_id.int + 1)

    @precondition(lambda self: self.with_damage and bool(list_segments(self.directory)))
    @rule(which=st.integers(0, 9), size=st.integers(0, WHOLE))
    def cut_file(self, which: int, size: int) -> None:
        """A file is shorter than it was; nobody has it open, or its mapping would be SIGBUS."""
        self.reader.stop()
        self.die(keeps_socket=self.is_inherited)
        segments = list_segments(self.directory)
        path = segments[which % len(segments)][1]
        whole = end_of_frames(path, size - HEADER_SIZE)
        self.expose_stream(path)
        for event in self.source.taken:
            if event.file == path.name and (event.dropped or event.offset >= whole):
                self.expose(event)
        os.truncate(path, size)
        self.disk.rest()

    def begin(self, lines: int | None) -> None:
        receiver = Receiver(
            self.config,
            self.source,  # type: ignore[arg-type]
            Dumps(),
            self.clock,
            self.clock.sleep,
            FakeKernel(),  # type: ignore[arg-type]
        )
        self.receiver = self.source.receiver = receiver
        inherited = self.is_inherited
        # A new socket is put into systemd's store once its stream has begun.
        self.run(lambda: receiver.begin(inherited=inherited), lines, keeps_socket=inherited)
        self.is_inherited = self.receiver is not None or inherited

    def turn(self, turns: int, lines: int | None) -> None:
        receiver = self.alive()

        def take_turns() -> None:
            for _ in range(turns):
                receiver.turn()

        self.run(take_turns, lines)

    def alive(self) -> Receiver:
        assert self.receiver is not None
        return self.receiver

    def run(
        self, action: Callable[[], None], lines: int | None, *, keeps_socket: bool = True
    ) -> None:
        """The receiver does something, and may be killed at it."""
        try:
            with killed_after(lines):
                action()
            if self.receiver is not None:
                self.stream = self.receiver._spool.current.segment.stream
        except Killed:
            self.die(keeps_socket=keeps_socket)
        self.observe()

    def die(self, *, keeps_socket: bool) -> None:
        """Without a word; the mapping goes when nobody refers to it."""
        self.receiver = self.source.receiver = None
        self.killed.add(self.stream)
        if not keeps_socket:
            self.is_inherited = False
            self.cut_short.add(self.stream)
            self.source.close()

    def expose(self, event: Event) -> None:
        event.safe = False
        self.damaged.add(event.stream)

    def expose_stream(self, path: Path) -> None:
        """Something of the stream in this file may be gone, if not an event."""
        with suppress(DamagedSegment), opened_segment(path, writable=False) as segment:
            self.damaged.add(segment.stream)
            self.inexact.add(segment.stream)

    def observe(self) -> None:
        """Retention deletes only what the database has, or had: it may need that again."""
        for _, path in list_segments(self.directory):
            with suppress(DamagedSegment), opened_segment(path, writable=False) as segment:
                self.stream_of[path.name] = segment.stream
            self.lost_files.discard(path.name)
        gone = self.disk.observe() - self.lost_files
        for event in self.source.taken:
            if event.file in gone:
                assert event.dropped or not event.safe or event.number in self.committed, event
                event.safe = False
        self.damaged |= {self.stream_of[name] for name in gone if name in self.stream_of}
        self.lost_files |= gone
        if self.was_restored:
            self.inexact |= self.damaged

    def note_committed(self) -> None:
        self.committed |= {row["ct_id"] for row in self.reader.database.rows}
        self.observe()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[1] is self.outer:
                self.end()
        finally:
            self.reader.stop()
            for patch in self.patches:
                patch.stop()
            shutil.rmtree(self.directory)

    def end(self) -> None:
        """The last receiver ends its stream, one more begins and ends; all is read."""
        for _ in range(2):
            if self.receiver is None:
                self.start()
            self.read_all()
            while self.source.queue:
                self.tick()
                self.read_all()
            self.finish(False, None)
            self.read_all()
        self.check()

    def read_all(self) -> None:
        self.reader.read_all()
        self.note_committed()

    def check(self) -> None:
        database = self.reader.database
        assert not database.undecodable
        stored = Counter(row["ct_id"] for row in database.rows)
        assert set(stored.values()) <= {1}, f"stored twice: {stored.most_common(3)}"
        for row in database.rows:
            expected = columns_of(replace(ENTRY, ct_id=row["ct_id"]))
            assert {**row, "received_at": None} == {**expected, "received_at": None}
        taken = {event.number: event for event in self.source.taken}
        for number in stored:
            assert number in taken, f"{number} was never received"
            assert not taken[number].dropped
        dropped = Counter(event.stream for event in self.source.taken if event.dropped)
        noted = database.counts("dropped", "count")
        for stream in (dropped.keys() | noted.keys()) - self.inexact:
            assert noted[stream] == dropped[stream], "dropped events are counted exactly"
        lost = database.counts("overrun", "lost")
        for stream in self.kernel_drops.keys() - self.inexact - self.cut_short:
            # A kill between the note and the header's count reports the same drops once more.
            assert lost[stream] >= self.kernel_drops[stream], "drops of the kernel are reported"
            assert stream in self.killed or lost[stream] == self.kernel_drops[stream]
        for event in self.source.taken:
            if event.number not in stored and not event.dropped:
                self.explain(event, database)
        for stream, first, until in database.missing:
            assert stream in self.damaged, f"nothing of it is missing at {first} to {until}"

    def explain(self, event: Event, database: Database) -> None:
        """What is not stored is in a span that the database knows to be missing.

        Or behind the end of its stream: from there to the next stream's start there is a gap
        ("not listening").
        """
        assert not event.safe, f"{event} is not stored"
        position = database.end_of(event.stream)
        is_reported = any(
            stream == event.stream and first <= event.position < until
            for stream, first, until in database.missing
        )
        assert is_reported or event.position >= position, f"{event} is missing, and nothing says so"


def end_of_frames(path: Path, limit: int) -> int:
    """The end of the published frames of a segment that lie before ``limit`` as a whole."""
    try:
        with opened_segment(path, writable=False) as segment:
            at = 0
            while at < segment.end:
                try:
                    frame, _ = load_frame(segment, at)
                except DamagedFrame:
                    break
                if frame.end > limit:
                    break
                at = frame.end
            return at
    except DamagedSegment:
        return 0


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
