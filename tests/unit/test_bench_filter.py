"""The bench of filter rules: what is to be stored, and what the report says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import filtering_report
from bench.filtering import ACCEPTED, EVENTS, RULES, count_accepted, ipv4_rules, mixed_rules
from bench.filtering_report import filtering_section
from ctaudit.config import FilterSection
from ctaudit.conntrack.bpf import ProgramTooLong
from ctaudit.conntrack.filter import RuleSet
from ctaudit.conntrack.filter_notation import read_rules
from ctaudit.conntrack.filter_program import compile_rules
from lab import addresses as a


def read(rules: Sequence[str]) -> RuleSet:
    found = read_rules(FilterSection(rules=tuple(rules)))
    assert found is not None
    return found


def test_what_the_rules_let_through() -> None:
    denied = a.PLAIN_CLIENTS[1:]
    assert [len(rules) for rules in (ipv4_rules(denied), mixed_rules(denied))] == [RULES, RULES]
    assert compile_rules(read(ipv4_rules(denied)))
    with pytest.raises(ProgramTooLong):
        compile_rules(read(mixed_rules(denied)))
    assert count_accepted(EVENTS, ()) == EVENTS
    # 30,000 ports are no multiple of seven clients: each block begins with the first one again.
    assert count_accepted(EVENTS, ipv4_rules(denied)) == ACCEPTED + 2


def runs(factor: float) -> list[dict[str, Any]]:
    case = {"case": "rules", "events": 140_000, "received": 20_002, "stored": 20_002}
    return [
        {**case, "receiver_ms": 30.0 * factor, "recorder_ms": 40.0 * factor},
        {"program": "no program", "packets": 100_000, "rate": 90_000 * factor},
        {"program": "500 rules", "packets": 100_000, "rate": 45_000},
    ]


def test_the_section(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures = [line for factor in (1, 0.5, 2) for line in runs(factor)]
    result = {"note": "Taken alone.", "figures": figures}
    monkeypatch.setattr(filtering_report, "read_result", {"filtering": result}.get)
    text, plots = filtering_section(tmp_path)
    assert plots == []
    assert "medians of 3 rounds. Taken alone.\n" in text
    assert "| rules | 140,000 | 20,002 | 20,002 | **30** (15 to 60) | **40** (20 to 80) |" in text
    assert "| no program | **90,000** (45,000 to 180,000) |  |" in text
    assert "| 500 rules | **45,000** (45,000 to 45,000) | 0.50 (0.25 to 1.00) |" in text
    assert "100,000 of these" in text


def test_without_a_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(filtering_report, "read_result", {}.get)
    assert filtering_section(tmp_path) == ("", [])
