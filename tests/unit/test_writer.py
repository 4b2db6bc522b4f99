"""A stream goes on over segments and receivers, within the spool's bounds."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from ctaudit.errors import DiskError
from ctaudit.host import boot
from ctaudit.spool.frame import HEAD_SIZE
from ctaudit.spool.note import Note, pack_note
from ctaudit.spool.segment import HEADER_SIZE, Segment, Word, opened_segment
from ctaudit.spool.writer import SpoolWriter
from tests.unit.spool_contents import notes_of, read_bodies, read_notes
from tests.unit.spool_writing import (
    MESSAGE,
    SEGMENT,
    WHOLE,
    commit_all,
    config,
    drop,
    numbers,
    paths,
    roll,
    take,
    told_in,
    write_frame,
    writing,
)
from tests.unit.streams import die_after, size_of


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
        assert read_bodies(second) == [MESSAGE * 2]


def test_next_receiver_goes_on(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
        stream, position = writer.current.segment.stream, writer.current.position
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    assert (again.current.segment.stream, again.current.position) == (stream, position)
    write_frame(again, MESSAGE, MESSAGE)
    assert read_bodies(again.current.segment) == [MESSAGE, MESSAGE * 2]
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
    assert read_bodies(again.current.segment) == expected
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
    assert read_bodies(again.current.segment) == [MESSAGE, MESSAGE * 2]
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
        assert read_bodies(first)[0] == MESSAGE
    # Whoever asks for the status learns that the earlier one is over, also under another name.
    assert told_in(earlier) == [("stop", None)]


def test_a_stream_begins_with_what_the_spool_held_before(tmp_path: Path) -> None:
    def begin(node: str) -> tuple[tuple[str, UUID] | None, UUID]:
        writer = SpoolWriter(replace(config(tmp_path), node=node))
        earlier = writer.begin_stream()
        stream = writer.current.segment.stream
        writer.append_note("start")
        writer.close()
        return earlier, stream

    earlier, first = begin("debian")
    assert earlier is None
    earlier, second = begin("gw1")
    assert earlier == ("debian", first)
    assert notes_of(paths(tmp_path)[0])[-1].detail == {"reason": "its socket was found closed"}
    # A stream that was sealed is one too; what is no segment is not.
    last = SpoolWriter(config(tmp_path))
    assert last.continue_stream()
    last.end_stream("a test")
    (tmp_path / "000000000009.segment").write_bytes(b"something else" * 1000)
    assert begin("gw1")[0] == ("gw1", second)


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    writer = SpoolWriter(config(tmp_path))
    assert not writer.continue_stream()
    writer.begin_stream()
    writer.end_stream("a test")
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
    writer.end_stream("a test")
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


def test_killed_before_the_start_note(tmp_path: Path) -> None:
    """The database would refuse each other note of a stream that has none, for ever."""

    def begin() -> None:
        SpoolWriter(config(tmp_path)).begin_stream()

    die_after(begin)
    assert not SpoolWriter(config(tmp_path)).continue_stream()
    with opened_segment(paths(tmp_path)[0]) as first:
        assert (bool(first.sealed), first.end) == (True, 0)
    with writing(tmp_path) as writer:
        assert writer.current.segment.sequence == 2
    assert told_in(paths(tmp_path)[0]) == []


def test_start_note_of_a_killed_receiver_counts(tmp_path: Path) -> None:
    def begin() -> None:
        writer = SpoolWriter(config(tmp_path))
        writer.begin_stream()
        writer.current.open_frame()
        writer.current.append(pack_note(Note("start", 1, {})))

    die_after(begin)
    again = SpoolWriter(config(tmp_path))
    assert again.continue_stream()
    assert [note.name for note in read_notes(again.current.segment)] == ["start"]
    again.close()


@pytest.mark.parametrize("cut", [1, 100, SEGMENT - 1])
def test_a_segment_that_was_cut_short_ends_its_stream(tmp_path: Path, cut: int) -> None:
    """In the next segment its positions would be used a second time, and be taken for stored."""
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
        path = writer.current.segment.path
    os.truncate(path, HEADER_SIZE + cut)
    assert not SpoolWriter(config(tmp_path)).continue_stream()
    with opened_segment(path) as segment:
        assert segment.sealed
    with writing(tmp_path) as writer:
        assert (writer.current.segment.sequence, writer.current.segment.base) == (2, 0)


def test_a_burst_of_an_earlier_boot_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamped frames are taken one by one, the open one is not."""
    writer = SpoolWriter(config(tmp_path))
    writer.begin_stream()
    write_frame(writer, MESSAGE)
    end = writer.current.offset
    write_frame(writer, MESSAGE, MESSAGE)
    write_frame(writer, MESSAGE)
    writer.current.open_frame()
    writer.current.append(MESSAGE)
    # As if the header had not been written back since the first frame.
    writer.current.segment.publish(end)
    writer.close()
    monkeypatch.setattr(boot, "read_boot_id", lambda: UUID(int=1))
    with writing(tmp_path):
        pass
    with opened_segment(paths(tmp_path)[0]) as segment:
        assert read_bodies(segment)[:-1] == [MESSAGE, MESSAGE * 2, MESSAGE]
    assert told_in(paths(tmp_path)[0]) == [("stop", None)]


def test_a_stream_is_ended_although_its_last_notes_are_damaged(tmp_path: Path) -> None:
    with writing(tmp_path, max_bytes=WHOLE) as writer:
        write_frame(writer, MESSAGE)
        drop(writer, 3)
        at = writer.current.offset
        writer.append_note("overrun")
        writer.current.view[at + HEAD_SIZE] ^= 1
        path = writer.current.segment.path
    with writing(tmp_path):
        pass
    with opened_segment(path) as segment:
        assert segment.sealed
        # Behind the damage: the recorder reports all of it as missing.
        assert segment.end > at
