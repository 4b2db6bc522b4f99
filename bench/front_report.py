"""A front beside the stores that it asks (``bench front``), for performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.plot import Bar, Panel, draw
from bench.side import read_result


def front_section(docs: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("front")
    if result is None:
        return "", []
    rows = result["figures"]
    table = [
        "| `who` asked of | p50, ms | p99, ms | CPU of the asked, ms | CPU of the stores, ms |",
        "|---|---|---|---|---|",
        *(
            f"| {_name(row)} | {row['p50_ms']:,.1f} | {row['p99_ms']:,.1f} "
            f"| {row['cpu_ms']:,.1f} | {_of_stores(row)} |"
            for row in sorted(rows, key=lambda row: (row["what"] == "front", row.get("stores", 0)))
        ),
    ]
    text = (
        f"## Several stores, asked as one\n{result['connections']:,} connections of two gateways "
        f"in each of three stores, in {result['days']} closed days, and a tenth in each further "
        "one; each store and the front is a cluster of its own, and all of them share the cores "
        "of this machine: with more stores than cores the latency is that of this machine, the "
        "CPU is what a question costs. The announcement of a question is in the figures. "
        f"{result['note']}\n\n"
    )
    plot = docs / "performance-front.svg"
    plot.write_text(draw(_panels([row for row in rows if row["what"] == "front"])))
    picture = "\n![CPU and time of a question, by the number of stores](performance-front.svg)\n"
    return text + "\n".join(table) + "\n" + picture, [plot]


def _panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    cpu = [
        Bar(
            _name(row),
            [("ours", row["cpu_ms"]), ("backend", row["stores_cpu_ms"])],
            f"{row['cpu_ms'] + row['stores_cpu_ms']:.0f} ms",
        )
        for row in rows
    ]
    spent = [
        Bar(_name(row), [("ours", row["p50_ms"])], f"{row['p99_ms']:.0f} ms", row["p50_ms"],
            row["p99_ms"])
        for row in rows
    ]  # fmt: skip
    return [
        Panel("CPU of a question", cpu, [("front", "ours"), ("all stores", "backend")]),
        Panel("Time of a question: median, and up to p99", spent),
    ]


def _name(row: Mapping[str, Any]) -> str:
    if row["what"] == "store":
        return f"store {row['store']} itself"
    return f"a front, {row['stores']} store{'s' if row['stores'] != 1 else ''}"


def _of_stores(row: Mapping[str, Any]) -> str:
    return f"{row['stores_cpu_ms']:,.1f}" if row["what"] == "front" else ""
