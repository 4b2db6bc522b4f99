"""What a CALL is made of, and what stands between it and COPY (``bench parts``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.parts import CALLS_OF_FORMER, COPY, FORMER, TURN
from bench.side import read_result


def parts_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("parts")
    if result is None:
        return "", []
    arms = result["arms"]
    rows = [
        "| part of a CALL | CPU µs an event | of the CALL |",
        "|---|---|---|",
        *(
            f"| {what} | {share * arms['whole']['us']:.2f} | {share:.0%} |"
            for what, share in list_parts(arms)
        ),
        f"| **the whole** | **{arms['whole']['us']:.2f}** | |",
        *(
            f"| {what} | {arms[name]['us']:.2f} | {arms[name]['ratio']:.0%} |"
            for what, name in (
                (f"the whole, in CALLs of {FORMER:,}", CALLS_OF_FORMER),
                ("COPY of the same rows", COPY),
            )
        ),
    ]
    text = (
        "## What stands between a CALL and COPY\n"
        f"CALLs of {result['batch']:,} events of mode history into databases of which parts were "
        f"taken out, and COPY of the same rows: {TURN:,} events each in turn, {result['turns']} "
        "turns, the ratio formed within each, so that other programs slow all of them down alike. "
        f"CPU of the backend, medians. {result['note']}\n\n"
    )
    return text + "\n".join(rows) + "\n", []


def list_parts(arms: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Each part and its share of the whole, from what is left where it is taken out."""
    left = {name: float(arm["ratio"]) for name, arm in arms.items()}
    inserting = 1 - left["rows, not inserted"]
    other = "insert: values, the row itself, the index of destination NAT"
    by_port, brin = 1 - left["no index by the public port"], 1 - left["no BRIN index"]
    return [
        ("read the arguments, begin and end", left["arguments alone"]),
        ("position, coverage and counts, commit", left["no rows"] - left["arguments alone"]),
        ("columns to rows", left["rows, not inserted"] - left["no rows"]),
        ("insert: the index by the public port", by_port),
        ("insert: the BRIN indexes", brin),
        (other, inserting - by_port - brin),
    ]
