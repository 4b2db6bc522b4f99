"""The receiver's turns against a source that the test fills: what is written, and when it waits."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctaudit.capture import process
from ctaudit.capture.pace import COALESCE_DELAY, HEARTBEAT, Pace
from ctaudit.capture.receiver import Receiver
from ctaudit.capture.table_dump import RETRY_AFTER
from ctaudit.config import Config, SocketSection, SpoolSection
from ctaudit.conntrack.nlmsg import HEADER
from ctaudit.host.seen_scope import SeenScope
from ctaudit.spool.frame import HEAD_SIZE
from ctaudit.spool.note import DRAINED, Note, unpack_drained
from ctaudit.spool.segment import HEADER_SIZE, Segment, Word, list_segments, opened_segment
from tests.unit.fake_kernel import ON, FakeKernel
from tests.unit.fake_source import EVENT, Dumps, FakeClock, FakeDump, FakeSource
from tests.unit.messages import message
from tests.unit.spool_contents import read_bodies, read_notes

SEGMENT = 256 << 10
BURST = 256


class Rig:
    """A receiver and all that surrounds it; no dump comes but the first."""

    def __init__(self, directory: Path, buffer: int = 64 << 20, **sections: Any) -> None:
        spool = {"segment_bytes": SEGMENT, "max_bytes": 1 << 30, **sections.pop("spool", {})}
        self.directory = directory
        self.config = Config(node="gw1", spool=SpoolSection(directory, **spool), **sections)
        self.source = FakeSource(buffer)
        self.clock = FakeClock()
        self.dumps = Dumps()
        self.kernel = FakeKernel()
        self.receiver = self.restart(inherited=False)

    def restart(self, *, inherited: bool) -> Receiver:
        """A receiver that takes the last one's place, which was killed."""
        self.receiver = Receiver(
            self.config,
            self.source,  # type: ignore[arg-type]
            self.dumps,
            self.clock,
            self.clock.sleep,
            self.kernel,  # type: ignore[arg-type]
        )
        self.receiver.begin(inherited=inherited)
        return self.receiver

    def queue(self, count: int) -> None:
        self.source.queue.extend([EVENT] * count)

    def receive(self, count: int) -> None:
        """These events come, and the receiver takes turns until they are taken; one at least."""
        self.queue(count)
        self.receiver.turn()
        while self.source.queue:
            self.receiver.turn()

    def settle(self) -> None:
        """The first dump, and what follows it, until the receiver is idle."""
        for _ in range(3):
            self.receiver.turn()
        assert self.receiver._pace.drained

    @property
    def segments(self) -> list[Path]:
        return [path for _, path in list_segments(self.directory)]

    def notes(self, name: str) -> list[Note]:
        found = []
        for path in self.segments:
            with opened_segment(path, writable=False) as segment:
                found += [note for note in read_notes(segment) if note.name == name]
        return found

    def events(self) -> int:
        return sum(body.count(EVENT) for body in self.bodies())

    def bodies(self) -> list[bytes]:
        found = []
        for path in self.segments:
            with opened_segment(path, writable=False) as segment:
                found += read_bodies(segment)
        return found


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    made.settle()
    yield made
    made.receiver._spool.close()


def ends_drained(body: bytes) -> bool:
    return len(body) >= 24 and HEADER.unpack_from(body, len(body) - 24)[1] == DRAINED


def count_drained(rig: Rig) -> int:
    return sum(map(ends_drained, rig.bodies()))


def test_a_stream_begins_with_its_start_note_and_a_dump(tmp_path: Path) -> None:
    rig = Rig(tmp_path, mode="nat")
    (start,) = rig.notes("start")
    assert (start.detail["mode"], start.detail["inherited"]) == ("nat", False)
    assert start.detail["receive_buffer"] == 64 << 20
    assert start.detail["earlier"] is None
    rig.settle()
    assert [note.detail["cause"] for note in rig.notes("dump begin")] == ["start"]
    assert len(rig.notes("dump end")) == 1
    rig.receiver._spool.close()


def test_a_burst_is_one_frame(rig: Rig) -> None:
    before = len(rig.bodies())
    rig.receive(5)
    (body,) = rig.bodies()[before:]
    assert body == EVENT * 5 or (body[: 5 * len(EVENT)] == EVENT * 5 and ends_drained(body))


def test_messages_are_padded(rig: Rig) -> None:
    odd = message(0x100, 0x600, bytes(33))
    rig.source.queue.extend([odd, EVENT])
    rig.receiver.turn()
    assert any(body.startswith(odd + bytes(3) + EVENT) for body in rig.bodies())


def test_idle_sleeps_polls_and_says_that_nothing_is_queued(rig: Rig) -> None:
    rig.clock.slept.clear()
    rig.source.waits.clear()
    before = len(rig.bodies())
    rig.receive(0)
    assert (rig.clock.slept, rig.source.waits) == ([COALESCE_DELAY], [HEARTBEAT])
    (body,) = rig.bodies()[before:]
    assert ends_drained(body)
    assert unpack_drained(body) is not None


def test_busy_neither_sleeps_nor_notes(rig: Rig) -> None:
    before = len(rig.bodies())
    rig.queue(2 * BURST + 1)
    rig.receiver.turn()
    rig.clock.slept.clear()
    rig.receiver.turn()
    first, second = rig.bodies()[before:]
    assert first == second == EVENT * BURST
    # This burst empties the queue: from the next turn on it is idle.
    rig.receiver.turn()
    assert rig.clock.slept == []
    rig.receiver.turn()
    assert rig.clock.slept == [COALESCE_DELAY]


def test_a_busy_stream_has_few_drained_notes(rig: Rig) -> None:
    """Bursts that empty the queue, one on the other: a note at most each 50 ms."""
    rig.receive(1)
    before = len(rig.bodies())
    for _ in range(5):
        rig.receive(1)
    assert sum(map(ends_drained, rig.bodies()[before:])) <= 1


def test_a_small_buffer_is_read_without_sleep(tmp_path: Path) -> None:
    rig = Rig(tmp_path, buffer=64 << 10)
    rig.settle()
    rig.receive(0)
    assert rig.clock.slept == []
    rig.receiver._spool.close()


def test_a_dump_that_runs_is_not_slept_over(rig: Rig) -> None:
    rig.clock.now += rig.config.dumps.interval
    rig.clock.slept.clear()
    rig.receiver.turn()
    assert rig.source.waits[-1] == 0.0
    rig.receiver.turn()
    assert rig.clock.slept == []
    assert rig.source.waits[-1] == 0.0


def test_a_dump_waits_for_the_next_segment_if_the_burst_has_filled_this_one(rig: Rig) -> None:
    rig.clock.now += rig.config.dumps.interval
    segment = rig.receiver._spool.current
    segment.limit = segment.offset + HEAD_SIZE
    rig.queue(2)
    rig.receiver.turn()
    assert not segment.has_room()
    assert len(rig.notes("dump begin")) == 1
    rig.receiver.turn()
    assert len(rig.notes("dump begin")) == 2


def test_a_turn_without_events_does_not_count_as_read(rig: Rig) -> None:
    rig.receive(1)
    last_read = rig.receiver._last_read
    rig.receive(0)
    rig.source.overrun(1)
    rig.receive(0)
    assert [note.detail["last_read_at"] for note in rig.notes("overrun")] == [last_read]


def test_overrun(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.receive(1)
    last_read = rig.receiver._last_read
    rig.receiver._spool.set_dump_ended(7)
    rig.source.overrun(17)
    with caplog.at_level(logging.ERROR):
        rig.receive(3)
    (note,) = rig.notes("overrun")
    assert note.detail == {"last_read_at": last_read, "lost": 17, "undelivered": 17}
    assert "the buffer now has 128MiB" in caplog.text
    assert rig.receiver._spool.kernel_drops == 17
    assert rig.receiver._spool.dump_ended == 0
    # What is queued behind the overrun is read, and a dump follows.
    rig.receive(0)
    assert rig.events() == 4
    rig.clock.now += 2 * RETRY_AFTER
    rig.settle()
    assert [note.detail["cause"] for note in rig.notes("dump begin")] == ["start", "overrun"]


def test_drops_while_a_gap_is_open_are_noted_before_the_dump(rig: Rig) -> None:
    for drops in (1, 2, 3):
        rig.source.overrun(drops)
        rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [1]
    # An empty queue shows the drops once more; the dump waits until there are no new ones.
    rig.clock.now += 2 * RETRY_AFTER
    rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [1]
    assert len(rig.notes("dump begin")) == 1
    rig.clock.now += 2 * RETRY_AFTER
    rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [1, 5]
    # The next one opens a gap of its own, and the dump that had begun is worth nothing.
    rig.source.overrun(4)
    rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [1, 5, 4]
    assert rig.dumps.opened[-1].closed
    rig.clock.now += 2 * RETRY_AFTER
    rig.settle()
    assert len(rig.notes("dump end")) == 2


def test_drops_without_an_error_are_found_when_the_queue_is_empty(rig: Rig) -> None:
    before = len(rig.bodies())
    rig.source.drops += 6
    rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [6]
    assert rig.source.cleared == 1
    assert not any(ends_drained(body) for body in rig.bodies()[before:])


def test_drops_are_found_by_the_tick_of_a_busy_receiver(rig: Rig) -> None:
    rig.queue(4 * BURST)
    rig.receiver.turn()
    rig.source.drops += 6
    rig.clock.now += 1.0
    rig.receiver.turn()
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [6]


def test_reliable_delivery_does_not_say_how_many_are_lost(tmp_path: Path) -> None:
    rig = Rig(tmp_path, socket=SocketSection(reliable=True))
    rig.source.overrun(17)
    rig.receive(0)
    (note,) = rig.notes("overrun")
    assert (note.detail["lost"], note.detail["undelivered"]) == (None, 17)
    rig.receiver._spool.close()


def test_a_start_note_says_what_the_spool_held_before(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with opened_segment(rig.segments[0]) as segment:
        stream = str(segment.stream)
    rig.receiver._spool.close()
    rig.config = replace(rig.config, node="gw2")
    rig.restart(inherited=False)
    assert rig.notes("start")[-1].detail["earlier"] == {"node": "gw1", "stream": stream}
    rig.receiver._spool.close()


def test_the_kernel_s_count_wraps(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.source.drops = (1 << 32) - 2
    rig.restart(inherited=False)
    rig.source.overrun(5)
    rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [5]
    rig.receiver._spool.close()


def test_another_error_of_the_socket_is_raised(rig: Rig) -> None:
    rig.source.queue.append(OSError(9, "Bad file descriptor"))
    with pytest.raises(OSError, match="Bad file descriptor"):
        rig.receiver.turn()


def test_a_stream_goes_on_in_the_next_segment(rig: Rig) -> None:
    for _ in range(20):
        rig.receive(BURST)
    assert len(rig.segments) > 2
    assert rig.events() == 20 * BURST
    assert not rig.receiver._spool.is_dropping


class Full:
    """A spool of two segments, both full: events are being dropped."""

    def __init__(self, directory: Path) -> None:
        self.rig = Rig(directory, spool={"max_bytes": 2 * (HEADER_SIZE + SEGMENT)})
        self.rig.settle()
        self.given = 0
        while not self.rig.receiver._spool.is_dropping:
            self.receive(BURST)

    def receive(self, count: int) -> None:
        self.given += count
        self.rig.receive(count)

    def make_room(self) -> None:
        """The recorder has taken the first segment, and the pause between two attempts is over."""
        with opened_segment(self.rig.segments[0]) as segment:
            segment.commit(segment.end)
        self.rig.clock.now += 0.1


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Full]:
    made = Full(tmp_path)
    yield made
    made.rig.receiver._spool.close()


def test_dropped_events_are_counted_and_noted_when_there_is_room(
    full: Full, caplog: pytest.LogCaptureFixture
) -> None:
    rig = full.rig
    with caplog.at_level(logging.INFO):
        full.receive(10)
        assert not rig.notes("dropped")
        stored = rig.events()
        full.make_room()
        full.receive(1)
    assert "the spool has room again" in caplog.text
    (note,) = rig.notes("dropped")
    assert note.detail["count"] == full.given - 1 - stored
    with opened_segment(rig.segments[-1]) as segment:
        assert sum(body.count(EVENT) for body in read_bodies(segment)) == 1
    rig.settle()
    assert [note.detail["cause"] for note in rig.notes("dump begin")] == ["spool full"]


def test_a_full_spool_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        full = Full(tmp_path)
        for _ in range(3):
            full.rig.clock.now += 0.1
            full.receive(1)
    assert caplog.text.count("events are counted and dropped: spool.max_bytes = 520KiB") == 1
    full.rig.receiver._spool.close()


def test_dropping_neither_sleeps_nor_dumps(full: Full) -> None:
    rig = full.rig
    rig.clock.now += rig.config.dumps.interval
    rig.clock.slept.clear()
    full.receive(1)
    full.receive(1)
    assert rig.clock.slept == []
    assert len(rig.notes("dump begin")) == 1


def test_the_last_sleep_is_before_dropping(full: Full) -> None:
    full.rig.receiver._pace = Pace(drained=True)
    full.rig.clock.slept.clear()
    for _ in range(3):
        full.receive(0)
    assert full.rig.clock.slept == [COALESCE_DELAY]


def test_dropping_leaves_the_rest_of_the_segment_to_the_last_notes(full: Full) -> None:
    before = full.rig.receiver._spool.current.offset
    full.rig.clock.now += 3601.0
    full.receive(1)
    assert full.rig.receiver._spool.current.offset == before


def test_a_dump_that_runs_is_abandoned_when_events_are_dropped(tmp_path: Path) -> None:
    rig = Rig(tmp_path, spool={"max_bytes": 2 * (HEADER_SIZE + SEGMENT)})
    rig.dumps.make = FakeDump  # never ends
    rig.settle()
    assert not rig.dumps.opened[-1].closed
    while not rig.receiver._spool.is_dropping:
        rig.receive(BURST)
    assert rig.dumps.opened[-1].closed
    rig.receiver._spool.close()


def test_overrun_while_dropping_is_noted_when_there_is_room(full: Full) -> None:
    rig, buffer = full.rig, full.rig.source.buffer
    rig.source.overrun(5)
    rig.receive(0)
    assert rig.source.buffer == 2 * buffer
    assert not rig.notes("overrun")
    full.make_room()
    rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [5]


def test_another_error_while_dropping_is_raised(full: Full) -> None:
    full.rig.source.queue.append(OSError(9, "Bad file descriptor"))
    with pytest.raises(OSError, match="Bad file descriptor"):
        full.rig.receiver.turn()


def test_finish_takes_what_is_queued_and_ends_the_stream(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.settle()
    rig.queue(3 * BURST)
    rig.receiver.finish(going_on=False)
    assert rig.events() == 3 * BURST
    assert [note.name for note in rig.notes("stop")] == ["stop"]
    with opened_segment(rig.segments[-1]) as segment:
        assert segment.sealed


def test_finish_leaves_a_stream_whose_socket_lives_on(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.settle()
    rig.receiver.finish(going_on=True)
    assert not rig.notes("stop")
    rig.queue(4)
    rig.config = replace(rig.config, pair="gw2")
    rig.restart(inherited=True).turn()
    assert [note.detail["pair"] for note in rig.notes("resume")] == ["gw2"]
    assert rig.notes("start")[0].detail["pair"] is None
    assert len(rig.notes("start")) == 1
    assert rig.events() == 4
    # It knows of the dump that its predecessor made.
    assert len(rig.notes("dump begin")) == 1
    rig.receiver._spool.close()


def test_finish_notes_drops_that_no_note_has(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.settle()
    rig.source.drops += 3
    rig.queue(1)
    rig.receiver._pace = rig.receiver._pace._replace(noted_at=1 << 62)
    rig.receiver.finish(going_on=False)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [3]


def test_a_successor_dumps_at_once_after_drops_at_the_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.settle()
    rig.source.drops += 3
    rig.queue(1)
    rig.receiver._pace = rig.receiver._pace._replace(noted_at=1 << 62)
    rig.receiver.finish(going_on=True)
    rig.restart(inherited=True).turn()
    assert [note.detail["cause"] for note in rig.notes("dump begin")] == ["start", "resume"]
    rig.receiver._spool.close()


def test_finish_abandons_a_dump(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.dumps.make = FakeDump  # never ends
    rig.settle()
    rig.receiver.finish(going_on=False)
    assert rig.dumps.opened[-1].closed
    assert not rig.notes("dump end")


def test_finish_reads_for_a_limited_time(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.settle()
    take = rig.source.recv_into

    def endless(into: memoryview) -> int:
        rig.source.queue.append(EVENT)
        rig.clock.now += 0.01
        return take(into)

    rig.source.recv_into = endless  # type: ignore[method-assign]
    rig.restart(inherited=True)
    rig.receiver.finish(going_on=False)
    assert rig.events() == 2 * BURST
    assert len(rig.notes("stop")) == 1


def test_finish_of_a_full_spool_notes_what_was_dropped(tmp_path: Path) -> None:
    full = Full(tmp_path)
    full.rig.receiver.finish(going_on=False)
    (note,) = full.rig.notes("dropped")
    assert note.detail["count"] == full.given - full.rig.events()
    assert len(full.rig.notes("stop")) == 1


def test_a_successor_notes_what_the_kernel_dropped_meanwhile(rig: Rig) -> None:
    rig.source.overrun(3)
    rig.receive(0)
    rig.receiver._spool.close()
    rig.source.drops += 4
    rig.restart(inherited=True)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [3]
    rig.receive(0)
    assert [note.detail["lost"] for note in rig.notes("overrun")] == [3, 4]
    rig.receiver._spool.close()
    rig.restart(inherited=True)
    rig.receive(0)
    assert len(rig.notes("overrun")) == 2


def test_a_successor_in_a_full_spool_writes_no_note(full: Full) -> None:
    full.rig.receiver._spool.close()
    full.rig.restart(inherited=True)
    assert not full.rig.notes("resume")
    full.receive(2)
    full.make_room()
    stored = full.rig.events()
    full.receive(0)
    (note,) = full.rig.notes("dropped")
    assert note.detail["count"] == full.given - stored


def test_an_inherited_socket_without_its_stream_begins_one(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.receiver.finish(going_on=False)
    rig.restart(inherited=True)
    assert [note.detail["inherited"] for note in rig.notes("start")] == [False, True]
    rig.receiver._spool.close()


def test_the_scope_is_noted_where_a_stream_begins_or_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [note.detail["source"] for note in rig.notes("scope")] == ["unknown"]
    rig.receiver._spool.close()
    rig.restart(inherited=True)
    assert len(rig.notes("scope")) == 2
    seen = SeenScope(["1.2.3.4/32"], [], [])
    monkeypatch.setattr(rig.receiver._scope, "_read", lambda: seen)
    rig.clock.now += 30.0
    rig.receive(0)
    assert rig.notes("scope")[2].detail["public"] == ["1.2.3.4/32"]


def test_a_tick_looks_at_the_kernel_and_the_clock(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first tick has noted the clock's synchronisation.
    assert [note.detail["step_seconds"] for note in rig.notes("clock")] == [None]
    monkeypatch.setattr(rig.receiver._clock._steps, "find_step", lambda: -1_500_000_000)
    rig.kernel.settings = ON._replace(acct=0)
    rig.clock.now += 1.0
    rig.queue(2 * BURST)  # The burst leaves something: no DRAINED note, and so no look for it.
    rig.receiver.turn()
    assert [note.detail["step_seconds"] for note in rig.notes("clock")] == [None, -1.5]
    assert [note.detail["acct"] for note in rig.notes("settings")] == [0]


def test_the_kernel_is_looked_at_before_each_drained_note(rig: Rig) -> None:
    """After the time that it states, so that coverage never reaches beyond the last look."""
    looks = rig.kernel.looks
    for _ in range(3):
        rig.receive(0)
    assert rig.kernel.looks == looks + 3
    rig.kernel.clashes = 7
    drained = count_drained(rig)
    rig.receive(0)
    assert count_drained(rig) == drained
    (note,) = rig.notes("clashes")
    rig.receive(0)
    last = rig.bodies()[-1]
    assert ends_drained(last)
    assert (note.detail["count"], note.detail["since"] < note.at) == (2, True)


def test_clashes_without_end_do_not_hold_back_coverage(rig: Rig) -> None:
    drained = count_drained(rig)
    for clashes in range(6, 14):
        rig.kernel.clashes = clashes
        rig.clock.now += 0.25
        rig.receive(0)
    assert len(rig.notes("clashes")) == 2
    assert count_drained(rig) >= drained + 6


def test_the_start_note_has_the_settings(rig: Rig) -> None:
    (start,) = rig.notes("start")
    assert {name: start.detail[name] for name in ON._fields} == ON._asdict()


def test_a_dump_follows_when_events_are_on_again(rig: Rig) -> None:
    rig.kernel.settings = ON._replace(events=0)
    rig.receive(0)
    assert len(rig.notes("dump begin")) == 1
    rig.kernel.settings = ON
    rig.receive(0)
    rig.receive(0)
    assert [note.detail["cause"] for note in rig.notes("dump begin")] == ["start", "settings"]
    assert [note.detail["events"] for note in rig.notes("settings")] == [0, 1]


def test_a_dump_is_asked_for(rig: Rig) -> None:
    rig.receive(0)
    rig.receiver.request_dump()
    rig.receive(0)
    assert [note.detail["cause"] for note in rig.notes("dump begin")] == ["start", "asked"]


def test_a_dump_is_abandoned_when_events_are_on_again(tmp_path: Path) -> None:
    """It may lack what began before it reached that place."""
    rig = Rig(tmp_path)
    rig.kernel.settings = ON._replace(events=0)
    rig.settle()
    rig.dumps.make = FakeDump  # never ends
    rig.receiver._dump.request("test")
    rig.receive(0)
    running = rig.dumps.opened[-1]
    assert not running.closed
    rig.kernel.settings = ON
    rig.receive(0)
    assert running.closed
    rig.receiver._spool.close()


def test_a_successor_notes_what_changed_meanwhile(rig: Rig) -> None:
    rig.receive(0)
    rig.receiver._spool.close()
    rig.kernel.settings, rig.kernel.clashes = ON._replace(events=0), 6
    rig.restart(inherited=True)
    assert [note.detail["before"] for note in rig.notes("settings")] == [ON._asdict()]
    assert [note.detail["count"] for note in rig.notes("clashes")] == [1]


def test_a_successor_finds_it_in_a_later_segment(tmp_path: Path) -> None:
    """The header of each segment takes over what that of the one before says."""
    rig = Rig(tmp_path)
    rig.settle()
    while len(rig.segments) < 2:
        rig.queue(BURST)
        rig.receiver._take_events()
        assert rig.receiver._spool.current.has_room() or rig.receiver._roll()
    rig.queue(1)
    rig.receiver._take_events()
    rig.receiver._spool.close()
    rig.kernel.settings, rig.kernel.clashes = ON._replace(timestamp=0), 6
    with opened_segment(rig.segments[-1]) as segment:
        segment.words[Word.CLOCK_OFFSET] -= 10**10
    rig.restart(inherited=True)
    assert [note.detail["timestamp"] for note in rig.notes("settings")] == [0]
    # Those before the step may hide something after it.
    assert [note.detail["count"] for note in rig.notes("clashes")] == [1, 0]
    assert [note.detail["step_seconds"] for note in rig.notes("clock")][1:] == [
        pytest.approx(10, abs=0.1)
    ]
    rig.receiver._spool.close()


def test_nothing_is_noted_while_there_is_no_room(full: Full) -> None:
    full.rig.kernel.settings, full.rig.kernel.clashes = ON._replace(acct=0), 6
    full.rig.clock.now += 1.0
    full.rig.receive(0)
    assert not full.rig.notes("settings")
    full.make_room()
    full.rig.receive(0)
    assert [note.detail["acct"] for note in full.rig.notes("settings")] == [0]
    assert [note.detail["count"] for note in full.rig.notes("clashes")] == [1]


@pytest.mark.parametrize(("sync", "times"), [(0.0, 0), (0.1, 2)])
def test_the_segment_is_synced_at_an_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: float, times: int
) -> None:
    rig = Rig(tmp_path, spool={"sync": sync})
    rig.settle()
    synced = []
    monkeypatch.setattr(Segment, "sync", lambda segment: synced.append(segment.sequence))
    rig.clock.now += 0.1
    rig.receive(1)
    rig.clock.now += 0.01
    rig.receive(1)
    rig.clock.now += 0.1
    rig.receive(1)
    assert len(synced) == times
    rig.receiver._spool.close()


def test_a_tick_applies_retention(rig: Rig) -> None:
    for _ in range(10):
        rig.receive(BURST)
    count = len(rig.segments)
    for path in rig.segments:
        with opened_segment(path) as segment:
            segment.commit(segment.end)
            segment.words[Word.SEALED] -= 3600 * 10**9 if segment.sealed else 0
    rig.receive(0)
    assert len(rig.segments) == count
    rig.clock.now += 1.0
    rig.receive(0)
    assert len(rig.segments) == 1


def test_a_socket_is_stored_once_its_stream_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a receiver killed in between leaves a socket with the stream of an earlier one."""
    done: list[str] = []

    class Fake:
        def begin(self, *, inherited: bool) -> None:
            done.append(f"begin, inherited={inherited}")

        def finish(self, *, going_on: bool) -> None:
            done.append(f"finish, going_on={going_on}")

    class Store:
        def keep(self, *_: object) -> bool:
            done.append("store")
            return True

    monkeypatch.setattr(process, "Receiver", lambda *_, **__: Fake())
    monkeypatch.setattr(process, "EventSource", lambda *_: None)
    monkeypatch.setattr(process, "_event_socket", lambda *_: nullcontext((None, False)))
    config: Any = Config(node="gw1", spool=SpoolSection(tmp_path))
    store: Any = Store()
    assert process.run(config, [15], store) == 0
    assert done == ["begin, inherited=False", "store", "finish, going_on=True"]
