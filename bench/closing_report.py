"""Bytes a connection before and after its day is closed, for docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.side import read_result


def closing_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("closing")
    if result is None:
        return "", []
    rows = ["| rows of a port and address | | live, B | history, B | of these indexes, B | s |"]
    rows += ["|---|---|---|---|---|---|"]
    rows += [
        _row(run, figures)
        for run in result["runs"]
        for figures in run["figures"]
        if "flow" in figures
    ]
    text = (
        f"## A day that is closed\n{result['connections']:,} connections of IPv4 behind one public "
        f"address, each ended after 30 s; the columns say what one takes on disk. {result['note']}"
        "\n\n"
    )
    return text + "\n".join(rows) + "\n", []


def _row(run: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    (opening, of_opening), (flow, of_flow) = figures["opening"], figures["flow"]
    live, history = opening + of_opening + flow + of_flow, flow + of_flow
    spent = (
        sum(one.get("seconds", 0) for one in run["figures"]) if figures["what"] == "closed" else ""
    )
    return (
        f"| {run['rows']} | {figures['what']} | {live:.0f} | {history:.0f} "
        f"| {of_opening + of_flow:.0f}, {of_flow:.0f} | {spent} |"
    )
