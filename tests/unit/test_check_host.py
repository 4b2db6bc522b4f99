"""check, the host's part: what each value is worth, and who holds the spool."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ctaudit.admin.check_host import find_holder, judge_clock, judge_spool
from ctaudit.admin.check_kernel import (
    judge_buffer,
    judge_drops,
    judge_interface,
    judge_sysctls,
    judge_table,
)
from ctaudit.admin.finding import Finding, Level
from ctaudit.config import SpoolSection
from ctaudit.host.clock import Synchronisation

GOOD, WARNING, UNFIT = Level.GOOD, Level.WARNING, Level.UNFIT
SPOOL = SpoolSection()


def sysctls(mode: str, events: int | None, timestamp: int | None, acct: int | None) -> list[Level]:
    values = {
        "nf_conntrack_events": events,
        "nf_conntrack_timestamp": timestamp,
        "nf_conntrack_acct": acct,
    }
    return [item.level for item in judge_sysctls(mode, values)]


def test_sysctls_by_mode() -> None:
    assert sysctls("live", 1, 1, 1) == [GOOD, GOOD, GOOD]
    assert sysctls("history", 2, 0, 0) == [WARNING, WARNING, WARNING]
    assert sysctls("live", 0, None, 1) == [UNFIT, WARNING, GOOD]
    assert sysctls("live", None, 1, 1)[0] == UNFIT
    assert sysctls("nat", 1, 0, 0) == [GOOD]


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (judge_interface(0, present=False), GOOD),
        (judge_interface(errno.EINVAL, present=True), UNFIT),
        (judge_interface(None, present=True), GOOD),
        (judge_interface(None, present=False), WARNING),
        (judge_table(None, None), UNFIT),
        (judge_table(0, 262144), WARNING),
        (judge_table(1, 262144), GOOD),
        (judge_table(235_930, 262144), WARNING),
        (judge_buffer(64 << 20, 64 << 20), GOOD),
        (judge_buffer(64 << 20, 8 << 20), WARNING),
        (judge_buffer(64 << 20, None), WARNING),
        (judge_drops(0), GOOD),
        (judge_drops(3), WARNING),
        (judge_drops(None), WARNING),
        (judge_clock(Synchronisation(True, 10, 20_000)), GOOD),
        (judge_clock(Synchronisation(False, 10, 20)), WARNING),
        (judge_clock(None), WARNING),
        (judge_spool(SPOOL, 1 << 30, 1 << 30), GOOD),
        (judge_spool(SPOOL, 1 << 30, (1 << 30) - 1), WARNING),
    ],
    ids=lambda value: value.found if isinstance(value, Finding) else value.name,
)
def test_level(finding: Finding, level: Level) -> None:
    assert finding.level == level, finding
    assert bool(finding.remedy) == (level is not GOOD)
    assert not finding.wanted or finding.remedy


def test_words() -> None:
    (events, *_) = judge_sysctls("nat", {"nf_conntrack_events": 2})
    assert events.found == (
        "nf_conntrack_events = 2: no events for connections opened before the receiver started"
    )
    (events, *_) = judge_sysctls("nat", {"nf_conntrack_events": 0})
    assert events.found.startswith(
        "nf_conntrack_events = 0: the kernel announces no connection, who answers unknown"
    )
    (events, *_) = judge_sysctls("nat", {"nf_conntrack_events": None})
    assert events.found == "nf_conntrack_events does not exist: no events for any connection"
    assert judge_drops(None).found == "no receiver socket is open"


def test_who_holds_a_spool(tmp_path: Path) -> None:
    assert find_holder(tmp_path, "receiver") is None
    lock = tmp_path / "receiver.lock"
    lock.touch()
    assert find_holder(tmp_path, "receiver") is None
    hold = (
        "import fcntl, sys; held = open(sys.argv[1]); fcntl.flock(held, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", hold, str(lock), "ctaudit"]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert find_holder(tmp_path, "receiver") == holder.pid
        assert find_holder(tmp_path, "recorder") is None
        holder.communicate("")
    # A process that is not ctaudit's does not count, and looking takes no lock.
    descriptor = os.open(lock, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
