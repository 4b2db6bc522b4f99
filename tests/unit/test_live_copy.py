"""When the recorder asks for the copy of what is open, and what a refusal does."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest

from ctaudit.record.live_copy import EVERY, LiveCopy
from ctaudit.record.positions import Span

SPAN = Span("gw1", UUID(int=7), 0, 100)


@dataclass
class FakeCommits:
    """Stands for commits.Commits."""

    events: int = 0
    is_connected: bool = True
    error: psycopg.Error | None = None
    asked: list[Span] = field(default_factory=list)

    def refresh_live_copy(self, span: Span) -> None:
        self.asked.append(span)
        if self.error is not None:
            raise self.error


def test_it_is_asked_for_each_so_many_events() -> None:
    commits = FakeCommits()
    copy = LiveCopy(commits)  # type: ignore[arg-type]
    for _ in range(10):
        commits.events += EVERY // 4
        copy.follow(SPAN)
    assert commits.asked == [SPAN, SPAN]


def test_a_refusal_is_logged_once_and_recording_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """An older database does not have the function."""
    commits = FakeCommits(error=psycopg.errors.UndefinedFunction("function does not exist"))
    copy = LiveCopy(commits)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            commits.events += EVERY
            copy.follow(SPAN)
    assert caplog.messages == ["database.live_copy has no effect: function does not exist"]
    assert len(commits.asked) == 3


def test_a_connection_that_breaks_is_a_fault() -> None:
    commits = FakeCommits(error=psycopg.OperationalError("gone"), is_connected=False)
    copy = LiveCopy(commits)  # type: ignore[arg-type]
    commits.events += EVERY
    with pytest.raises(psycopg.OperationalError):
        copy.follow(SPAN)
