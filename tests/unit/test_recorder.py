"""The recorder over real segments and a database in memory: whatever fails, each event once."""

from __future__ import annotations

import base64
import itertools
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctaudit.config import BatchSection, CanarySection, Config, DatabaseSection, JournalSection
from ctaudit.errors import DatabaseError, UsageError
from ctaudit.host.log import MESSAGE_IDS
from ctaudit.record import canary, live_copy
from ctaudit.record import recorder as recorder_module
from ctaudit.record.recorder import Recorder
from ctaudit.record.session import Session
from ctaudit.spool.lag import open_lag, read_lag
from ctaudit.spool.note import Note, pack_drained, pack_note
from ctaudit.spool.order import list_paths
from ctaudit.spool.segment import HEADER_SIZE, Segment, open_segment, opened_segment
from tests.unit.database import Database, Unreachable, lost_connection, server_error
from tests.unit.messages import build, message
from tests.unit.streams import NODE, STREAM, make_segment, size_of
from tests.unit.test_layout import ENTRY

KEY = (NODE, STREAM)
OTHER = UUID("7a1c0f3e-0000-4000-8000-0000000000ff")
START = pack_note(Note("start", 500, {"mode": "live"}))
STOP = pack_note(Note("stop", 900, {}))


def event(number: int) -> bytes:
    made = build(replace(ENTRY, ct_id=number))
    return made + bytes(-len(made) % 4)


def events(*numbers: int) -> bytes:
    return b"".join(event(number) for number in numbers)


@dataclass
class Bench:
    """A spool, a database, and recorders that work between them until all is recorded."""

    directory: Path
    database: Database = field(default_factory=Database)
    waits: list[float] = field(default_factory=list)
    end: int = 0
    mode: str = "live"
    live_copy: bool = False
    canary: float | None = None

    def spool(self, *segments: Sequence[bytes], stream: UUID = STREAM, sealed: bool = True) -> None:
        """Segments with these bodies of frames, one after the other; the last as ``sealed``."""
        first = len(list_paths(self.directory)) + 1
        base = 0
        for sequence, bodies in enumerate(segments, first):
            ended = sealed or sequence < first + len(segments) - 1
            made = make_segment(
                self.directory,
                sequence,
                base=base,
                stream=stream,
                bodies=tuple(bodies),
                sealed=ended,
            )
            base += made.end
            made.close()
        self.end = base

    def path(self, sequence: int = 1) -> Path:
        return self.directory / f"{sequence:012d}.segment"

    def recorder(self, limit: int = 100, *, paths: list[Path] | None = None) -> Recorder:
        """``paths``: for a replay of these only."""
        config = Config(
            node=NODE,
            mode=self.mode,
            database=DatabaseSection(live_copy=self.live_copy),
            batch=BatchSection(events=limit, wait=0.001),
            journal=JournalSection(rate=100),
            canary=CanarySection(self.canary),
        )
        session = Session(self.database.open, self.waits.append)
        if paths is not None:
            return Recorder(config, session, lambda: paths, replay=True)
        lag = open_lag(self.directory)
        return Recorder(config, session, lambda: list_paths(self.directory), lag=lag)

    def record(self, limit: int = 100, turns: int = 0) -> int:
        """``turns``: before it is told to stop, which a fault then does not end."""
        stops = itertools.chain([False] * turns, itertools.repeat(True))
        return self.recorder(limit).work(lambda: next(stops))

    def replay(self, sequence: int = 1, limit: int = 100) -> int:
        return self.recorder(limit, paths=[self.path(sequence)]).work(lambda: True)

    def marks(self) -> list[bool]:
        """Of each segment whether it is marked as committed in full."""
        marks = []
        for path in list_paths(self.directory):
            with opened_segment(path, writable=False) as segment:
                marks.append(segment.committed == segment.end)
        return marks

    def undecodable(self) -> list[bytes]:
        return [
            base64.b64decode(note.detail["message"])
            for _, note in self.database.notes
            if note.name == "undecodable"
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def at(moment: str, number: int, error: Callable[[], Exception]) -> Callable[[str], None]:
    """A fault at the ``number``-th such moment, from 0 on."""
    seen: Counter[str] = Counter()

    def meet(met: str) -> None:
        seen[met] += 1
        if met == moment and seen[met] == number + 1:
            raise error()

    return meet


def test_a_quiet_gateway_s_database_is_back_without_a_commit(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left to record, and the status does not keep the fault."""
    told: list[str] = []
    monkeypatch.setattr("ctaudit.record.session.notify", told.append)
    caplog.set_level(logging.INFO, "ctaudit")
    bench.spool([START, events(1)], sealed=False)
    assert bench.record() == 1
    bench.database.fault = Unreachable(2)
    assert bench.record(turns=20) == 0
    assert [status.partition(":")[0] for status in told] == [
        "STATUS=database unreachable", "STATUS=recording",
    ]  # fmt: skip
    assert caplog.messages[-1] == "the database is back, recording continues"


def test_a_database_that_only_answers_questions_is_not_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses each batch, as with a full disk: waits grow, and the status stays."""
    told: list[str] = []
    monkeypatch.setattr("ctaudit.record.session.notify", told.append)
    bench.spool([START, events(1)], sealed=False)

    def refuse(moment: str) -> None:
        if moment == "send":
            raise server_error("53100", "disk full")

    bench.database.fault = refuse
    bench.record(turns=60)
    assert bench.waits[-1] > 1
    assert told == ["STATUS=database unreachable: disk full"]


def test_events_and_notes_are_recorded_in_their_order(bench: Bench) -> None:
    bench.spool([START, events(1, 2, 3), events(4)], [events(5, 6), STOP])
    assert bench.record() == 6
    assert bench.database.events == [1, 2, 3, 4, 5, 6]
    assert bench.database.names() == ["start", "stop"]
    assert bench.marks() == [True, True]
    assert bench.waits == []


def test_what_is_recorded_is_not_recorded_again(bench: Bench) -> None:
    bench.spool([START, events(1, 2, 3)])
    assert (bench.record(), bench.record()) == (3, 0)
    assert bench.database.events == [1, 2, 3]


def test_recording_continues_in_the_middle_of_a_frame(bench: Bench) -> None:
    bench.spool([START, events(1, 2, 3, 4)])
    bench.database.positions[KEY] = size_of(START) + size_of(events(1, 2))
    assert bench.record() == 2
    assert bench.database.events == [3, 4]


def test_streams_one_after_the_other(bench: Bench) -> None:
    bench.spool([START, events(1)])
    bench.spool([START, events(2)], [events(3)], stream=OTHER)
    assert bench.record() == 3
    assert bench.database.events == [1, 2, 3]
    assert bench.marks() == [True, True, True]


def test_batches_have_at_most_their_limit_of_events(bench: Bench) -> None:
    bench.spool([START, events(*range(1, 8)), events(*range(8, 11))])
    bench.record(limit=4)
    assert bench.database.batches == [4, 4, 2]


def test_next_batch_is_encoded_before_the_answer_is_taken(bench: Bench) -> None:
    bench.spool([START, events(*range(1, 9))])
    bench.record(limit=4)
    sent = [moment for moment in bench.database.log if moment in ("encode", "send", "answer")]
    assert sent == ["encode", "send", "encode", "answer", "send", "answer"]


def test_note_waits_for_the_events_before_it(bench: Bench) -> None:
    bench.spool([START, events(1, 2), STOP, events(3)])
    bench.record(limit=2)
    order = [moment for moment in bench.database.log if moment in ("answered", "noted")]
    assert order == ["noted", "answered", "noted", "answered"]


def test_undecodable_message(bench: Bench) -> None:
    odd = message(0x101, 0, b"\2\0\0\0")
    bench.spool([START, events(1) + odd + events(2)])
    assert bench.record() == 2
    assert bench.undecodable() == [odd]
    span, note = bench.database.note("undecodable")
    assert span.until - span.first == len(odd)
    assert (note.at, note.detail["server_words"]) == (1000, None)
    assert bench.database.events == [1, 2]


def test_coverage_of_a_quiet_time_is_committed_before_the_events_that_follow(bench: Bench) -> None:
    """It is the earliest time at which they can have happened."""
    bench.spool([START, pack_drained(10), pack_drained(20), events(1) + pack_drained(30)])
    bench.record()
    assert bench.database.batches == [0, 1]
    assert bench.database.coverage == [20, 30]


def test_bytes_that_say_nothing_are_committed_too(bench: Bench) -> None:
    """Netlink's own control messages: without them the segment would never be complete."""
    done = message(3, 0, b"\0\0\0\0")
    bench.spool([START, done])
    bench.record()
    assert bench.database.positions[KEY] == size_of(START, done)
    assert bench.marks() == [True]


@pytest.mark.parametrize("rejected", [{7}, {1}, {12}, {3, 4}, {1, 6, 12}, set(range(1, 13))])
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_rejected_events_are_found_and_kept_as_undecodable(
    bench: Bench, rejected: set[int | str], limit: int
) -> None:
    bench.spool([START, events(*range(1, 8)), events(*range(8, 13)), STOP])
    bench.database.rejects = rejected
    assert bench.record(limit) == 12 - len(rejected)
    assert bench.database.events == [n for n in range(1, 13) if n not in rejected]
    assert bench.undecodable() == [event(number) for number in range(1, 13) if number in rejected]
    assert bench.database.names()[-1] == "stop"
    assert bench.marks() == [True]
    for _, note in bench.database.notes[1:-1]:
        assert note.detail["server_words"] == "no such port"
    assert bench.waits == []


def test_batches_are_halved_to_find_a_rejected_event_and_grow_again(bench: Bench) -> None:
    bench.spool([START, events(*range(1, 41))])
    bench.database.rejects = {3}
    bench.record(limit=16)
    # 16, 8 and 4 are rejected, 2 are committed, then 4 and 2 are rejected and 1 is found.
    assert bench.database.log.count("send") < 16
    assert bench.database.batches[0] == 2
    assert max(bench.database.batches) == 16
    assert sum(bench.database.batches) == 39


def test_rejected_event_that_is_alone_in_its_batch(bench: Bench) -> None:
    """As in light traffic: its batch cannot be halved, and has not been limited to one event."""
    bench.spool([START, events(1), STOP, events(2)])
    bench.database.rejects = {1}
    assert bench.record() == 1
    assert bench.undecodable() == [event(1)]
    assert bench.database.events == [2]


def test_connection_lost_while_a_rejected_event_is_recorded(bench: Bench) -> None:
    bench.spool([START, events(1, 2)])
    bench.database.rejects = {1}
    bench.database.fault = at("note", 1, lost_connection)
    assert bench.record(turns=20) == 1
    assert bench.undecodable() == [event(1)]
    assert len(bench.waits) == 1


def test_rejected_note_is_kept_as_undecodable(bench: Bench) -> None:
    bench.spool([START, events(1), STOP, events(2)])
    bench.database.rejects = {"stop"}
    bench.record()
    assert bench.undecodable() == [STOP]
    detail = bench.database.note("undecodable")[1].detail
    assert (detail["reason"], detail["server_words"]) == ("stop", "no such note")
    assert bench.database.events == [1, 2]


def test_loss_that_is_rejected_is_tried_again_later(bench: Bench) -> None:
    """Nothing is passed that is not on record."""
    odd = message(0x101, 0, b"\2\0\0\0")
    bench.spool([START, events(1) + odd + events(2)])
    bench.database.fault = at("note", 1, lambda: server_error("22P02"))
    bench.record(turns=20)
    assert bench.undecodable() == [odd]
    assert bench.database.events == [1, 2]
    assert len(bench.waits) == 1


def test_coverage_that_is_rejected_is_tried_again_later(bench: Bench) -> None:
    """There is no event in it that could be found."""
    bench.spool([START, pack_drained(10)])
    bench.database.fault = at("answer", 0, lambda: server_error("22003"))
    bench.record(turns=20)
    assert bench.database.coverage == [10]
    assert len(bench.waits) == 1


MOMENTS = ("connect", "find", "encode", "send", "answer", "answered", "note", "noted")


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("moment", MOMENTS)
def test_connection_lost_at_any_moment(bench: Bench, moment: str, number: int) -> None:
    """Before a commit or after it, unheard: nothing twice, nothing left out."""
    bench.spool([START, events(*range(1, 8))], [events(*range(8, 15)), STOP])
    error = DatabaseError("no route") if moment == "connect" else lost_connection()
    bench.database.fault = at(moment, number, lambda: error)
    bench.record(limit=3, turns=40)
    assert bench.database.events == list(range(1, 15))
    assert bench.database.names() == ["start", "stop"]
    assert bench.marks() == [True, True]
    assert bench.database.log.count("connect") <= 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from((*(None,) * 12, *MOMENTS, "CT001", "57014")), max_size=60),
    st.sets(st.integers(1, 20), max_size=4),
    st.integers(1, 9),
)
def test_many_faults(
    tmp_path_factory: pytest.TempPathFactory,
    plan: list[str | None],
    rejected: set[int | str],
    limit: int,
) -> None:
    bench = Bench(tmp_path_factory.mktemp("spool"))
    bench.spool(
        [START, events(*range(1, 9)), pack_drained(5)],
        [events(9, 10) + pack_drained(6), STOP, events(*range(11, 21))],
    )
    bench.database.rejects = rejected
    left = list(plan)

    def meet(moment: str) -> None:
        planned = left.pop() if left else None
        if planned == moment == "connect":
            raise DatabaseError("no route to host")
        if planned == moment:
            raise lost_connection()
        if planned in ("CT001", "57014") and moment in ("answer", "note"):
            raise server_error(planned)

    def stopping() -> bool:
        if bench.database.positions.get(KEY, 0) >= bench.end:
            left.clear()
        return not left

    bench.database.fault = meet
    bench.recorder(limit).work(stopping)
    assert bench.database.events == [n for n in range(1, 21) if n not in rejected]
    assert bench.undecodable() == [event(n) for n in range(1, 21) if n in rejected]
    assert bench.database.names().count("stop") == 1
    assert bench.marks() == [True, True]


def test_what_is_in_flight_is_not_waited_for_after_a_fault(bench: Bench) -> None:
    """Its connection is closed: an answer that comes late must not be taken for another."""
    bench.spool([START, events(*range(1, 9))])
    bench.database.fault = at("encode", 1, lost_connection)
    bench.record(limit=4, turns=20)
    assert bench.database.connections == 2
    assert bench.database.events == list(range(1, 9))


def test_first_position_conflict_is_read_again_at_once(bench: Bench) -> None:
    bench.spool([START, events(1, 2, 3)])
    bench.database.fault = at("answer", 0, lambda: server_error("CT001"))
    assert bench.record(turns=20) == 3
    assert bench.database.events == [1, 2, 3]
    assert bench.waits == []
    assert bench.database.connections == 1


def test_second_position_conflict_waits(bench: Bench) -> None:
    bench.spool([START, events(1, 2, 3)])
    faults = iter([server_error("CT001"), server_error("CT002")])

    def meet(moment: str) -> None:
        if moment == "answer" and (error := next(faults, None)):
            raise error

    bench.database.fault = meet
    assert bench.record(turns=20) == 3
    assert len(bench.waits) == 1


def test_position_conflict_after_a_commit_is_a_first_one(bench: Bench) -> None:
    bench.spool([START, events(1), STOP, events(2), STOP, events(3)])
    seen: list[int] = []

    def meet(moment: str) -> None:
        if moment == "answer":
            seen.append(len(seen))
            if len(seen) % 2:
                raise server_error("CT001")

    bench.database.fault = meet
    assert bench.record(turns=40) == 3
    assert bench.waits == []


def test_database_that_went_back_is_filled_again(bench: Bench) -> None:
    """A failover to a standby that lacked the last commits."""
    bench.spool([START, events(1, 2), STOP, events(3, 4)])
    began = [False]

    def meet(moment: str) -> None:
        if moment == "answer" and len(bench.database.events) == 2 and not began[0]:
            began[0] = True
            bench.database.positions[KEY] = size_of(START)
            bench.database.events.clear()

    bench.database.fault = meet
    bench.record(turns=20)
    assert bench.database.events == [1, 2, 3, 4]


def test_what_the_database_has_lost_is_not_marked_as_committed(bench: Bench) -> None:
    """Or the receiver might delete it before it is recorded again."""
    bench.spool([START, events(1)], [events(2)], [events(3), STOP])
    bench.record()
    assert bench.marks() == [True, True, True]
    bench.database.positions[KEY] = size_of(START)
    bench.database.events.clear()
    marks: list[list[bool]] = []

    def meet(moment: str) -> None:
        if moment == "answer":
            marks.append(bench.marks())

    bench.database.fault = meet
    bench.record()
    assert marks[0] == [False, False, False]
    assert bench.database.events == [1, 2, 3]
    assert bench.marks() == [True, True, True]


def test_stop_while_the_database_is_unreachable(bench: Bench) -> None:
    bench.spool([START, events(1)])
    bench.database.fault = Unreachable(1000)
    assert bench.record() == 0
    assert bench.waits == []
    assert bench.database.log == ["connect"]
    assert bench.marks() == [False]


def test_stop_after_waiting_for_the_database(bench: Bench) -> None:
    bench.spool([START, events(1)])
    bench.database.fault = Unreachable(1000)
    bench.record(turns=3)
    assert len(bench.waits) == 3


def test_stop_ends_within_its_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is to record."""
    monkeypatch.setattr(recorder_module, "_LONGEST_STOP", 0)
    bench.spool([START, *(events(number) for number in range(1, 50))])
    assert bench.record() == 0


def test_bytes_missing_of_a_known_stream(bench: Bench) -> None:
    bench.spool([START, events(1)], [events(2)], [events(3), STOP])
    bench.record()
    bench.database.positions[KEY] = first = size_of(START, events(1))
    bench.database.events.clear()
    bench.path(2).unlink()
    bench.record()
    span, note = bench.database.note("missing")
    assert (span.first, span.until) == (first, first + size_of(events(2)))
    with opened_segment(bench.path(3), writable=False) as third:
        assert note.detail == {"cause": "segments are gone", "until": third.created}
    assert bench.database.events == [3]


def test_stream_whose_start_is_missing(bench: Bench) -> None:
    bench.spool([START, events(1)], [events(2)])
    bench.path(1).unlink()
    assert bench.record() == 1
    span, note = bench.database.note("start")
    assert (span.first, span.until) == (0, size_of(START, events(1)))
    assert note.detail == {"mode": "live", "cause": "segments are gone"}


def flip(segment: Segment, offset: int) -> None:
    segment.memory[HEADER_SIZE + offset] ^= 4


def test_damaged_frame(bench: Bench) -> None:
    """What came before it is recorded, the rest of the segment is missing, the next is read."""
    bench.spool([START, events(1), events(2), events(3)], [events(4)])
    where = size_of(START, events(1))
    with opened_segment(bench.path()) as segment:
        flip(segment, where + 60)
        end, sealed = segment.end, segment.sealed
    assert bench.record() == 2
    assert bench.database.events == [1, 4]
    span, note = bench.database.note("missing")
    assert (span.first, span.until) == (where, end)
    assert note.detail["until"] == sealed
    assert note.detail["cause"].startswith("damaged segment: ")
    assert bench.path().with_suffix(".damaged").samefile(bench.path())
    assert bench.marks() == [True, True]


def test_damaged_start(bench: Bench) -> None:
    """The database does not know the stream: it begins with what is missing."""
    bench.spool([START, events(1)], [events(2)])
    with opened_segment(bench.path()) as segment:
        flip(segment, 50)
    assert bench.record() == 1
    assert bench.database.note("start")[1].detail["mode"] == "live"
    assert bench.database.names() == ["start"]


def test_damage_before_the_position(bench: Bench) -> None:
    bench.spool([START, events(1), events(2, 3)], [events(4)])
    bench.database.positions[KEY] = first = size_of(START) + size_of(events(1))
    with opened_segment(bench.path()) as segment:
        flip(segment, 50)
    assert bench.record() == 1
    assert bench.database.note("missing")[0].first == first
    assert bench.database.events == [4]


def test_damaged_segment_that_is_still_written(bench: Bench) -> None:
    """What is published after the damage had been recorded is recorded again."""
    bench.spool([START, events(1), events(2)], sealed=False)
    segment = open_segment(bench.path())
    flip(segment, size_of(START) + 60)
    whole = segment.end
    segment.publish(size_of(START, events(1)))

    def stopping() -> Iterator[bool]:
        yield from [False] * 6
        assert bench.database.names() == ["start", "missing"]
        segment.publish(whole)
        while True:
            yield True

    stops = stopping()
    assert bench.recorder().work(lambda: next(stops)) == 1
    segment.close()
    assert bench.database.events == [2]
    assert bench.database.names() == ["start", "missing"]


def test_foreign_file_is_renamed(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.path(1).write_bytes(b"something else" * 1000)
    made = make_segment(bench.directory, 2, bodies=(START, events(1)), sealed=True)
    made.close()
    assert bench.record() == 1
    assert not bench.path(1).exists()
    assert bench.path(1).with_suffix(".foreign").exists()
    assert "000000000001.segment is not a segment" in caplog.text


def test_lost_seal_is_restored(bench: Bench) -> None:
    bench.spool([START, events(1)], [events(2)])
    with opened_segment(bench.path()) as segment:
        segment.words[136 // 8] = 0
        assert not segment.sealed
    assert bench.record() == 2
    assert bench.database.events == [1, 2]
    with opened_segment(bench.path(), writable=False) as segment:
        assert segment.sealed
    assert bench.marks() == [True, True]


def test_wrong_end_is_repaired(bench: Bench) -> None:
    bench.spool([START, events(1)], [events(2)])
    with opened_segment(bench.path()) as segment:
        segment.publish(segment.end + 400)
    assert bench.record() == 2
    with opened_segment(bench.path(), writable=False) as segment:
        assert segment.end == size_of(START, events(1))
    assert bench.database.names() == ["start"]


def test_stored_segments_are_marked(bench: Bench) -> None:
    """A recorder was killed between a commit and its mark."""
    bench.spool([START, events(1)], [events(2)])
    bench.record()
    for sequence in (1, 2):
        with opened_segment(bench.path(sequence)) as segment:
            segment.commit(0)
    assert bench.marks() == [False, False]
    assert bench.record() == 0
    assert bench.marks() == [True, True]


def test_events_published_while_it_works(bench: Bench) -> None:
    bench.spool([START, events(1)], sealed=False)
    segment = open_segment(bench.path())
    whole = segment.end
    segment.publish(size_of(START))

    def stopping() -> Iterator[bool]:
        yield from [False] * 5
        assert bench.database.names() == ["start"]
        segment.publish(whole)
        yield from [False] * 5
        assert bench.database.events == [1]
        segment.seal()
        while True:
            yield True

    stops = stopping()
    assert bench.recorder().work(lambda: next(stops)) == 1
    segment.close()
    assert bench.marks() == [True]


def test_replay_changes_no_segment(bench: Bench) -> None:
    bench.spool([START, events(1, 2)], [events(3)])
    before = bench.path().read_bytes()
    assert bench.replay() == 2
    assert bench.replay() == 0
    assert bench.database.events == [1, 2]
    assert bench.path().read_bytes() == before


def test_replay_opens_for_reading_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.spool([START, events(1)])
    opened, modes = os.open, set()

    def watch(path: Path, flags: int, mode: int = 0o777) -> int:
        if path == bench.path():
            modes.add(flags & os.O_ACCMODE)
        return opened(path, flags, mode)

    monkeypatch.setattr("os.open", watch)
    assert bench.replay() == 1
    assert modes == {os.O_RDONLY}


def test_replay_of_a_segment_without_a_seal(bench: Bench) -> None:
    bench.spool([START, events(1, 2)], sealed=False)
    assert bench.replay() == 2


def test_replay_of_damage_leaves_no_trace(bench: Bench) -> None:
    bench.spool([START, events(1), events(2)])
    with opened_segment(bench.path()) as segment:
        flip(segment, size_of(START, events(1)) + 60)
    assert bench.replay() == 1
    assert bench.database.names() == ["start", "missing"]
    assert list(bench.directory.iterdir()) == [bench.path()]


def test_replay_finds_rejected_events(bench: Bench) -> None:
    bench.spool([START, events(1, 2, 3)])
    bench.database.rejects = {2}
    assert bench.replay() == 2
    assert bench.undecodable() == [event(2)]


def test_replay_of_a_foreign_file_is_refused(bench: Bench) -> None:
    bench.path().write_bytes(b"something else" * 1000)
    with pytest.raises(UsageError, match="somethin"):
        bench.replay()
    assert bench.path().exists()


def test_replay_ends_where_the_database_is_unreachable(bench: Bench) -> None:
    bench.spool([START, events(1)])
    bench.database.fault = Unreachable(1000)
    with pytest.raises(DatabaseError, match="no route to host"):
        bench.replay()
    assert bench.waits == []


def test_replay_ends_at_a_second_conflict(bench: Bench) -> None:
    bench.spool([START, events(1)])

    def meet(moment: str) -> None:
        if moment == "answer":
            raise server_error("CT001", "committed until 5")

    bench.database.fault = meet
    with pytest.raises(DatabaseError, match="committed until 5"):
        bench.replay()
    assert bench.database.log.count("answer") == 2


def test_event_lines_are_written_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of a batch that is read again."""
    lines: list[str] = []
    monkeypatch.setattr(recorder_module, "pick_writer", lambda: lambda line, _: lines.append(line))
    bench.spool([START, events(1, 2, 3), STOP, events(4)])
    bench.database.fault = at("answer", 0, lost_connection)
    bench.record(turns=10)
    assert len(lines) == 4
    assert all(line.startswith("NEW") for line in lines)


def test_faults_are_logged_with_their_identity(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ctaudit")
    bench.spool([START, events(1) + message(0x101, 0, b"\2\0\0\0")])
    bench.database.fault = Unreachable(2)
    bench.record(turns=10)
    told = [(record.message, record.__dict__["MESSAGE_ID"]) for record in caplog.records]
    faults = [identity for _, identity in told]
    assert faults == [
        MESSAGE_IDS[name] for name in ("database unreachable", "database back", "undecodable")
    ]
    assert "no route to host" in told[0][0]


def test_the_live_copy_is_refreshed_between_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each four events; what the server refuses costs no event."""
    monkeypatch.setattr(live_copy, "EVERY", 4)
    bench.live_copy = True
    bench.database.fault = at("refresh", 0, lambda: server_error("42883"))
    bench.spool([START, events(*range(12)), STOP])
    assert bench.record(limit=2) == 12
    assert bench.database.events == list(range(12))
    assert bench.database.log.count("refresh") == 3
    assert bench.database.connections == 1


@pytest.mark.parametrize("case", ["off", "nat", "replay"])
def test_there_is_no_live_copy(bench: Bench, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.setattr(live_copy, "EVERY", 1)
    bench.live_copy = case != "off"
    bench.mode = "nat" if case == "nat" else "live"
    bench.spool([START, events(1, 2, 3), STOP])
    assert (bench.replay() if case == "replay" else bench.record()) == 3
    assert "refresh" not in bench.database.log


def test_each_committed_event_is_counted_with_its_lag(bench: Bench) -> None:
    """The events of these frames were received in 1970, and none of the rejected ones counts."""
    bench.spool((START, events(*range(10)), events(*range(10, 15))))
    bench.database.rejects = {3}
    bench.record(limit=4)
    found = read_lag(bench.directory)
    assert found is not None
    assert found.counts == (0,) * 12 + (14,)


def test_a_replay_counts_no_lag(bench: Bench) -> None:
    bench.spool((START, events(1, 2)))
    bench.replay()
    assert read_lag(bench.directory) is None


@pytest.mark.parametrize(("replay", "looks"), [(False, 2), (True, 0)])
def test_a_canary_is_looked_for_between_two_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, replay: bool, looks: int
) -> None:
    monkeypatch.setattr(canary, "_LOOK_EVERY", 0.0)
    bench.canary = 300.0
    bench.spool((START, events(*range(12))))
    if replay:
        bench.replay(limit=4)
    else:
        bench.record(limit=4)
    assert len(bench.database.batches) == 3
    assert bench.database.log.count("canary") == looks
