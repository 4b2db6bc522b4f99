"""docs/performance.md and its plots, from the results in bench/results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.batch_report import batch_section
from bench.candidates import ALONE, CANDIDATES
from bench.closing_report import closing_section
from bench.demands import Verdict, judge
from bench.figures import Run, Spread, costs, peak, rates
from bench.filtering_report import filtering_section
from bench.front_report import front_section
from bench.live_report import live_section
from bench.long_report import pressure_section, small_section
from bench.parts_report import parts_section
from bench.plot import Bar, Panel, draw
from bench.reliable_report import reliable_section
from bench.side import load_runs, read_result
from bench.store_report import store_section
from bench.ulogd import FORMER_ROWS
from bench.web_report import web_section
from bench.years_report import years_section
from lab.namespaces import ROOT

DOCS = ROOT / "docs"
PARTS = ("receiver", "recorder", "ulogd", "decode", "arrays", "client", "backend")
_LOGGERS = ("receiver", "recorder", "ulogd")

_HEAD = """\
# Performance

Written by `make bench` and `make bench-long` from the results in `bench/results`; change
`bench/report.py`, not this file. How it was measured is below the tables.
How much a site of so many households takes: [operations.md](operations.md#how-much-it-takes).
"""

_METHOD = """\
## How it is measured
- **The same for all.** Connections through the NAT gateway of the lab, one UDP packet each, from a
  generator in C, ended by `conntrack -F`. Every logger is stopped while the connections are made,
  the kernel queues its events in a socket buffer of the same size for each ({buffer} MiB), and the
  time begins when the logger is continued. So the generator takes no CPU from the loggers, and a
  rate is what the logger is able to do.
- **From the first event to the last commit**: `pg_xact_commit_timestamp` of the rows, or the last
  write to the file. The last batch's wait for more events is in it.
- **CPU** is the scheduler's own count (`/proc/PID/schedstat`), from the moment the logger is
  continued; start-up is not in it. *backend* is the logger's server process in PostgreSQL.
- **Loss** is what was sent less what is stored, counted in the tables (for ctaudit by distinct
  tuples) or as lines; the kernel's drops are counted as well. A run of ctaudit with a gap or an
  undecodable message counts as failed.
- **Rounds.** Every candidate runs once in each of {rounds} rounds, each time with a fresh
  database after a checkpoint. A ratio is formed within a round; the median is the result. ulogd2's
  database runs have fewer connections, so that they end: {slow:,} ({slowest:,} for
  `INSERT_OR_REPLACE_CT`) where the others have {fast:,}.
- **ctaudit** runs with its default configuration but for the mode and the socket's buffer:
  coverage, accounting, event lines, and every index that `who` needs. `fsync` and
  `synchronous_commit` are on.
- **ulogd2** is Debian's, with its own schema, `hash_enable=0` and only the events that it stores
  (`event_mask`), which costs it least; its table has {former:,} former rows and statistics of them,
  so that its UPDATE finds the right index. *Asynchronous* is `synchronous_commit = off` for its
  database.
- **COPY** is one transaction, binary, from psql, of the rows that a history run has stored, into
  the same empty table with the same partitions and indexes: the most that PostgreSQL can do.
- *receiver alone* reads a backlog into segments; *decoding alone* is kept segments to column
  arrays; *CALLs alone* sends such arrays, made before.

The ratio to synchronous ulogd2 also measures this disk: `pg_test_fsync` finds {fsync}. The others
do so less, and are what to compare over time.
"""


def write_report(docs: Path = DOCS) -> list[Path]:
    """The files written; sections whose result is not there are left out."""
    result = read_result("side")
    pieces = [_HEAD]
    written = []
    if result is not None:
        runs = load_runs(result)
        plot = docs / "performance.svg"
        plot.write_text(draw(_panels(runs)))
        written.append(plot)
        pieces.append(_side_section(result, runs))
    store = (
        store_section,
        years_section,
        batch_section,
        front_section,
        reliable_section,
        live_section,
        closing_section,
        web_section,
    )
    for section in (parts_section, small_section, pressure_section, filtering_section, *store):
        text, plots = section(docs)
        pieces.append(text)
        written += plots
    if result is not None:
        pieces.append(_method(result, runs))
    page = docs / "performance.md"
    page.write_text("\n".join(piece for piece in pieces if piece))
    return [page, *written]


def _side_section(result: Mapping[str, Any], runs: Mapping[str, Sequence[Run]]) -> str:
    return "\n".join(
        [
            _describe(result),
            "![events a second and CPU time of each candidate](performance.svg)\n",
            "## The ratios",
            ratio_table(judge(runs)) + loss_row(runs),
            "## Each candidate",
            candidate_table(runs),
            _tell_others(runs),
        ]
    )


def _describe(result: Mapping[str, Any]) -> str:
    machine, loop = result["machine"], result["loop_seconds"]
    return (
        f"Taken {result['at'][:16].replace('T', ' ')} UTC on {machine['cores']} cores of an "
        f"{machine['processor']} with {machine['memory_gib']:g} GiB, "
        f"{machine['distribution']}, Linux {machine['kernel']}, {machine['postgresql']}, "
        f"ulogd2 {machine['ulogd2']}, Python {machine['python']}, ctaudit {machine['ctaudit']}; "
        "packets, logger and database all on the same machine.\n"
        f"A fixed loop of Python took {min(loop):.2f} to {max(loop):.2f} s of CPU before the "
        "rounds, which shows how even the machine was.\n"
    )


def ratio_table(verdicts: Sequence[Verdict]) -> str:
    rows = ["| ratio | asked | median | least to most | |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        ratio, demand = verdict.ratio, verdict.demand
        asked = f"{'≥' if demand.above else '≤'} {demand.bound:g}"
        rows.append(
            f"| {demand.title} | {asked} | **{ratio.median:.2f}** | {ratio.least:.2f} to "
            f"{ratio.most:.2f} | {'met' if verdict.is_met else 'not met'} |"
        )
    return "\n".join(rows) + "\n"


def loss_row(runs: Mapping[str, Sequence[Run]]) -> str:
    """The last row of the ratios' table: what all candidates have lost of what they were sent."""
    lost = [run.lost for some in runs.values() for run in some]
    verdict = "met" if not any(lost) else "not met"
    return f"| events lost, all runs of all candidates | 0 | **{sum(lost)}** | | {verdict} |\n"


def candidate_table(runs: Mapping[str, Sequence[Run]]) -> str:
    rows = [
        "| candidate | events/s: median (least to most) | CPU µs an event | memory | WAL | lost |",
        "|---|---|---|---|---|---|",
    ]
    for name, some in runs.items():
        rate = rates(some)
        cpu = [
            f"{part} {costs(some, part).median:.2f}"
            for part in PARTS
            if all(part in run.cpu for run in some)
        ]
        memory = [f"{part} {peak(some, part) / 1e6:.0f} MB" for part in some[0].peak]
        wal = [run.wal / run.events for run in some if run.wal is not None]
        rows.append(
            f"| {CANDIDATES[name].title} | **{rate.median:,.0f}** ({rate.least:,.0f} to "
            f"{rate.most:,.0f}) | {', '.join(cpu)} | {', '.join(memory)} | "
            f"{f'{Spread.of(wal).median:,.0f}' if wal else ''} | "
            f"{sum(run.lost for run in some)} |"
        )
    return "\n".join(rows) + "\n"


def _tell_others(runs: Mapping[str, Sequence[Run]]) -> str:
    share = max(run.other_share for some in runs.values() for run in some)
    drops = sum(max(0, run.kernel_drops) for some in runs.values() for run in some)
    return (
        "CPU: medians. Memory: the largest resident set of any run, mapped segments included. "
        f"WAL: bytes an event. Dropped by the kernel in all runs: {drops}. Of the CPU time that "
        f"the machine spent during a run, at most {share:.0%} was not of the processes in the "
        "table (the kernel's own work and other programs).\n"
    )


def _panels(runs: Mapping[str, Sequence[Run]]) -> list[Panel]:
    together = [name for name in runs if name not in ALONE]
    alone = [name for name in runs if name in ALONE]
    prices = [_draw_costs(name, runs[name]) for name in together if name != "copy"]
    legend = [("receiver", "receiver"), ("recorder", "recorder"), ("ulogd2", "ulogd")]
    panels = [
        Panel("Events a second: median, least and most", _draw_rates(runs, together)),
        Panel("CPU time of the logger an event, PostgreSQL's not in it", prices, legend),
        Panel("ctaudit's parts alone, events a second", _draw_rates(runs, alone)),
    ]
    return [panel for panel in panels if panel.bars]


def _draw_rates(runs: Mapping[str, Sequence[Run]], names: Sequence[str]) -> list[Bar]:
    bars = []
    for name in names:
        rate = rates(runs[name])
        colour = "limit" if name == "copy" else "theirs" if name.startswith("ulogd") else "ours"
        part = (colour, rate.median)
        bars.append(
            Bar(CANDIDATES[name].title, [part], f"{rate.median:,.0f}", rate.least, rate.most)
        )
    return bars


def _draw_costs(name: str, runs: Sequence[Run]) -> Bar:
    parts = [(part, costs(runs, part).median) for part in _LOGGERS if part in runs[0].cpu]
    return Bar(CANDIDATES[name].title, parts, f"{sum(value for _, value in parts):.1f} µs")


def _method(result: Mapping[str, Any], runs: Mapping[str, Sequence[Run]]) -> str:
    fsync = ", ".join(f"{rate:,.0f} {method} a second" for method, rate in result["fsync"].items())
    return _METHOD.format(
        buffer=result["machine"]["socket_buffer"] >> 20,
        rounds=max(len(some) for some in runs.values()),
        slow=CANDIDATES["ulogd-sync"].connections,
        slowest=CANDIDATES["ulogd-replace"].connections,
        fast=CANDIDATES["history"].connections,
        former=FORMER_ROWS,
        fsync=fsync,
    )
