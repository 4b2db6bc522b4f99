"""Steps of the wall clock, and the kernel's word on it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ctaudit.host import clock

SECOND = 1_000_000_000


class Clocks:
    """Two clocks that a test moves."""

    def __init__(self) -> None:
        self.wall = 1_795_000_000 * SECOND
        self.boot = 5 * SECOND

    def advance(self, nanoseconds: int, step: int = 0) -> None:
        self.boot += nanoseconds
        self.wall += nanoseconds + step


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.mark.parametrize("step", [3600 * SECOND, -3600 * SECOND, 60_000_000, -60_000_000])
def test_a_step_is_found_once(clocks: Clocks, step: int) -> None:
    watch = clock.StepWatch(lambda: clocks.wall, lambda: clocks.boot)
    clocks.advance(SECOND, step)
    assert watch.find_step() == step
    clocks.advance(SECOND)
    assert watch.find_step() == 0


def test_slewing_is_no_step(clocks: Clocks) -> None:
    watch = clock.StepWatch(lambda: clocks.wall, lambda: clocks.boot)
    for _ in range(3600):
        clocks.advance(SECOND, 500_000)
        assert watch.find_step() == 0


def test_sleep_is_no_step() -> None:
    watch = clock.StepWatch()
    time.sleep(0.2)
    assert watch.find_step() == 0


def test_the_kernel_answers() -> None:
    said = clock.ask_kernel()
    assert said is not None
    assert said.maximum_error >= said.estimated_error >= 0


def test_the_saved_answer_is_read_where_the_kernel_may_not_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "clock.json"
    answer = clock.Synchronisation(True, 17, 4000)
    clock.save_synchronisation(answer, saved)
    assert saved.stat().st_mode & 0o777 == 0o644
    monkeypatch.setattr(clock, "ask_kernel", lambda: None)
    assert clock.read_synchronisation(saved) == answer


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"synchronised": 1, "estimated_error": "x"}'])
def test_nonsense_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    saved = tmp_path / "clock.json"
    saved.write_text(text)
    monkeypatch.setattr(clock, "ask_kernel", lambda: None)
    assert clock.read_synchronisation(saved) is None
    assert clock.read_synchronisation(tmp_path / "absent") is None


def test_an_old_answer_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = tmp_path / "clock.json"
    clock.save_synchronisation(clock.Synchronisation(True, 17, 4000), saved)
    monkeypatch.setattr(clock, "ask_kernel", lambda: None)
    past = time.time() - 3 * 3600
    os.utime(saved, (past, past))
    assert clock.read_synchronisation(saved) is None
