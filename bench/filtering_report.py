"""What filter rules cost and save, for docs/performance.md (``bench filter``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Spread
from bench.side import read_result


def filtering_section(_: Path) -> tuple[str, list[Path]]:
    """Empty where there is no result."""
    result = read_result("filtering")
    if result is None:
        return "", []
    cases = _group(result["figures"], "case")
    programs = _group(result["figures"], "program")
    text = (
        "## Filter rules\n"
        "Openings of seven clients in turn, mode nat. The rules deny six of them: 500 with one "
        "IPv4 network each are one program on the event socket; 500 with networks of both "
        "families, ports and protocols are too many for a program, and the recorder evaluates "
        "them, after it has read and decoded each event: that saves what encoding and the "
        "server's work would take. CPU is counted from the first event of the backlog until all "
        f"of it is recorded; medians of {_count(cases)} rounds. {result['note']}\n\n"
    )
    return text + _case_table(cases) + "\n" + _rate_table(programs), []


def _case_table(cases: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    rows = [
        "| | events | received | stored | receiver, ms of CPU | recorder, ms of CPU |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in cases.items():
        first = runs[0]
        spent = [
            Spread.of([run[f"{part}_ms"] for run in runs]) for part in ("receiver", "recorder")
        ]
        rows.append(
            f"| {name} | {first['events']:,} | {first['received']:,} | {first['stored']:,} | "
            + " | ".join(
                f"**{one.median:.0f}** ({one.least:.0f} to {one.most:.0f})" for one in spent
            )
            + " |"
        )
    return "\n".join(rows) + "\n"


def _rate_table(programs: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The ratio is formed within each round, to the first program."""
    (without, *_), packets = programs, next(iter(programs.values()))[0]["packets"]
    text = (
        "The program runs where the kernel makes an event, in the way of the packet that opens a "
        f"connection. {packets:,} of these as fast as the generator can, the receiver stopped:\n\n"
    )
    rows = [
        "| program | packets/s: median (least to most) | of the rate without |",
        "|---|---|---|",
    ]
    for name, runs in programs.items():
        rate = Spread.of([run["rate"] for run in runs])
        ratio = Spread.of(
            [run["rate"] / one["rate"] for run, one in zip(runs, programs[without], strict=True)]
        )
        shown = (
            "" if name == without else f"{ratio.median:.2f} ({ratio.least:.2f} to {ratio.most:.2f})"
        )
        rows.append(
            f"| {name} | **{rate.median:,.0f}** ({rate.least:,.0f} to {rate.most:,.0f}) | "
            f"{'' if name == without else shown} |"
        )
    return text + "\n".join(rows) + "\n"


def _group(figures: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[Mapping[str, Any]]]:
    """The runs of each name under ``key``, in the order of the first round."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in figures:
        if key in one:
            found.setdefault(one[key], []).append(one)
    return found


def _count(groups: Mapping[str, Sequence[Any]]) -> int:
    return min(map(len, groups.values()))
