"""The benchmark's own arithmetic."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from bench.demands import DEMANDS, judge
from bench.figures import Run, costs, peak, percentile, rates
from bench.machine import read_fsync
from bench.parts import find_rows
from bench.parts_report import list_parts
from bench.plot import Bar, Panel, draw
from bench.report import candidate_table, loss_row, ratio_table


def run(candidate: str, rate: float, *, stored: int = 1000, **cpu: float) -> Run:
    """A thousand events at that rate; cpu in microseconds an event."""
    spent = {part: int(value * 1000 * 1000) for part, value in cpu.items()}
    peaks = dict.fromkeys(cpu, 10000000)
    return Run(candidate, 1000, 1000, 1000 / rate, stored, cpu=spent, peak=peaks)


def test_a_run_s_figures() -> None:
    one = run("history", 50_000, stored=990, receiver=1.5, recorder=2.25, machine=5)
    assert one.rate == pytest.approx(50_000)
    assert one.lost == 10
    assert one.cpu_per_event("receiver", "recorder") == pytest.approx(3.75)
    assert one.other_share == pytest.approx(0.25)


def test_a_run_survives_json() -> None:
    one = run("history", 50_000, receiver=1.5, machine=2)
    assert Run.from_json(one.as_json()) == one
    assert one.as_json()["cpu_us_per_event"] == {"receiver": 1.5, "machine": 2.0}


def test_spread_of_several_runs() -> None:
    runs = [run("nat", rate, receiver=rate / 10_000) for rate in (30_000, 10_000, 20_000)]
    assert astuple(rates(runs)) == pytest.approx((10_000, 20_000, 30_000))
    assert costs(runs, "receiver").median == pytest.approx(2.0)
    assert peak(runs, "receiver") == 10_000_000


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1)]
)
def test_percentile(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_a_ratio_is_formed_within_each_round() -> None:
    """Twice as slow a machine in the second round changes neither ratio nor verdict."""
    runs = {
        "history": [run("history", rate, receiver=1, recorder=2) for rate in (100_000, 50_000)],
        "ulogd-sync": [run("ulogd-sync", rate, ulogd=10) for rate in (4000, 2000)],
        "copy": [run("copy", rate) for rate in (250_000, 125_000)],
    }
    verdicts = {verdict.demand: verdict for verdict in judge(runs)}
    sync, copy, cpu = (
        next(d for d in DEMANDS if (d.other, d.above) == wanted)
        for wanted in (("ulogd-sync", True), ("copy", True), ("ulogd-sync", False))
    )
    assert set(verdicts) == {sync, copy, cpu}
    assert astuple(verdicts[sync].ratio) == pytest.approx((25, 25, 25))
    assert verdicts[copy].ratio.median == pytest.approx(0.4)
    assert verdicts[cpu].ratio.median == pytest.approx(0.3)
    assert [verdicts[d].is_met for d in (copy, cpu)] == [False, True]


def test_tables_tell_loss_and_what_is_not_met() -> None:
    runs = {
        "history": [run("history", 50_000, stored=997, receiver=1, recorder=2)],
        "copy": [run("copy", 100_000)],
    }
    assert "| **0.50** | 0.50 to 0.50 | not met |" in ratio_table(judge(runs))
    history, copy = candidate_table(runs).splitlines()[2:]
    assert history.endswith("| 3 |")
    assert "**50,000** (50,000 to 50,000) | receiver 1.00, recorder 2.00 |" in history
    assert copy.endswith("| 0 |")
    assert loss_row(runs).endswith("| **3** | | not met |\n")


def test_fsync_of_the_first_table_only() -> None:
    said = """1 second per test

Compare file sync methods using one 8kB write:
(in wal_sync_method preference order, except fdatasync is Linux's default)
        open_datasync                      1524.385 ops/sec     656 usecs/op
        fdatasync                          1448.100 ops/sec     691 usecs/op
        fsync_writethrough                              n/a

Compare file sync methods using two 8kB writes:
        open_datasync                       700.000 ops/sec    1428 usecs/op
"""
    assert read_fsync(said) == {"open_datasync": 1524.385, "fdatasync": 1448.1}


def test_bars_are_to_scale() -> None:
    bars = [Bar("a & b", [("ours", 100.0)], "100"), Bar("c", [("theirs", 25.0)], "25")]
    drawn = draw([Panel("events", bars)])
    widths = [
        float(line.split('width="')[1].split('"')[0])
        for line in drawn.splitlines()
        if line.startswith("<rect x=")
    ]
    assert widths[0] == pytest.approx(4 * widths[1])
    assert "a &amp; b" in drawn


def test_rows_of_a_copy_are_found() -> None:
    """Two fields each, the second one NULL."""
    row = b"\0\2" + b"\0\0\0\3abc" + b"\xff\xff\xff\xff"
    rows = bytes(19) + 3 * row + b"\xff\xff"
    assert find_rows(rows, 19, 2) == (19 + 2 * len(row), 2)
    assert find_rows(rows, 19 + 2 * len(row), 2) == (19 + 3 * len(row), 1)


def test_parts_of_a_call_are_the_whole() -> None:
    left = {
        "arguments alone": 0.15, "no rows": 0.2, "rows, not inserted": 0.3,
        "no index by the public port": 0.6, "no BRIN index": 0.95,
    }  # fmt: skip
    parts = list_parts({name: {"ratio": ratio} for name, ratio in left.items()})
    assert [round(share, 6) for _, share in parts] == [0.15, 0.05, 0.1, 0.4, 0.05, 0.25]
