"""Comparing what check mode foresaw with what was done."""

from __future__ import annotations

from typing import Any

from lab.fleet.changes import compare_runs


def _run(check: bool, *changed: str, playbook: str = "converge.yml") -> dict[str, Any]:
    return {"playbook": playbook, "check": check, "changed": [["gw", task] for task in changed]}


def test_the_same_is_right() -> None:
    runs = [_run(True, "Package", "Service"), _run(False, "Service", "Package")]
    assert compare_runs(runs) == []


def test_each_difference_is_told() -> None:
    runs = [_run(True, "Package", "Schema"), _run(False, "Package", "Service")]
    assert compare_runs(runs) == [
        "foreseen by check mode, but not done: Schema (gw)",
        "not foreseen by check mode: Service (gw)",
    ]


def test_only_what_is_uncertain_may_be_foreseen_in_vain() -> None:
    runs = [_run(True, "Package", "Schema", "Service"), _run(False, "Package")]
    told = compare_runs(runs, ["Schema"])
    assert told == ["foreseen by check mode, but not done: Service (gw)"]
    runs = [_run(True, "Package"), _run(False, "Package", "Schema")]
    assert compare_runs(runs, ["Schema"]) == ["not foreseen by check mode: Schema (gw)"]


def test_the_first_real_run_counts_and_other_playbooks_do_not() -> None:
    runs = [
        _run(False, "Forward", playbook="prepare.yml"),
        _run(True, "Package"),
        _run(False, "Package"),
        _run(False),
    ]
    assert compare_runs(runs) == []


def test_a_comparison_of_nothing_is_wrong() -> None:
    assert compare_runs([_run(False, "Package")])
    assert compare_runs([_run(True, "Package")])
    assert compare_runs([_run(True), _run(False)]) == ["nothing was changed"]
