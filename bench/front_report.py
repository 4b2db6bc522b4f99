"""A front beside the stores that it asks (``bench front``), for performance.md."""

from __future__ import annotations

from pathlib import Path

from bench.side import read_result


def front_section(_: Path) -> tuple[str, list[Path]]:
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
    return text + "\n".join(table) + "\n", []


def _name(row: dict[str, object]) -> str:
    if row["what"] == "store":
        return f"store {row['store']} itself"
    return f"a front, {row['stores']} store{'s' if row['stores'] != 1 else ''}"


def _of_stores(row: dict[str, object]) -> str:
    return f"{row['stores_cpu_ms']:,.1f}" if row["what"] == "front" else ""
