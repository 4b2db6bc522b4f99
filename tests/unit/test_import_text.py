"""How far an import is, wherever standard error goes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ctaudit.admin.import_text import RunDisplay
from ctaudit.admin.import_ulogd import Run


def show_one_line() -> None:
    times = iter([0.0, 60.0])
    line = RunDisplay(lambda: next(times))
    line.show(Run())
    line.end()


def test_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_one_line()
    assert capsys.readouterr().err.startswith("ctaudit: 0 %, 0 rows in 1 min ")


def test_standard_error_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Path("/dev/full").open("w")  # noqa: SIM115
    monkeypatch.setattr(sys, "stderr", stream)
    show_one_line()
    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_standard_error_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    show_one_line()
