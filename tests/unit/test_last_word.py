"""A gateway's last word in its spool, and the wait until the database has it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ctaudit.admin.last_word import wait_until_committed, write_last_word
from ctaudit.errors import DatabaseError, UsageError
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.note import Note
from ctaudit.spool.segment import opened_segment
from tests.unit.spool_contents import notes_of, read_bodies
from tests.unit.spool_writing import MESSAGE, commit_all, config, paths, write_frame, writing

REASON = "the package was removed"


def last_note(path: Path) -> Note:
    return notes_of(path)[-1]


def test_it_ends_the_stream_behind_all_that_was_received(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
    path = write_last_word(config(tmp_path), REASON)
    assert paths(tmp_path) == [path]
    with opened_segment(path) as segment:
        assert segment.sealed
        assert read_bodies(segment)[0] == MESSAGE
    note = last_note(path)
    assert (note.name, note.detail) == ("stop", {"reason": REASON, "retired": True})


def test_a_stream_that_had_ended_is_followed_by_one_that_says_it(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
        stream = writer.current.segment.stream
        writer.end_stream("a test")
    path = write_last_word(config(tmp_path), REASON)
    assert paths(tmp_path)[1] == path
    start, stop = notes_of(path)
    assert (start.name, start.detail["mode"]) == ("start", config(tmp_path).mode)
    assert start.detail["earlier"] == {"node": "gw1", "stream": str(stream)}
    assert (stop.name, stop.detail) == ("stop", {"reason": REASON, "retired": True})


def test_the_stream_s_own_name_is_ended(tmp_path: Path) -> None:
    """Whatever the configuration says by now."""
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
    path = write_last_word(replace(config(tmp_path), node="other"), REASON)
    with opened_segment(path) as segment:
        assert segment.node == "gw1"


@pytest.mark.parametrize("directory", ["empty", "missing"])
def test_a_spool_that_holds_nothing_has_no_word(tmp_path: Path, directory: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no gateway has recorded here"):
        write_last_word(config(tmp_path / directory), REASON)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_a_receiver_that_runs_is_to_be_stopped_first(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        write_frame(writer, MESSAGE)
    with (
        spool_lock(tmp_path, "receiver"),
        pytest.raises(UsageError, match="another receiver is using this spool; stop it first"),
    ):
        write_last_word(config(tmp_path), REASON)
    assert notes_of(paths(tmp_path)[0]) == []


def test_it_waits_until_all_is_committed(tmp_path: Path) -> None:
    with writing(tmp_path):
        pass
    path = write_last_word(config(tmp_path), REASON)
    late = threading.Timer(0.3, commit_all, (tmp_path,))
    late.start()
    began = time.monotonic()
    wait_until_committed(path, 10)
    assert 0.2 < time.monotonic() - began < 5
    late.join()


@pytest.mark.parametrize("seconds", [0.0, float("nan")])
def test_it_says_that_the_database_does_not_have_it(tmp_path: Path, seconds: float) -> None:
    with writing(tmp_path):
        pass
    path = write_last_word(config(tmp_path), REASON)
    with pytest.raises(DatabaseError, match=r"let ctaudit\.service run until it is"):
        wait_until_committed(path, seconds)


def test_what_retention_has_deleted_was_committed(tmp_path: Path) -> None:
    wait_until_committed(tmp_path / "000000000001.segment", 0)
