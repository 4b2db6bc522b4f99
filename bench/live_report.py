"""live() with its copy and without, for docs/performance.md (``bench live``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.live import PORTION
from bench.side import read_result


def live_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("live")
    if result is None:
        return "", []
    rows = [
        "| openings since the dump | | rows | with the copy, ms | of CPU | without, ms | of CPU |"
    ]
    rows += ["|---|---|---|---|---|---|---|"]
    rows += [_row(figures) for figures in result["figures"] if "rows" in figures]
    spent = {one["what"]: one["us_an_event"] for one in result["figures"] if "us_an_event" in one}
    text = (
        "## What is open now\n"
        "`live()` beside a steady load of 20,000 connections a second that last ten seconds: all, "
        f"one host, one port. {PORTION:,} openings, the most there can be, came since the copy "
        f"was made last. The copy (`database.live_copy`) takes {spent['the copy']} µs of the "
        f"server's CPU an event, the CALLs {spent['record_live']} µs. {result['note']}\n\n"
    )
    return text + "\n".join(rows) + "\n", []


def _row(figures: Mapping[str, Any]) -> str:
    numbers = [figures["rows"]]
    numbers += [
        figures[f"{name}{unit}"] for name in ("with", "without") for unit in ("_ms", "_cpu_ms")
    ]
    spent = " | ".join(f"{number:,}" for number in numbers)
    return f"| {figures['openings']:,} | `{figures['what']}` | {spent} |"
