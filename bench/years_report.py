"""Inserting and asking in a store of hundreds of days (``bench years``), for performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.side import read_result

_DAYS = {"largest": "the largest day", "usual": "a usual day, all of it"}


def years_section(_: Path) -> tuple[str, list[Path]]:
    """Of the large store, and of one that was asked later; empty where there is no result."""
    results = filter(None, map(read_result, ("years", "years-smaller")))
    return "\n".join(map(_store, results)), []


def _store(result: Mapping[str, Any]) -> str:
    found = {figures["what"]: figures for figures in result["figures"]}
    asked = [figures for figures in result["figures"] if "p99_ms" in figures]
    insert, maintain = found["insert"], found["maintain"]
    joined, locks = found["first dump of a gateway that joins"], found["locks of a question"]
    text = (
        f"## A store of {result['days']:,} days: {result['connections'] // 1_000_000:,} million\n"
        f"{result['connections']:,} connections of two gateways with 500 hosts each, a third of "
        f"them in one day, all days closed by `ctaudit maintain`. {result['note']}\n\n"
        f"- Size: {found['closed']['GB']} GB, {found['closed']['bytes_a_connection']} bytes a "
        f"connection with indexes and sums; {found['recorded']['GB']} GB before its days were "
        f"closed, of which the last week was live mode.\n"
        f"- `maintain`: {maintain['runs']} runs closed {maintain['partitions_closed']:,} "
        f"partitions in {maintain['s']:,.0f} s, the longest step took "
        f"{maintain['longest_step_s']:,.0f} s.\n"
        f"- Inserting (live mode, CALLs alternating): {insert['full_to_empty']:.2f} of the rate "
        f"into an empty store.\n"
        f"- The first dump of a gateway that joins, {joined['calls']} CALLs: "
        f"{joined['all_ms']:,.0f} ms, the longest CALL {joined['longest_ms']:,.0f} ms.\n"
        f"{_paged(result['figures'])}"
        f"- A question locks {locks['locks']} tables and indexes (median of {locks['asked']}), at "
        f"most {locks['most']} ({locks['of_most']} of them), where it reads two days.\n\n"
    )
    rows = ["| question | asked | median, ms | p99, ms | longest, ms |", "|---|---|---|---|---|"]
    return text + "\n".join([*rows, *map(_row, asked)]) + "\n"


def _paged(figures: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f"- `flows` of {each['rows']:,} connections of {_DAYS[each['day']]}, every row taken: "
        f"{each['s']:,.0f} s; at most {each['client_MB']:,.0f} MB in the client and "
        f"{each['server_MB']:,.0f} MB in the server, beside what both held before.\n"
        for each in figures
        if each["what"] == "flows, paged"
    )


def _row(figures: Mapping[str, Any]) -> str:
    return (
        f"| {figures['what']} | {figures['asked']:,} | {figures['p50_ms']:,.1f} "
        f"| {figures['p99_ms']:,.1f} | {figures['longest_ms']:,.1f} |"
    )
