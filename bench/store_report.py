"""What CALLs and questions cost in a full store, for docs/performance.md (``bench store``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.side import read_result


def store_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("store")
    if result is None:
        return "", []
    rows = ["| what | CALLs | longest, ms | all, ms | relations locked |", "|---|---|---|---|---|"]
    rows += [_row(figures) for figures in result["figures"] if {"calls", "ms"} & figures.keys()]
    text = (
        f"## In a full store\n{result['days']} days with rows of two gateways in partitions of "
        f"their own, then an hour with so many openings, and 16,000 connections that are alive "
        f"all the time and stand in each dump. {result['note']}\n\n"
    )
    return text + "\n".join(rows) + "\n", []


def _row(figures: Mapping[str, Any]) -> str:
    if "calls" in figures:
        spent = f"{figures['calls']} | {figures['longest_ms']:,.0f} | {figures['all_ms']:,.0f}"
    else:
        spent = f"a question | {figures['ms'][0]:,.0f} | "
    return f"| {figures['what']} | {spent} | {figures['locks']} |"
