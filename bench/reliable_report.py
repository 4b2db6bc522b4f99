"""What `reliable` costs after a day, for docs/performance.md (``bench reliable``)."""

from __future__ import annotations

from pathlib import Path

from bench.side import read_result


def reliable_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("reliable")
    if result is None:
        return "", []
    rows = [
        "| | events/s without | with | ratio | CALL of 2,000 ends, ms | with, ms |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {one['what']} | {one['rate']:,} | {one['reliable_rate']:,} | **{one['ratio']}** "
        f"| {one['ends_ms']} | {one['reliable_ms']} |"
        for one in result["figures"]
    ]
    text = (
        "## reliable = true, at the end of a day\n"
        f"{result['figures'][0]['openings']:,} openings of a day behind one public address, then "
        "CALLs of mode live in turn: half of the events begin connections, half end them. Only "
        "what a gap may hide is looked for, one opening for each end under it. "
        f"{result['note']}\n\n"
    )
    return text + "\n".join(rows) + "\n", []
