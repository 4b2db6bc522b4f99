"""The pages beside the recorder (``bench web``), for performance.md."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from bench.side import read_result


def web_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("web")
    if result is None:
        return "", []
    asked = [row for row in result["figures"] if row["what"] == "ask"]
    table = [
        "| Ask, from the form to the shown answer | questions | p50, ms | p99, ms | most, ms |",
        "|---|---|---|---|---|",
        *(
            f"| beside {row['events_a_second']:,} events a second | {row['questions']:,} "
            f"| {row['p50']:,.0f} | {row['p99']:,.0f} | {row['most']:,.0f} |"
            for row in asked
        ),
    ]
    [cost] = [row for row in result["figures"] if row["what"] == "recorder"]
    ratios = cost["ratios"]
    text = (
        f"## The web pages beside the recorder\n{result['note']}\n\n" + "\n".join(table) + "\n\n"
        f"With {cost['readers']} readers at once, who ask and read without a pause, the recorder "
        f"takes {cost['with']:.1f} µs of CPU an event, and {cost['without']:.1f} µs without them; "
        f"in {len(ratios)} alternating pairs at {cost['events_a_second']:,} events a second the "
        f"ratio is **{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}). The readers "
        f"got {cost['answers']:,} answers, half of them within {cost['p50']:,.0f} ms and 99 of 100 "
        f"within {cost['p99']:,.0f} ms; {cost['refusals']:,} times they were told to ask again. "
        f"Gaps in the record meanwhile: {cost['gaps']}.\n"
    )
    return text, []
