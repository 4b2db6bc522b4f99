"""Which changes of the kernel's settings and of its count of clashes are noted, and as of when."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from ctaudit.capture.watch import CLASHES_EVERY, Watch, count_new, pack_settings, unpack_settings
from ctaudit.conntrack.kernel_state import Settings
from ctaudit.spool.segment import Word
from tests.unit.fake_kernel import ON, FakeKernel, FakeSpool
from tests.unit.fake_source import FakeClock


class Watched:
    """A watch over a kernel that the test changes; each look is a microsecond after the last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kernel, self.spool, self.clock = FakeKernel(), FakeSpool(), FakeClock()
        self.wall = 1_700_000_000_000_000_000
        monkeypatch.setattr(time, "time_ns", self._tick)
        self.watch = self.restart()
        self.watch.begin()

    def _tick(self) -> int:
        self.wall += 1000
        return self.wall

    def restart(self) -> Watch:
        spool: Any = self.spool
        kernel: Any = self.kernel
        self.watch = Watch(spool, kernel, self.clock)
        return self.watch

    def look(self) -> list[tuple[str, dict[str, Any]]]:
        """One look, and the notes that it leads to."""
        if self.watch.look():
            self.watch.note()
        return self.spool.take()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_nothing_changed_nothing_noted(watched: Watched) -> None:
    assert watched.look() == watched.look() == []


def test_a_change_is_noted_with_the_last_look_before_it(watched: Watched) -> None:
    watched.look()
    last_look = watched.wall
    watched.kernel.settings = ON._replace(events=0)
    [(name, detail)] = watched.look()
    assert name == "settings"
    assert detail == {
        "events": 0, "acct": 1, "timestamp": 1, "last_look": last_look,
        "before": {"events": 1, "acct": 1, "timestamp": 1},
    }  # fmt: skip
    assert watched.look() == []


def test_a_dump_is_due_when_events_are_on_again(watched: Watched) -> None:
    due = []
    for events in (0, 1, 2, 0, 2):
        watched.kernel.settings = ON._replace(events=events)
        assert watched.watch.look()
        due.append(watched.watch.note())
    assert due == [False, True, False, False, True]


def test_what_cannot_be_read_is_no_change_and_no_look(watched: Watched) -> None:
    watched.look()
    last_look = watched.wall
    watched.kernel.settings, watched.kernel.clashes = ON._replace(events=None), None
    assert watched.look() == watched.look() == []
    watched.kernel.settings, watched.kernel.clashes = ON._replace(events=0), 6
    (_, clashes), (_, settings) = watched.look()
    assert (clashes["since"], clashes["count"]) == (last_look, 1)
    assert (settings["last_look"], settings["before"]["events"]) == (last_look, 1)


def test_what_was_never_known_is_no_change_to_warn_of(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.kernel.settings, watched.kernel.clashes = Settings(1), None
    watched.restart().begin()
    assert watched.look() == []
    watched.kernel.settings, watched.kernel.clashes = ON, 77
    [(name, detail)] = watched.look()
    assert (name, detail["before"]["acct"]) == ("settings", None)
    assert not caplog.records
    watched.kernel.clashes = 78
    assert watched.look()[0][1]["count"] == 1


def test_the_count_of_clashes_is_readable_later(watched: Watched) -> None:
    watched.kernel.clashes = None
    watched.restart().begin()
    for clashes, notes in ((None, 0), (77, 0), (78, 1)):
        watched.kernel.clashes = clashes
        assert len(watched.look()) == notes


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"events": 0}, "ERROR", "announces no connection, so that who answers unknown"),
        ({"events": 0}, "ERROR", "sysctl -w net.netfilter.nf_conntrack_events=1"),
        ({"acct": 0}, "WARNING", "changed from 1 to 0: connections that begin from now on have no"),
        ({"acct": 0}, "WARNING", "sysctl -w net.netfilter.nf_conntrack_acct=1"),
        ({"timestamp": 0}, "WARNING", "have no start and end from the kernel; sysctl -w"),
    ],
)
def test_the_journal_has_the_setting_and_the_way_out(
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, int],
    level: str,
    words: str,
) -> None:
    watched.kernel.settings = ON._replace(**change)
    watched.look()
    [record] = caplog.records
    assert record.levelname == level
    assert words in record.getMessage()
    assert hasattr(record, "MESSAGE_ID")


def test_the_journal_has_it_when_all_is_well_again(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.kernel.settings = Settings(0, 0, 0)
    watched.restart().begin()
    watched.kernel.settings = ON
    caplog.clear()
    with caplog.at_level(logging.INFO):
        watched.look()
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "nf_conntrack_events is 1 again; a table dump follows"
    assert [" have " in words and "sysctl" not in words for words in said[1:]] == [True, True]


@pytest.mark.parametrize("again", [True, False])
def test_the_journal_has_it_at_the_start(
    watched: Watched, caplog: pytest.LogCaptureFixture, again: bool
) -> None:
    watched.kernel.settings = ON._replace(events=0)
    watched.look()
    caplog.clear()
    watched.restart()
    watched.watch.resume() if again else watched.watch.begin()
    assert ["nf_conntrack_events is 0" in record.getMessage() for record in caplog.records] == [
        True
    ]


def test_clashes_are_noted_since_the_look_before(watched: Watched) -> None:
    watched.look()
    since = watched.wall
    watched.kernel.clashes = 8
    assert watched.look() == [("clashes", {"count": 3, "since": since, "udp_timeout": 120})]
    assert watched.look() == []


@pytest.mark.parametrize(("timeout", "pause"), [(120, CLASHES_EVERY), (1, 0.5)])
def test_while_they_go_on_a_note_comes_once_a_second(
    watched: Watched, timeout: int, pause: float
) -> None:
    """Sooner where the gap of the note before would end sooner."""
    watched.kernel.clashes, watched.kernel.udp_timeout = 6, timeout
    assert len(watched.look()) == 1
    watched.kernel.clashes = 7
    assert watched.look() == []
    watched.clock.now += pause - 0.01
    watched.kernel.clashes = 9
    assert watched.look() == []
    watched.clock.now += 0.01
    [(_, detail)] = watched.look()
    assert detail["count"] == 3


def test_a_step_of_the_clock_repeats_what_may_hide_still(watched: Watched) -> None:
    watched.watch.repeat()
    watched.kernel.clashes = 6
    watched.look()
    watched.clock.now += 119
    watched.watch.repeat()
    [(name, detail)] = watched.spool.take()
    assert (name, detail["count"], detail["since"]) == ("clashes", 0, watched.wall)
    watched.clock.now += 120
    watched.watch.repeat()
    assert watched.spool.take() == []


def test_a_successor_finds_what_changed_meanwhile(watched: Watched) -> None:
    watched.look()
    last_look = watched.wall
    watched.kernel.settings, watched.kernel.clashes = ON._replace(events=0), 9
    watched.restart().resume()
    (_, clashes), (_, settings) = watched.look()
    assert (clashes["count"], clashes["since"]) == (4, last_look)
    assert (settings["last_look"], settings["before"]) == (last_look, ON._asdict())


def test_a_successor_of_a_receiver_that_did_not_look(watched: Watched) -> None:
    for word in (Word.LOOKED, Word.SETTINGS, Word.CLASHES):
        watched.spool.words[word] = 0
    watched.restart().resume()
    assert watched.look() == []
    watched.kernel.clashes = 6
    assert len(watched.look()) == 1


def test_a_new_stream_has_no_clash_of_before(watched: Watched) -> None:
    watched.kernel.clashes = 50
    watched.restart().begin()
    assert watched.look() == []


@pytest.mark.parametrize(
    ("before", "now", "new"), [(None, 5, 0), (5, None, 0), (5, 5, 0), (5, 9, 4), (9, 2, 2)]
)
def test_count_new(before: int | None, now: int | None, new: int) -> None:
    assert count_new(before, now) == new


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(0, None, 2), Settings(None, 0, 0), Settings(2, 254 - 1, 1)]
)
def test_settings_fit_into_a_word(settings: Settings) -> None:
    packed = pack_settings(settings)
    assert 0 < packed < 1 << 64
    assert unpack_settings(packed) == settings
    assert unpack_settings(0) is None
