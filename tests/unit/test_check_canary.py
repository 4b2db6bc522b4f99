"""check: what is said of the canary."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ctaudit.admin import check_canary
from ctaudit.admin.check_canary import check_canary_way, judge_canary, judge_loopback
from ctaudit.admin.finding import Level
from ctaudit.admin.place import HERE
from ctaudit.config import CanarySection, Config

GOOD, WARNING = Level.GOOD, Level.WARNING
WATCHED = Config(canary=CanarySection(300.0))


@pytest.mark.parametrize(
    ("age", "level", "words"),
    [
        (timedelta(seconds=2.4), GOOD, "the last that was found was sent 2.400 s ago"),
        (timedelta(seconds=-1), GOOD, "sent 0.000 s ago"),
        (timedelta(minutes=13), GOOD, "13 min"),
        (timedelta(minutes=13, seconds=1), WARNING, "13 min 1.000 s ago"),
        (None, WARNING, "none was found since the receiver's socket was opened"),
    ],
)
def test_age(age: timedelta | None, level: Level, words: str) -> None:
    finding = judge_canary(300.0, age)
    assert (finding.level, words in finding.found) == (level, True), finding
    assert ("a filter" in finding.remedy) == (level is WARNING)


@pytest.mark.parametrize(
    ("is_tracked", "level", "remedy"),
    [(True, GOOD, ""), (False, WARNING, "nft list ruleset"), (None, WARNING, "run as root")],
)
def test_loopback(is_tracked: bool | None, level: Level, remedy: str) -> None:
    finding = judge_loopback(is_tracked)
    assert finding.level is level
    assert remedy in finding.remedy


def test_without_a_canary_nothing_is_said_or_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_canary, "_is_loopback_tracked", lambda: pytest.fail("asked"))
    assert list(check_canary_way(Config(), 1, 1, HERE)) == []
    assert list(check_canary.check_canary(None, "gw1", None)) == []  # type: ignore[arg-type]


def test_a_recorder_elsewhere_cannot_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_canary, "_is_loopback_tracked", lambda: True)
    monkeypatch.setattr(check_canary, "_share_network", int.__eq__)
    [finding] = check_canary_way(WATCHED, 7, 7, HERE)
    assert (finding.level, finding.found) == (GOOD, "the kernel tracks loopback")
    [finding] = check_canary_way(WATCHED, 7, 8, HERE)
    assert finding.level is WARNING
    assert "another network namespace" in finding.found
    [finding] = check_canary_way(WATCHED, None, 8, HERE)
    assert finding.level is GOOD
