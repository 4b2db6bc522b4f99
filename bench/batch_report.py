"""Many questions at once beside single ones (``bench batch``), for performance.md."""

from __future__ import annotations

from pathlib import Path

from bench.side import read_result


def batch_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("batch")
    if result is None:
        return "", []
    rows = [figures for figures in result["figures"] if "questions" in figures]
    table = [
        "| questions of `who` | asked | seconds | server's CPU, s | client's CPU, s | server, MB |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row['what']} | {row['questions']:,} | {row['s']:,.1f} "
            f"| {row['server_cpu_s']:,.1f} | {row['client_cpu_s']:,.1f} | {row['server_mb']:,} |"
            for row in rows
        ),
    ]
    text = (
        f"## Many questions at once\n{result['connections']:,} connections of two gateways in "
        f"{result['days']} {'closed' if result['closed'] else 'open'} days; the same questions by "
        f"`ask_batch` (`ctaudit who --batch`) and one by one; each answer is "
        f"the same both ways. {result['note']}\n\n"
    )
    return text + "\n".join(table) + "\n", []
