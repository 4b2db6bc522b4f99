"""The spool: a stream goes on over segments and receivers, within its bounds."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctaudit.config import Config, SpoolSection
from ctaudit.errors import DiskError, PrivilegeError, UsageError
from ctaudit.spool.chain import load_frame
from ctaudit.spool.frame import HEAD_SIZE, OPEN_HEAD
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.note import Note, unpack_note
from ctaudit.spool.segment import (
    HEADER_SIZE,
    Segment,
    Word,
    list_segments,
    open_segment,
    opened_segment,
)
from ctaudit.spool.writer import SpoolWriter
from tests.unit.messages import build
from tests.unit.streams import die_after, run_apart, size_of
from tests.unit.test_layout import ENTRY

MESSAGE = build(ENTRY) + bytes(-len(build(ENTRY)) % 4)
SEGMENT = 256 << 10
WHOLE = HEADER_SIZE + SEGMENT
_NOBODY = 65534


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


def bodies_of(segment: Segment) -> list[bytes]:
    found, at = [], 0
    while at < segment.end:
        frame, body = load_frame(segment, at)
        found.append(body)
        at = frame.end
    return found


def notes_of(path: Path) -> list[Note]:
    with opened_segment(path) as segment:
        notes = [unpack_note(body) for body in bodies_of(segment)]
    return [note for note in notes if note is not None]


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


def test_frames_are_seen_when_closed(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, opened_segment(paths(tmp_path)[0]) as reader:
        assert reader.node == "gw1"
        writer.current.open_frame()
        writer.current.append(MESSAGE)
        assert reader.end == 0
        before = time.time_ns()
        received = writer.current.close_frame()
        assert before <= received <= time.time_ns()
        assert reader.end == size_of(MESSAGE) == writer.current.offset == writer.current.position
        frame, body = load_frame(reader, 0)
        assert (body, frame.received) == (MESSAGE, received)
        boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert 0 <= boot - frame.boot < 60e9


def test_empty_frame_leaves_nothing(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer)
        assert (writer.current.offset, writer.current.segment.end) == (0, 0)
        write_frame(writer, MESSAGE)
        assert bodies_of(writer.current.segment) == [MESSAGE]


def test_note_stands_alone(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        before = time.time_ns()
        writer.append_note("overrun", lost=5)
        (note,) = notes_of(writer.current.segment.path)
        assert (note.name, note.detail) == ("overrun", {"lost": 5})
        assert before <= note.at <= time.time_ns()


def test_each_stream_has_its_own_segments(tmp_path: Path) -> None:
    streams = set()
    for _ in range(3):
        with writing(tmp_path) as writer:
            write_frame(writer, MESSAGE)
            streams.add(writer.current.segment.stream)
            assert writer.current.segment.base == 0
    assert len(streams) == 3
    assert numbers(tmp_path) == [1, 2, 3]
    # A stream that nobody continues is complete.
    sealed = []
    for path in paths(tmp_path):
        with opened_segment(path) as segment:
            sealed.append(bool(segment.sealed))
    assert sealed == [True, True, False]


def test_stream_goes_on_in_the_next_segment(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
        stream, position = writer.current.segment.stream, writer.current.position
        assert roll(writer)
        assert (writer.current.segment.stream, writer.current.segment.base) == (stream, position)
        assert writer.current.position == position
        write_frame(writer, MESSAGE, MESSAGE)
    assert numbers(tmp_path) == [1, 2]
    with (
        opened_segment(paths(tmp_path)[0]) as first,
        opened_segment(paths(tmp_path)[1]) as second,
    ):
        assert first.sealed
        assert not second.sealed
        assert first.base + first.end == second.base
        assert bodies_of(second) == [MESSAGE * 2]


def test_events_leave_room_for_a_datagram_and_notes(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        while writer.current.has_room():
            write_frame(writer, MESSAGE * 20)
        left = writer.current.segment.capacity - writer.current.offset
        assert left > 64 << 10
        # A whole datagram still fits where there just was room.
        assert writer.current.segment.capacity - writer.current.limit >= (64 << 10) + HEAD_SIZE
        for _ in range(10):
            writer.append_note("overrun", lost=1)
        assert (
            writer.current.segment.end == writer.current.offset <= writer.current.segment.capacity
        )


def test_next_receiver_goes_on(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
        stream, position = writer.current.segment.stream, writer.current.position
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    assert (again.current.segment.stream, again.current.position) == (stream, position)
    write_frame(again, MESSAGE, MESSAGE)
    assert bodies_of(again.current.segment) == [MESSAGE, MESSAGE * 2]
    again.close()
    assert numbers(tmp_path) == [1]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_killed_in_a_burst(tmp_path: Path, count: int) -> None:
    """What had been received is published by the next receiver, as a whole frame."""

    def burst() -> None:
        writer = SpoolWriter(config(tmp_path))
        writer.begin_stream()
        write_frame(writer, MESSAGE)
        writer.current.open_frame()
        for _ in range(count):
            writer.current.append(MESSAGE)

    die_after(burst)
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    write_frame(again, MESSAGE)
    expected = [MESSAGE, *([MESSAGE * count] if count else []), MESSAGE]
    assert bodies_of(again.current.segment) == expected
    again.close()


def test_killed_between_stamping_and_publishing(tmp_path: Path) -> None:
    def burst() -> None:
        writer = SpoolWriter(config(tmp_path))
        writer.begin_stream()
        write_frame(writer, MESSAGE)
        write_frame(writer, MESSAGE * 2)
        writer.current.segment.publish(size_of(MESSAGE))

    die_after(burst)
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    assert bodies_of(again.current.segment) == [MESSAGE, MESSAGE * 2]
    again.close()


def test_new_stream_keeps_the_burst_of_the_killed_one(tmp_path: Path) -> None:
    def burst() -> None:
        writer = SpoolWriter(config(tmp_path))
        writer.begin_stream()
        writer.current.open_frame()
        writer.current.append(MESSAGE)

    die_after(burst)
    with writing(tmp_path) as writer:
        assert writer.current.segment.sequence == 2
    earlier, _ = paths(tmp_path)
    with opened_segment(earlier) as first:
        assert first.sealed
        assert bodies_of(first)[0] == MESSAGE
    # Whoever asks for the status learns that the earlier one is over, also under another name.
    assert told_in(earlier) == [("stop", None)]


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    writer = SpoolWriter(config(tmp_path))
    assert not writer.continue_stream()
    writer.begin_stream()
    writer.end_stream()
    assert not SpoolWriter(config(tmp_path)).continue_stream()
    (tmp_path / "000000000009.segment").write_bytes(b"something else" * 1000)
    assert not SpoolWriter(config(tmp_path)).continue_stream()
    # Nothing is written over it, and its number leads nobody astray.
    with writing(tmp_path) as later:
        assert later.current.segment.sequence == 2
    assert (tmp_path / "000000000009.foreign").read_bytes() == b"something else" * 1000


def test_file_of_the_highest_number_does_not_end_an_inherited_stream(tmp_path: Path) -> None:
    writer = SpoolWriter(config(tmp_path))
    writer.begin_stream()
    end = write_frame(writer, MESSAGE) and writer.current.offset
    writer.close()
    (tmp_path / "999999999999.segment").write_bytes(paths(tmp_path)[0].read_bytes())
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    assert (again.current.segment.path, again.current.offset) == (paths(tmp_path)[0], end)
    assert numbers(tmp_path) == [1]
    again.close()


def test_seals_that_a_loss_of_power_undid(tmp_path: Path) -> None:
    """Nobody would go on past a segment that seems to be written still."""
    with writing(tmp_path) as writer:
        for _ in range(2):
            write_frame(writer, MESSAGE)
            assert roll(writer)
        write_frame(writer, MESSAGE)
    with opened_segment(paths(tmp_path)[0]) as first:
        first.words[Word.SEALED] = 0
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    again.close()
    for path, sealed in zip(paths(tmp_path), (True, True, False), strict=True):
        with opened_segment(path) as segment:
            assert bool(segment.sealed) is sealed


def test_killed_between_two_segments(tmp_path: Path) -> None:
    def half_roll() -> None:
        writer = SpoolWriter(config(tmp_path))
        writer.begin_stream()
        write_frame(writer, MESSAGE)
        writer._create(2, writer.current.segment.stream, writer.current.position)

    die_after(half_roll)
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    assert (again.current.segment.sequence, again.current.offset) == (2, 0)
    again.close()
    with opened_segment(paths(tmp_path)[0]) as first:
        assert first.sealed


def test_bound_stops_the_roll_and_the_loss_is_counted(tmp_path: Path) -> None:
    with writing(tmp_path, max_bytes=2 * WHOLE) as writer:
        write_frame(writer, MESSAGE)
        assert roll(writer)
        write_frame(writer, MESSAGE)
        assert not writer.roll()
        before = time.time_ns()
        drop(writer, 3)
        drop(writer, 4)
        assert not writer.roll()
        assert numbers(tmp_path) == [1, 2]
        with opened_segment(paths(tmp_path)[0]) as first:
            first.commit(first.end)
        time.sleep(0.06)
        assert writer.roll()
        assert not writer.is_dropping
        assert numbers(tmp_path) == [2, 3]
        (note,) = notes_of(paths(tmp_path)[1])
        assert (note.name, note.detail["count"]) == ("dropped", 7)
        assert before <= note.detail["from"] <= note.detail["until"] <= note.at


def test_loss_counted_before_a_kill_is_told_by_the_next_receiver(tmp_path: Path) -> None:
    def die() -> None:
        writer = SpoolWriter(config(tmp_path, max_bytes=WHOLE))
        writer.begin_stream()
        write_frame(writer, MESSAGE)
        drop(writer, 9)

    die_after(die)
    with writing(tmp_path):
        pass
    assert told_in(paths(tmp_path)[0]) == [("dropped", 9), ("stop", None)]


@pytest.mark.parametrize("left", range(0, 2 * HEAD_SIZE, 4))
def test_room_is_room_for_an_event_behind_the_frame_s_head(tmp_path: Path, left: int) -> None:
    """Else a receiver would open frames for ever and neither fill them nor roll."""
    with writing(tmp_path) as writer:
        writer.current.offset = writer.current.limit - left
        has_room = writer.current.has_room()
        writer.current.open_frame()
        assert has_room == (writer.current.offset <= writer.current.limit)


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("earlier", range(4))
def test_event_taken_when_the_receiver_is_killed_is_counted(
    tmp_path: Path, earlier: int, counted: bool
) -> None:
    """Before it was counted, or before what marks it was cleared: it counts, and counts once."""

    def die() -> None:
        writer = SpoolWriter(config(tmp_path, max_bytes=WHOLE))
        writer.begin_stream()
        write_frame(writer, MESSAGE)
        drop(writer, earlier)
        segment = writer.current.segment
        taken = writer._drops.next_slot()
        if counted:
            before = segment.words[Word.DROPPED]
            take(taken)
            segment.words[Word.DROPPED] = before + 1
        else:
            writer.drop(take_and_die)

    die_after(die)
    with writing(tmp_path):
        pass
    assert told_in(paths(tmp_path)[0]) == [("dropped", earlier + 1), ("stop", None)]


def drop(writer: SpoolWriter, events: int) -> None:
    for _ in range(events):
        writer.drop(take)


def take(into: memoryview) -> int:
    """As recv_into does with a message that is longer than the room for it."""
    bytes_of = into.cast("B")
    assert bytes(bytes_of) == bytes(8)
    bytes_of[:] = MESSAGE[:8]
    return 8


def take_and_die(into: memoryview) -> int:
    taken = take(into)
    os.kill(os.getpid(), signal.SIGKILL)
    return taken


def test_a_dump_is_owed_once_more_after_events_were_dropped(tmp_path: Path) -> None:
    with writing(tmp_path, max_bytes=2 * WHOLE) as writer:
        assert writer.dump_ended == 0
        writer.set_dump_ended(5)
        write_frame(writer, MESSAGE)
        assert roll(writer)
        assert writer.dump_ended == 5
        write_frame(writer, MESSAGE)
        assert not writer.roll()
        drop(writer, 1)
        commit_all(tmp_path)
        time.sleep(0.06)
        assert writer.roll()
        assert writer.dump_ended == 0


@pytest.mark.parametrize("wanted", [0.0, 0.1])
def test_what_is_written_is_synced_before_the_next_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: float
) -> None:
    """spool.sync holds for a segment's last bytes and for the name of the one after it, too."""
    synced: list[object] = []
    monkeypatch.setattr(Segment, "sync", lambda segment: synced.append(segment.sequence))
    real = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    writer = SpoolWriter(config(tmp_path, sync=wanted))
    writer.begin_stream()
    write_frame(writer, MESSAGE)
    assert roll(writer)
    writer.end_stream()
    assert synced == ([str(tmp_path), 1, str(tmp_path), 2] if wanted else [])


def test_full_disk_stops_the_roll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)

        def fail(*_: object) -> Segment:
            raise DiskError("no room")

        # A full file system itself is tested with create_segment.
        monkeypatch.setattr(writer, "_create", fail)
        assert not writer.roll()
        monkeypatch.undo()
        write_frame(writer, MESSAGE)
        assert roll(writer)
        assert not notes_of(paths(tmp_path)[1])


def test_committed_segments_stay_for_keep(tmp_path: Path) -> None:
    with writing(tmp_path, keep=600.0) as writer:
        for _ in range(3):
            write_frame(writer, MESSAGE)
            assert roll(writer)
        commit_all(tmp_path, age=590)
        writer.prune()
        assert numbers(tmp_path) == [1, 2, 3, 4]
        commit_all(tmp_path, age=610)
        writer.prune()
        # The one being written stays whatever its state is.
        assert numbers(tmp_path) == [4]


def test_uncommitted_segments_stay_for_ever(tmp_path: Path) -> None:
    with writing(tmp_path, keep=0.0, keep_bytes=0) as writer:
        for _ in range(3):
            write_frame(writer, MESSAGE)
            assert roll(writer)
        for path in paths(tmp_path)[:3]:
            with opened_segment(path) as segment:
                segment.commit(segment.end - 4)
        writer.prune()
        assert numbers(tmp_path) == [1, 2, 3, 4]
        commit_all(tmp_path, age=1)
        writer.prune()
        assert numbers(tmp_path) == [4]


def test_keep_bytes_lets_the_oldest_go(tmp_path: Path) -> None:
    with writing(tmp_path, keep=600.0, keep_bytes=2 * WHOLE) as writer:
        for _ in range(5):
            write_frame(writer, MESSAGE)
            assert roll(writer)
        commit_all(tmp_path)
        writer.prune()
        assert numbers(tmp_path) == [4, 5, 6]


def test_max_bytes_lets_kept_ones_go(tmp_path: Path) -> None:
    with writing(tmp_path, keep=600.0, max_bytes=3 * WHOLE) as writer:
        for _ in range(6):
            write_frame(writer, MESSAGE)
            commit_all(tmp_path)
            assert roll(writer)
            assert len(numbers(tmp_path)) <= 3
        assert numbers(tmp_path) == [5, 6, 7]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "000000000001.segment"
    foreign.write_bytes(b"something else" * 1000)
    (tmp_path / "notes.txt").touch()
    with writing(tmp_path, keep=0.0) as writer:
        write_frame(writer, MESSAGE)
        assert roll(writer)
        commit_all_but(foreign, tmp_path)
        writer.prune()
    assert foreign.with_suffix(".foreign").exists()
    assert (tmp_path / "notes.txt").exists()


def commit_all_but(foreign: Path, directory: Path) -> None:
    for path in paths(directory):
        if path != foreign:
            with opened_segment(path) as segment:
                segment.commit(segment.end)


def test_two_receivers_on_one_spool(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    with spool_lock(directory, "receiver"), spool_lock(directory, "recorder"):
        for who in ("receiver", "recorder"):
            with pytest.raises(UsageError) as caught, spool_lock(directory, who):
                pass
            assert str(caught.value) == (
                f"{directory}: another {who} is using this spool; stop it first"
            )

    # And after it has ended, or was killed, the next may.
    def claim_and_die() -> None:
        claim = spool_lock(directory, "receiver")
        claim.__enter__()

    die_after(claim_and_die)
    with spool_lock(directory, "receiver"):
        pass


def test_spool_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DiskError) as caught, spool_lock(file / "spool", "receiver"):
        pass
    assert str(caught.value) == f"{file}/spool: cannot be used as spool: Not a directory"


def test_spool_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    def claim_unprivileged() -> None:
        if os.geteuid() == 0:
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        with (
            pytest.raises(PrivilegeError, match="the receiver may not write there"),
            spool_lock(tmp_path / "spool", "receiver"),
        ):
            pass

    run_apart(claim_unprivileged)


def test_open_head_alone_is_no_frame(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        writer.current.open_frame()
        path = writer.current.segment.path
        assert bytes(writer.current.view[: len(OPEN_HEAD)]) == OPEN_HEAD
        assert writer.current.segment.end == 0
    segment = open_segment(path)
    assert bodies_of(segment) == []
    segment.close()
