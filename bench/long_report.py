"""The sections of docs/performance.md that `make bench-long` brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.plot import draw_lines
from bench.side import read_result

_MB = 1e6
_BOUND = 300  # milliseconds
_MOST_MEMORY = 80  # MB, both processes

_SMALL = """\
The default configuration, mode live, {seconds} s: nothing at all, then 50 connections a second,
opened evenly and ended twice a second: 100 events/s. Latency is counted from the kernel's own time
of the event.
"""
_PRESSURE = """\
## {minutes:.1f} minutes under load
{connections:,} connections at {sent:,.0f} a second, ended {often}: {rate:,.0f} events/s, all
of them stored, no gap. Default configuration, mode live. CPU an event: {costs}. The database grew
to {size:.1f} GB.{unannounced}
"""


def small_section(_: Path) -> tuple[str, list[Path]]:
    result = read_result("small")
    if result is None:
        return "", []
    cpu, idle, memory = result["cpu"], result["idle_cpu"], result["memory"]
    both, quiet = (part["receiver"] + part["recorder"] for part in (cpu, idle))
    rss, pss = (sum(part[kind] for part in memory.values()) / _MB for kind in ("rss", "pss"))
    shares = f"{cpu['receiver']:.2f} + {cpu['recorder']:.2f}"
    small_cpu = f"< 1 %: {_judge(both < 1)}"
    small_memory = f"< {_MOST_MEMORY} MB: {_judge(rss < _MOST_MEMORY)}"
    lines = [
        "## Idle and small",
        _SMALL.format(seconds=result["seconds"]),
        "| measure | figure | asked |",
        "|---|---|---|",
        f"| CPU at 100 events/s, both, of a core | **{both:.2f} %** ({shares}) | {small_cpu} |",
        f"| the same of the recorder's PostgreSQL backend | {cpu['backend']:.2f} % | |",
        f"| CPU with no event | {quiet:.2f} %, backend {idle['backend']:.2f} % | |",
        f"| resident memory of both, shared pages twice | **{rss:.0f} MB** | {small_memory} |",
        f"| the same, shared pages once (PSS) | {pss:.0f} MB | |",
    ]
    latencies = {
        "event to commit, openings": result["latency"]["opening"],
        "event to commit, ends": result["latency"]["flow"],
        "event to `who`, asked all the time": result["who"],
        "event to the journal, a booted Debian 12": result.get("journal"),
    }
    for title, found in latencies.items():
        if found is not None:
            lines.append(
                f"| {title} | p50 {found['p50']:.0f} ms, **p99 {found['p99']:.0f} ms**, most "
                f"{found['most']:.0f} ms of {found['count']:,} "
                f"| p99 ≤ {_BOUND} ms: {_judge(found['p99'] <= _BOUND)} |"
            )
    if cost := result.get("journal_cost"):
        most = max(cost["ratios"])
        lines.append(
            f"| event lines at {cost['events_a_second']:,} events/s: the recorder's CPU an event, "
            f"without, with | {cost['without']:.2f} µs, **{cost['with']:.2f} µs**, ÷ at most "
            f"{most:.2f} | < 1.1: {_judge(most < 1.1)} |"
        )
    return "\n".join(lines) + "\n", []


def _judge(is_met: bool) -> str:
    return "met" if is_met else "not met"


def pressure_section(docs: Path) -> tuple[str, list[Path]]:
    pieces, plots = [], []
    for name, write in (("pressure", _write_pressure), ("burst", _write_burst)):
        result = read_result(name)
        if result is None:
            continue
        plot = docs / f"performance-{name}.svg"
        plot.write_text(_draw(name, result))
        plots.append(plot)
        pieces.append(write(result) + f"\n![{name}: memory and backlog over time]({plot.name})\n")
    return "\n".join(pieces), plots


def _write_pressure(result: Mapping[str, Any]) -> str:
    samples = [s for s in result["samples"] if 5 <= s["at"] <= result["sent_until"]]
    third = max(1, len(samples) // 3)
    first, last = samples[:third], samples[-third:]
    parts = ("receiver", "recorder", "backend")
    costs = ", ".join(f"{part} {result['cpu_us_per_event'][part]:.2f} µs" for part in parts)
    rows = [
        _PRESSURE.format(
            minutes=(result["sent_until"] - result["began"]) / 60,
            connections=result["connections"],
            sent=result["sent_rate"],
            often=f"every {result.get('ended_every', 0.5):g} s",
            rate=result["events"] / result["seconds"],
            costs=costs,
            unannounced=_tell_unannounced(result),
            size=result["database_bytes"] / 1e9,
        ),
        "| | first third: median, most | last third: median, most |",
        "|---|---|---|",
    ]
    for title, key, scale, unit in (
        ("lag of the store behind now", "lag", 1, "s"),
        ("received, not yet committed", "spool_waiting", _MB, "MB"),
        ("segment files, kept ones included", "spool_files", _MB, "MB"),
        ("waiting in the socket's buffer", "socket", _MB, "MB"),
        ("receiver's resident memory", "receiver_rss", _MB, "MB"),
        ("recorder's resident memory", "recorder_rss", _MB, "MB"),
    ):
        cells = [_middle_and_most(some, key, scale, unit) for some in (first, last)]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n" + _tell_dumps(result)


def _tell_dumps(result: Mapping[str, Any]) -> str:
    """The dumps of the load, and the most lag from the begin of one until it was compared."""
    told = [
        f"after {one['began'] / 60:.0f} min {one['entries']:,} entries, compared within "
        f"{one['seconds']:.0f} s, lag at most {_most_lag(result, one):.1f} s"
        for one in result.get("dumps", [])
        if one["seconds"] is not None
    ]
    return f"\nDumps of the table meanwhile: {'; '.join(told)}.\n" if told else ""


def _most_lag(result: Mapping[str, Any], dump: Mapping[str, float]) -> float:
    until = dump["began"] + dump["seconds"]
    lags = [s["lag"] for s in result["samples"] if dump["began"] <= s["at"] <= until + 1]
    return max(lags, default=0.0)


def _middle_and_most(
    samples: Sequence[Mapping[str, float]], key: str, scale: float, unit: str
) -> str:
    values = sorted(sample[key] / scale for sample in samples)
    return f"{values[len(values) // 2]:.2f} {unit}, {values[-1]:.2f} {unit}"


def _write_burst(result: Mapping[str, Any]) -> str:
    samples = result["samples"]
    waiting = max(sample["spool_waiting"] for sample in samples) / _MB
    queued = max(sample["socket"] for sample in samples) / _MB
    drain = (
        f"{result['left_at_end']:,.0f} events were still to be committed when the last connection "
        f"had ended; that took {result['drain_seconds']:.1f} s: "
        f"**{result['drain_rate']:,.0f} events/s drained**."
        if result["drain_rate"]
        else "All had been committed when the last connection ended."
    )
    return (
        "## A burst\n"
        f"{result['connections']:,} connections as fast as the generator can, "
        f"{result['sent_rate']:,.0f} a second beside the services on the same cores, ended five "
        f"times a second: {result['events']:,} events, all stored, no gap, within "
        f"{result['seconds']:.1f} s. Default configuration, mode live. {drain} At most "
        f"{waiting:,.0f} MB waited in the spool and {queued:,.0f} MB in the socket's buffer; the "
        f"largest resident set was {result['peak']['receiver'] / _MB:.0f} MB for the receiver and "
        f"{result['peak']['recorder'] / _MB:.0f} MB for the recorder."
        f"{_tell_unannounced(result)}\n"
    )


def _tell_unannounced(result: Mapping[str, Any]) -> str:
    text = ""
    if count := result.get("unannounced", 0):
        text += (
            f" {count} of the connections were ended while they began; the kernel tells of the end "
            "of such a one only."
        )
    if count := result.get("refused", 0):
        text += f" The kernel refused {count} more at their first packet (insert_failed)."
    return text


def _draw(name: str, result: Mapping[str, Any]) -> str:
    keys = (
        ("received, not committed", "backend", "spool_waiting"),
        ("receiver's memory", "receiver", "receiver_rss"),
        ("recorder's memory", "recorder", "recorder_rss"),
        ("socket's buffer", "ulogd", "socket"),
    )
    series = [
        (title, colour, [(s["at"], s[key] / _MB) for s in result["samples"]])
        for title, colour, key in keys
    ]
    title = "A burst of {:,} connections" if name == "burst" else "{:,} connections, evenly"
    return draw_lines(title.format(result["connections"]), series, "MB")
