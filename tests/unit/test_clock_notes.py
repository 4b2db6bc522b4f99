"""A step of the clock is noted once, also by the successor of the receiver that it escaped."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import pytest

from ctaudit.capture import clock_notes as module
from ctaudit.capture.clock_notes import ClockNotes
from ctaudit.host.clock import StepWatch
from ctaudit.spool.segment import Word
from tests.unit.fake_kernel import FakeSpool


class Clocks:
    """A wall clock that the test steps, over a spool that outlives its receivers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, boot: int = 3_600_000_000_000) -> None:
        self.wall, self.boot, self.spool = 1_700_000_000_000_000_000, boot, FakeSpool()
        steps = partial(StepWatch, wall=lambda: self.wall, boot=lambda: self.boot)
        monkeypatch.setattr(module, "StepWatch", steps)
        self.notes = self.restart()

    def restart(self) -> ClockNotes:
        spool: Any = self.spool
        self.notes = ClockNotes(spool)
        return self.notes

    def tick(self, now: float) -> list[float | None]:
        """The steps that one tick notes, None for a note without a step."""
        stepped = self.notes.tick(now)
        found = [detail["step_seconds"] for name, detail in self.spool.take() if name == "clock"]
        assert stepped == any(found)
        return found


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_it_is_noted_once_an_hour(clocks: Clocks) -> None:
    ticks = [clocks.tick(now) for now in (1000.0, 1001.0, 4599.0, 4600.0, 4601.0)]
    assert ticks == [[None], [], [], [None], []]


def test_a_step_is_noted_at_once(clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    clocks.tick(1000.0)
    clocks.wall -= 1_500_000_000
    with caplog.at_level(logging.ERROR):
        assert clocks.tick(1001.0) == [-1.5]
    assert "the wall clock was stepped by -1.500 s" in caplog.text
    assert clocks.tick(1002.0) == []


@pytest.mark.parametrize("step", [-3600.0, -0.06, 0.06, 3600.0])
def test_a_successor_notes_a_step_between_the_two(clocks: Clocks, step: float) -> None:
    clocks.tick(1000.0)
    clocks.wall += int(step * 1e9)
    clocks.restart().resume()
    assert clocks.tick(5.0) == [step]
    assert clocks.tick(6.0) == []


def test_a_successor_of_a_receiver_that_kept_no_offset(clocks: Clocks) -> None:
    clocks.tick(1000.0)
    clocks.spool.words[Word.CLOCK_OFFSET] = 0
    clocks.wall += 10**12
    clocks.restart().resume()
    assert clocks.tick(5.0) == [None]


def test_a_clock_that_is_behind_the_time_since_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 1970, as after a boot without a clock of its own."""
    clocks = Clocks(monkeypatch)
    clocks.wall = clocks.boot - 10**12
    clocks.restart()
    clocks.tick(1000.0)
    clocks.wall += 10**9
    clocks.restart().resume()
    assert clocks.tick(1001.0) == [1.0]
