"""The bar of a command that takes its time."""

from __future__ import annotations

import io
import sys

import pytest

from ctaudit.commands.bar import Bar, format_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (5, 10, f"[{'#' * 15}{'-' * 15}] 5 of 10 questions"),
        (0, 400, f"[{'-' * 30}] 0 of 400 questions"),
        (1500, 1400, f"[{'#' * 30}] 1,500 of 1,400 questions"),
        (0, 0, f"[{'-' * 30}] 0 of 0 questions"),
        (1234, None, "1,234 questions"),
    ],
)
def test_words(done: int, total: int | None, text: str) -> None:
    assert format_bar(done, total, "question") == text


@pytest.mark.parametrize(
    ("output", "prints", "shown"),
    [
        (io.StringIO(), True, True),
        (Terminal(), True, False),
        (Terminal(), False, True),
    ],
)
def test_where_it_is_shown(
    output: io.StringIO, prints: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", output)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    ticks = iter([0.0, 0.1, 0.3, 0.35, 0.4])
    bar = Bar(3, "question", lambda: next(ticks), prints=prints)
    for done in (1, 2, 3):
        bar.show(done)
    bar.close()
    written = terminal.getvalue()
    assert (written.count("\r"), written.count("\n")) == ((2, 1) if shown else (0, 0))
