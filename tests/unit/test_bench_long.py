"""What the report says of the long runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import long_report
from bench.long_report import pressure_section, small_section

LATENCY = {"count": 100, "p50": 100.0, "p99": 200.0, "most": 400.0}


def small(**changes: Any) -> dict[str, Any]:
    parts = {"receiver": 0.25, "recorder": 0.5, "backend": 0.125}
    memory = {"rss": 39_000_000, "pss": 20_000_000}
    return {
        "seconds": 60,
        "idle_cpu": parts,
        "cpu": parts,
        "memory": {"receiver": memory, "recorder": memory},
        "latency": {"opening": LATENCY, "flow": LATENCY},
        "who": LATENCY,
        **changes,
    }


def report(monkeypatch: pytest.MonkeyPatch, **results: Any) -> None:
    monkeypatch.setattr(long_report, "read_result", results.get)


def test_nothing_is_said_of_what_was_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report(monkeypatch)
    assert small_section(tmp_path) == ("", [])
    assert pressure_section(tmp_path) == ("", [])


def test_small_within_bounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report(monkeypatch, small=small())
    text, _ = small_section(tmp_path)
    assert "**0.75 %** (0.25 + 0.50) | < 1 %: met |" in text
    assert "**78 MB** | < 80 MB: met |" in text
    assert text.count("**p99 200 ms**, most 400 ms of 100 | p99 ≤ 300 ms: met |") == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu": {"receiver": 0.5, "recorder": 0.5, "backend": 0.1}},
        {"memory": {"receiver": {"rss": 80_000_000, "pss": 1}}},
        {"who": {**LATENCY, "p99": 300.1}},
        {"journal": {**LATENCY, "p99": 1000.0}},
    ],
)
def test_each_bound_can_be_missed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, Any]
) -> None:
    report(monkeypatch, small=small(**changes))
    assert small_section(tmp_path)[0].count("not met") == 1


def test_growth_under_load_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first third of the time is told beside the last; what follows the load is not in it."""
    samples = [
        {
            "at": float(at),
            "lag": at / 100,
            **dict.fromkeys(("spool_waiting", "spool_files", "socket"), 1e6 * at),
            **dict.fromkeys(("receiver_rss", "recorder_rss"), 5e7),
        }
        for at in range(101)
    ]
    load = {
        "samples": samples,
        "began": 0.0,
        "sent_until": 94.0,
        "connections": 1000,
        "sent_rate": 10.0,
        "events": 2000,
        "seconds": 100.0,
        "unannounced": 2,
        "database_bytes": 3e9,
        "cpu_us_per_event": {"receiver": 1.0, "recorder": 2.0, "backend": 3.0},
    }
    report(monkeypatch, pressure=load)
    text, (plot,) = pressure_section(tmp_path)
    assert "| lag of the store behind now | 0.20 s, 0.34 s | 0.80 s, 0.94 s |" in text
    assert "| recorder's resident memory | 50.00 MB, 50.00 MB | 50.00 MB, 50.00 MB |" in text
    assert "2 of the connections were ended while they began" in text
    assert plot.read_text().count("<polyline") == 4
