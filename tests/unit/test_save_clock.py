"""The command of ctaudit-clock.service."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctaudit.admin import save_clock
from ctaudit.host import clock


def test_the_answer_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "clock.json"
    answer = clock.Synchronisation(False, 16_000_000, 16_000_000)
    monkeypatch.setattr(clock, "ask_kernel", lambda: answer)
    assert save_clock.main(str(file)) == 0
    monkeypatch.setattr(clock, "ask_kernel", lambda: None)
    assert clock.read_synchronisation(file) == answer


def test_a_sandbox_is_a_missing_privilege(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clock, "ask_kernel", lambda: None)
    assert save_clock.main(str(tmp_path / "clock.json")) == 7
    assert "adjtimex is not permitted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
