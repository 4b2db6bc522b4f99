"""The socket outlives the receiver, the spool the recorder: kills, restarts, stops, hangs."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctaudit.host.log import MESSAGE_IDS
from ctaudit.spool.segment import list_segments, opened_segment
from lab.machines.gateway import RECEIVER, RECORDER, SPOOL, BootedGateway
from lab.machines.kills import ROOMY, check_nothing_lost, kill_units_at_random
from tests.markers import torture

_SMALL = {"socket": 'receive_buffer = "64KiB"\nreceive_buffer_max = "64KiB"'}
_LONGEST_STOP = 10.0  # seconds that a stop lets the recorder go on committing


@pytest.mark.parametrize(
    ("unit", "times", "seed"),
    [(RECEIVER, 10, 1), (RECORDER, 5, 2), torture(RECEIVER, 100, 11), torture(RECORDER, 100, 12)],
)
def test_killed_at_random(booted: BootedGateway, unit: str, times: int, seed: int) -> None:
    """Under 20,000 events a second: nothing lost."""
    booted.begin_anew(ROOMY)
    first = booted.opened
    print(kill_units_at_random(booted, [unit], times, seed=seed))
    check_nothing_lost(booted, first)


@pytest.mark.parametrize(("times", "seed"), [(3, 3), torture(20, 13)])
def test_both_and_the_database_killed(booted: BootedGateway, times: int, seed: int) -> None:
    booted.begin_anew(ROOMY)
    first = booted.opened
    units = [RECEIVER, RECORDER, booted.postgresql]
    print(kill_units_at_random(booted, units, times, seed=seed, after=booted.start_postgresql))
    check_nothing_lost(booted, first)


def test_restarts_under_load(gateway: BootedGateway) -> None:
    first = gateway.opened
    with gateway.load(40_000, 8_000):
        for _ in range(3):
            time.sleep(0.5)
            gateway.machine.systemctl("restart", RECEIVER, RECORDER)
    gateway.settle()
    check_nothing_lost(gateway, first)
    streams = gateway.query("SELECT DISTINCT stream FROM ctaudit.stream")
    assert len(streams) == 1


def test_a_reload_dumps_the_table(gateway: BootedGateway) -> None:
    """Within the unit's sandbox; the process goes on."""
    process = gateway.machine.show(RECEIVER, "MainPID")
    gateway.machine.systemctl("reload", RECEIVER)
    asked = "SELECT FROM ctaudit.dump WHERE cause = 'asked' AND ended_at IS NOT NULL"
    gateway.wait_until(lambda: bool(gateway.query(asked)))
    assert gateway.machine.show(RECEIVER, "MainPID") == process
    assert gateway.gaps() == []


def test_receiver_killed_right_after_an_overrun(booted: BootedGateway) -> None:
    booted.begin_anew(_SMALL)
    first = booted.opened
    for _ in range(3):
        with booted.load(3_000):
            _wait_for_drops(booted)
            booted.kill(RECEIVER)
        booted.wait_until_reconciled()
    booted.settle()

    gaps = booted.gaps()
    assert gaps
    assert {gap["cause"] for gap in gaps} == {"overrun"}
    assert all(gap["gap_until"] for gap in gaps)
    recorded = booted.recorded("opening")
    assert {key for key, _ in recorded} == booted.tuples(first)
    assert len(recorded) == booted.opened - first
    # The kernel's own start, which comes with the end, says when each opening was lost.
    outside = booted.query(
        "SELECT f.started_at FROM ctaudit.opening AS o JOIN ctaudit.flow AS f"
        " USING (orig_src, orig_sport, orig_dport)"
        " WHERE o.provenance <> 'event' AND NOT EXISTS (SELECT FROM ctaudit.gap AS g"
        " WHERE f.started_at BETWEEN g.gap_from AND g.gap_until)"
    )
    assert outside == []
    told = booted.journal("-u", RECEIVER, f"MESSAGE_ID={MESSAGE_IDS['overrun']}")
    assert told
    assert all(line["PRIORITY"] == "3" for line in told)


def test_stop_and_start_is_a_gap_that_the_dump_closes(gateway: BootedGateway) -> None:
    first = gateway.opened
    with gateway.load(100):
        pass
    gateway.settle()
    stopped = time.time()
    gateway.machine.systemctl("stop", RECEIVER)
    with gateway.load(200):
        pass
    started = time.time()
    gateway.machine.systemctl("start", RECEIVER)
    gateway.wait_until(lambda: bool(gateway.query("SELECT FROM ctaudit.gap")))
    gateway.wait_until_reconciled()
    [gap] = gateway.query(
        "SELECT *, extract(epoch FROM gap_from) AS first, extract(epoch FROM gap_until) AS last"
        " FROM ctaudit.gap"
    )
    assert gap["cause"] == "not listening"
    assert gap["first"] <= stopped + 1
    assert started <= gap["last"] <= time.time()
    gateway.settle()
    recorded = dict(gateway.recorded("opening"))
    assert recorded.keys() == gateway.tuples(first)
    seen = {key for key, provenance in recorded.items() if provenance == "dump"}
    assert seen == gateway.tuples(first + 100)


def test_stop_commits_what_is_there(gateway: BootedGateway) -> None:
    """What had been received when the stop came is recorded when it ends, within its bound."""
    gateway.signal(RECORDER, signal.SIGSTOP)
    with gateway.load(20_000):
        pass
    received = _read_received(gateway)
    assert received > _read_committed(gateway)
    gateway.signal(RECORDER, signal.SIGTERM)
    gateway.signal(RECORDER, signal.SIGCONT)
    began = time.monotonic()
    gateway.machine.systemctl("stop", RECORDER)
    took = time.monotonic() - began
    assert gateway.machine.show(RECORDER, "Result") == "success"
    assert took < _LONGEST_STOP + 2
    assert _read_committed(gateway) >= received
    gateway.machine.systemctl("start", RECORDER)


def test_hanging_receiver_is_restarted(booted: BootedGateway) -> None:
    booted.begin_anew(ROOMY)
    first = booted.opened
    with _watchdog(booted, RECEIVER, "WatchdogSec=1s"):
        before = int(booted.machine.show(RECEIVER, "NRestarts"))
        with booted.load(24_000, 8_000):
            time.sleep(0.5)
            [hanging] = booted.machine.processes(RECEIVER)
            booted.signal(RECEIVER, signal.SIGSTOP)
            booted.wait_until(lambda: booted.machine.processes(RECEIVER) not in ([hanging], []))
        assert int(booted.machine.show(RECEIVER, "NRestarts")) == before + 1
        said = booted.journal("-u", RECEIVER, "_PID=1")
        assert any("Watchdog timeout" in line["MESSAGE"] for line in said)
        booted.settle()
    check_nothing_lost(booted, first)


def test_database_away_is_told_and_made_up_for(gateway: BootedGateway) -> None:
    first = gateway.opened
    gateway.machine.systemctl("stop", gateway.postgresql)
    with gateway.load(5_000):
        time.sleep(1)
    gateway.start_postgresql()
    gateway.settle()
    check_nothing_lost(gateway, first)
    for fault in ("database unreachable", "database back"):
        assert gateway.journal("-u", RECORDER, f"MESSAGE_ID={MESSAGE_IDS[fault]}"), fault


def _wait_for_drops(gateway: BootedGateway) -> None:
    before = gateway.count_drops()
    gateway.wait_until(lambda: gateway.count_drops() > before, pause=0.001)


@contextmanager
def _watchdog(gateway: BootedGateway, unit: str, line: str) -> Iterator[None]:
    """The unit with another setting during the body; restarted, so that it takes effect."""
    drop_in = f"/run/systemd/system/{unit}.d/test.conf"
    gateway.machine.write(drop_in, f"[Service]\n{line}\n")
    try:
        gateway.machine.systemctl("daemon-reload")
        gateway.machine.systemctl("restart", unit)
        yield
    finally:
        gateway.machine.path(drop_in).unlink()
        gateway.machine.systemctl("daemon-reload")
        gateway.machine.systemctl("restart", unit)


def _read_received(gateway: BootedGateway) -> int:
    """The stream's position that the receiver has published."""
    directory: Path = gateway.machine.path(SPOOL)
    with opened_segment(list_segments(directory)[-1][1], writable=False) as segment:
        return segment.base + segment.end


def _read_committed(gateway: BootedGateway) -> int:
    position: int = gateway.query("SELECT max(position) AS p FROM ctaudit.stream")[0]["p"]
    return position
