"""Findings of check: made, and the worst of them as exit status."""

from __future__ import annotations

from ctaudit.admin.finding import Finding, Level, make_finding, worst

GOOD, WARNING, UNFIT = Level.GOOD, Level.WARNING, Level.UNFIT


def test_a_good_finding_has_no_remedy() -> None:
    assert make_finding("clock", "synchronised", good=True, wanted="NTP", remedy="chrony") == (
        Finding("clock", GOOD, "synchronised")
    )
    assert make_finding("clock", "not synchronised", good=False, wanted="NTP", remedy="chrony") == (
        Finding("clock", WARNING, "not synchronised", "NTP", "chrony")
    )
    unfit = make_finding("schema", "none", good=False, remedy="install", level=UNFIT)
    assert unfit == Finding("schema", UNFIT, "none", "", "install")


def test_the_worst_level_is_the_exit_status() -> None:
    findings = [Finding("a", GOOD, ""), Finding("b", WARNING, ""), Finding("c", UNFIT, "")]
    assert [int(worst(findings[:count])) for count in range(4)] == [0, 0, 1, 3]
