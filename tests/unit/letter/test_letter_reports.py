"""Forty reports, shaped like real ones, and what is found in each: expected.txt, by hand."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ctaudit.conntrack.event import name_protocol
from ctaudit.letter.letter import Letter, Options, read_letter
from ctaudit.letter.reading import Found
from tests.unit.answers import local_zone

HERE = Path(__file__).parent
REPORTS = HERE / "reports"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Case:
    """``call``: the report's name and the options, as of a command line."""

    call: str
    lines: list[str] = field(default_factory=list)


def read_cases() -> list[Case]:
    cases: list[Case] = []
    for line in (HERE / "expected.txt").read_text().splitlines():
        if line.startswith("  "):
            cases[-1].lines.append(line.strip())
        elif not line.startswith("#"):
            cases.append(Case(line))
    return cases


CASES = read_cases()


def read(call: str) -> Letter:
    parser = ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--tz")
    parser.add_argument("--date", type=date.fromisoformat)
    args = parser.parse_args(call.split())
    # A zone that no report means: a time that is read in it is wrong by 5 h 30 min.
    with local_zone(args.tz or "Asia/Kolkata"):
        tz = f"--tz {args.tz}" if args.tz else ""
        return read_letter((REPORTS / args.file).read_bytes(), Options(tz, args.date, now=NOW))


def describe(found: Found) -> str:
    question = found.question
    service = question.remote or (f":{found.service_port}" if found.service_port else "-")
    proto = name_protocol(question.proto) if question.proto else "-"
    begin = question.span.begin.isoformat().replace("+00:00", "Z")
    width = (question.span.end - question.span.begin).total_seconds()
    seconds = f"{width:f}".rstrip("0").rstrip(".")
    where = "; ".join(str(origin.place) for origin in found.origins)
    line = f"{question.public} > {service} {proto} {begin} +{seconds} | {found.origins[0].form}"
    return f"{line} | {where}" + (f" | {found.time_how}" if found.time_how else "")


@pytest.mark.parametrize("case", CASES, ids=[case.call for case in CASES])
def test_report(case: Case) -> None:
    letter = read(case.call)
    lines = [describe(each) for each in letter.found]
    lines += [f"unread {each.place}: {each.reason}" for each in letter.unread]
    assert [re.sub("; it is now .*", "", line) for line in lines] == case.lines


def test_there_are_forty_and_each_has_a_case() -> None:
    files = {path.name for path in REPORTS.iterdir()}
    assert files == {case.call.split()[0] for case in CASES}
    assert len(files) == 40
