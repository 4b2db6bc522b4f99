"""An output of a file: each line once, whatever happens to the process, the disk and the spool."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from ctaudit.forward.file_sink import FileSink
from ctaudit.forward.output import Output, make_sink
from ctaudit.spool.output_state import FileMark, read_state, write_state
from ctaudit.spool.segment import list_segments
from tests.unit.forwarding import (
    Clock,
    Spool,
    configure,
    drain,
    gaps_in,
    numbers_in,
    outputting,
    spooling,
)
from tests.unit.killing import Killed, killed_after
from tests.unit.spool_writing import WHOLE, commit_all
from tests.unit.spool_writing import numbers as segments_of


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    (tmp_path / "spool").mkdir()
    with spooling(tmp_path / "spool") as found:
        yield found


def test_each_event_becomes_a_line_in_its_order(tmp_path: Path, spool: Spool) -> None:
    file = tmp_path / "out"
    with outputting(configure(tmp_path / "spool", str(file))) as output:
        for _ in range(3):
            spool.send(7)
            drain(output, stop=False)
            assert numbers_in(file) == spool.sent
        assert oct(file.stat().st_mode)[-3:] == "640"


def test_an_output_begins_with_what_the_spool_holds(tmp_path: Path, spool: Spool) -> None:
    """And goes on where another process has ended."""
    given = configure(tmp_path / "spool", str(tmp_path / "out"))
    spool.fill()
    spool.send(5)
    for _ in range(3):
        with outputting(given) as output:
            drain(output)
        assert numbers_in(tmp_path / "out") == spool.sent
        spool.send(5)


@pytest.mark.parametrize("seed", range(12))
def test_killed_at_any_line_each_line_stands_once(tmp_path: Path, spool: Spool, seed: int) -> None:
    chance, clock, file = Random(seed), Clock(), tmp_path / "out"
    given = configure(tmp_path / "spool", str(file), sync=chance.random() < 0.5)
    rotated: list[Path] = []
    output = None
    for _ in range(30):
        if chance.random() < 0.1:
            spool.fill()
        spool.send(chance.randrange(1, 40))
        if chance.random() < 0.2 and file.exists():
            rotated.append(file.rename(tmp_path / f"out.{len(rotated)}"))
        lines = chance.randrange(1, 600) if chance.random() < 0.4 else None
        try:
            with killed_after(lines):
                output = output or Output(given, "a", make_sink(given.output["a"]), clock)
                output.turn()
        except Killed:
            output = None
        clock.now += chance.choice([0.0, 0.3, 1.1])
    with outputting(given, clock) as output:
        drain(output)
    assert numbers_in(*rotated, file) == spool.sent


def test_what_was_not_recorded_is_cut_off(tmp_path: Path, spool: Spool) -> None:
    file = tmp_path / "out"
    given = configure(tmp_path / "spool", str(file))
    spool.send(5)
    with outputting(given) as output:
        drain(output)
    with file.open("ab") as behind:
        behind.write(b'{"ct.id": 6}\n{"ct.')
    with outputting(given) as output:
        drain(output)
        assert numbers_in(file) == spool.sent


def test_a_file_that_somebody_else_has_cut_goes_on(
    tmp_path: Path, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "out"
    given = configure(tmp_path / "spool", str(file))
    spool.send(5)
    with outputting(given) as output:
        drain(output)
        os.truncate(file, 0)
        spool.send(2)
        drain(output)
        assert numbers_in(file) == [6, 7]
        os.truncate(file, 0)
    with outputting(given) as output:
        spool.send(1)
        drain(output)
    assert numbers_in(file) == [8]
    assert "somebody else has cut it" in caplog.text


def test_what_a_file_had_before_stays(tmp_path: Path, spool: Spool) -> None:
    file = tmp_path / "out"
    file.write_text('{"ct.id": 0}\n')
    spool.send(2)
    for _ in range(2):
        with outputting(configure(tmp_path / "spool", str(file))) as output:
            drain(output)
        assert numbers_in(file) == [0, 1, 2]


@pytest.mark.parametrize("hang_up", [True, False])
def test_a_rotation(tmp_path: Path, spool: Spool, hang_up: bool) -> None:
    """Noticed at once after SIGHUP, else within a second."""
    file, old, clock = tmp_path / "out", tmp_path / "out.1", Clock()
    with outputting(configure(tmp_path / "spool", str(file)), clock) as output:
        spool.send(5)
        drain(output, stop=False)
        file.rename(old)
        spool.send(1)
        drain(output, stop=False)
        assert not file.exists()
        output.must_reopen = hang_up
        clock.now += 0 if hang_up else 1.1
        spool.send(2)
        drain(output)
        assert (numbers_in(old), numbers_in(file)) == ([1, 2, 3, 4, 5, 6], [7, 8])
        assert output.state.mark == FileMark(file.stat().st_ino, file.stat().st_size)


def test_a_rotation_while_it_was_killed(tmp_path: Path, spool: Spool) -> None:
    """What had not been recorded is cut off the old file, and stands in the new one."""
    file, old = tmp_path / "out", tmp_path / "out-20260222"
    given = configure(tmp_path / "spool", str(file))
    with outputting(given) as output:
        spool.send(5)
        drain(output)
        spool.send(3)
        output.turn()
    file.rename(old)
    with outputting(given) as output:
        drain(output)
    assert (numbers_in(old), numbers_in(file)) == ([1, 2, 3, 4, 5], [6, 7, 8])


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No file can grow beyond ``size``: write() fails, in part or altogether."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    earlier = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, earlier)


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("killed", [False, True])
def test_a_full_disk(
    tmp_path: Path,
    spool: Spool,
    caplog: pytest.LogCaptureFixture,
    rotated: bool,
    killed: bool,
) -> None:
    """Writing goes on in the middle of the line where it stopped, or anew after a rotation."""
    file, clock = tmp_path / "out", Clock()
    given = configure(tmp_path / "spool", str(file))
    files = [file]
    output = Output(given, "a", make_sink(given.output["a"]), clock)
    spool.send(5)
    drain(output)
    with full_at(file.stat().st_size + 1000):
        spool.send(50)
        for _ in range(5):
            assert not output.turn()
            clock.now += 20
        assert not file.read_bytes().endswith(b"\n")
        assert output.state.fault == f"{file}: File too large"
        if rotated:
            # Which makes room: the new file goes on behind the last whole line of the old one.
            files.insert(0, file.rename(tmp_path / "out.1"))
            for _ in range(2):
                clock.now += 20
                output.turn()
            assert numbers_in(files[0]) == [1, 2, 3, 4, 5]
            assert file.stat().st_size > 0
    assert caplog.text.count("it is tried again") == 1
    clock.now += 20
    if killed:
        output = Output(given, "a", make_sink(given.output["a"]), clock)
    drain(output)
    assert numbers_in(*files) == spool.sent
    assert output.state.fault == ""
    assert read_state(tmp_path / "spool", "a") == output.state
    output.close()


def test_after_a_failed_fsync_the_lines_are_written_again(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have dropped the pages, and the next fsync says nothing of them."""
    file, clock = tmp_path / "out", Clock()

    def fail(sink: FileSink) -> bool:
        os.truncate(file, sink.mark.size - 700)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with outputting(configure(tmp_path / "spool", str(file)), clock) as output:
        spool.send(5)
        drain(output)
        spool.send(5)
        with monkeypatch.context() as broken:
            broken.setattr(FileSink, "settle", fail)
            output.turn(stop=True)
        assert output.state.fault == f"{file}: Input/output error"
        drain(output)
    assert numbers_in(file) == spool.sent


def test_a_spool_that_lost_what_was_forwarded_goes_on(tmp_path: Path, spool: Spool) -> None:
    """A loss of power took bytes of the segment that are lines already."""
    folder, file = tmp_path / "spool", tmp_path / "out"
    spool.send(5)
    with outputting(configure(folder, str(file))) as output:
        drain(output)
    spool.writer.current.segment.publish(spool.writer.current.segment.end // 2)
    spool.writer.current.segment.seal()
    with spooling(folder) as anew:
        anew.send(3)
        with outputting(configure(folder, str(file))) as output:
            drain(output)
    assert numbers_in(file) == [1, 2, 3, 4, 5, 1, 2, 3]
    assert gaps_in(file) == ["not listening"]


def test_a_spool_whose_disk_is_full_holds_up_no_line(tmp_path: Path, spool: Spool) -> None:
    """Only the place cannot be recorded meanwhile."""
    file, clock = tmp_path / "out", Clock()
    given = configure(tmp_path / "spool", str(file))
    with outputting(given, clock) as output:
        spool.send(5)
        drain(output)
        spool.send(5)
        draft = tmp_path / "spool" / "a.output.new"
        draft.mkdir()
        for _ in range(4):
            output.turn()
            clock.now += 20
        assert numbers_in(file) == spool.sent
        assert "Is a directory" in output.state.fault
        draft.rmdir()
        drain(output)
        assert numbers_in(file) == spool.sent


def test_a_directory_that_is_missing_is_waited_for(tmp_path: Path, spool: Spool) -> None:
    clock = Clock()
    file = tmp_path / "logs" / "out"
    with outputting(configure(tmp_path / "spool", str(file)), clock) as output:
        spool.send(3)
        assert not output.turn()
        assert output.state.fault == f"{file}: No such file or directory"
        file.parent.mkdir()
        assert not output.turn()
        clock.now += 1.1
        drain(output)
        assert numbers_in(file) == spool.sent


def test_unread_segments_stay_past_keep_and_go_beyond_keep_bytes(tmp_path: Path) -> None:
    """Then the loss is counted, and a line of the output says so."""
    folder, file = tmp_path / "spool", tmp_path / "out"
    folder.mkdir()
    given = configure(folder, str(file))
    with spooling(folder, keep=0.0, keep_bytes=3 * WHOLE) as spool:
        with outputting(given) as output:
            spool.send(5)
            drain(output)
        for _ in range(3):
            spool.fill()
            commit_all(folder, age=1000)
            spool.writer.prune()
        assert segments_of(folder) == [1, 2, 3, 4]
        first = len(spool.sent)
        for _ in range(2):
            spool.fill()
            commit_all(folder, age=1000)
            spool.writer.prune()
        assert segments_of(folder) == [3, 4, 5, 6]
        spool.send(1)
        with outputting(given) as output:
            drain(output)
            written, lost = numbers_in(file), output.state.lost
        spool.writer.prune()
        assert segments_of(folder) == [6]
    assert (lost.segments, lost.bytes > 200_000) == (2, True)
    assert written[:5] == spool.sent[:5]
    assert written[5:] == spool.sent[-len(written[5:]) :]
    assert len(written) < len(spool.sent)
    assert first in written
    assert gaps_in(file) == ["segments were deleted before they were read"]
    with outputting(given) as output:
        assert output.state.lost == lost


def test_without_a_database_what_an_output_has_not_read_stays(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    given = configure(folder, str(tmp_path / "out"))
    with spooling(folder, keep=0.0, keep_bytes=0) as spool:
        spool.writer._has_database = False
        spool.fill()
        spool.fill()
        commit_all(folder, age=1000)
        spool.writer.prune()
        assert segments_of(folder) == [1, 2, 3]
        with outputting(given) as output:
            drain(output)
        spool.writer.prune()
        assert segments_of(folder) == [3]
        assert numbers_in(tmp_path / "out") == spool.sent


def test_a_spool_begun_anew_is_said(tmp_path: Path, spool: Spool) -> None:
    folder, file = tmp_path / "spool", tmp_path / "out"
    with outputting(configure(folder, str(file))) as output:
        spool.fill()
        spool.fill()
        drain(output)
    count = len(numbers_in(file))
    for _, path in list_segments(folder):
        path.unlink()
    with spooling(folder) as anew:
        anew.send(4)
        with outputting(configure(folder, str(file))) as output:
            drain(output)
        assert numbers_in(file)[count:] == [1, 2, 3, 4]
    assert gaps_in(file) == ["the spool was begun anew", "not listening"]


def test_a_damaged_segment_is_passed_and_kept(tmp_path: Path, spool: Spool) -> None:
    folder, file = tmp_path / "spool", tmp_path / "out"
    spool.send(3)
    damaged = spool.writer.current.segment
    offset = damaged.end
    spool.send(3)
    damaged.memory[4096 + offset + 60] ^= 0xFF
    assert spool.writer.roll()
    spool.send(3)
    with outputting(configure(folder, str(file))) as output:
        drain(output)
    assert numbers_in(file) == [1, 2, 3, 7, 8, 9]
    [cause] = gaps_in(file)
    assert cause.startswith("damaged segment: a frame of")
    assert (folder / "000000000001.damaged").exists()


def test_a_seal_that_a_loss_of_power_has_undone(tmp_path: Path, spool: Spool) -> None:
    """The output goes on without a recorder that repairs it."""
    folder, file = tmp_path / "spool", tmp_path / "out"
    spool.send(3)
    first = spool.writer.current.segment.path
    assert spool.writer.roll()
    spool.send(3)
    data = bytearray(first.read_bytes())
    data[136:144] = bytes(8)
    first.write_bytes(data)
    with outputting(configure(folder, str(file))) as output:
        drain(output)
    assert numbers_in(file) == spool.sent


@pytest.mark.parametrize(
    "content",
    [
        '{"place": 7}',
        f'{{"place": {{"stream": "{UUID(int=7)}", "filter": 7}}, "mark": null, "lost": {{}}}}',
    ],
)
def test_a_state_that_cannot_be_read_counts_for_none(
    tmp_path: Path, spool: Spool, content: str
) -> None:
    folder, file = tmp_path / "spool", tmp_path / "out"
    spool.send(3)
    (folder / "a.output").write_text(content)
    with outputting(configure(folder, str(file))) as output:
        drain(output)
        assert numbers_in(file) == spool.sent
        write_state(folder, replace(output.state, fault="x", fault_since=7))
        assert read_state(folder, "a") == replace(output.state, fault="x", fault_since=7)
