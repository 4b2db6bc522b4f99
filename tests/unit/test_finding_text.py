"""What check prints, word for word."""

from __future__ import annotations

from ctaudit.admin.finding import Finding, Level
from ctaudit.admin.finding_text import format_findings, plain_findings

FINDINGS = [
    Finding("events", Level.GOOD, "nf_conntrack_events = 1"),
    Finding(
        "clock", Level.WARNING, "not synchronised", "synchronised by NTP", "apt install chrony"
    ),
    Finding("receiver", Level.UNFIT, "not running", "", "systemctl start a"),
    Finding("schema", Level.UNFIT, "no schema", "version 1", "ctaudit setup --local"),
]


def test_text() -> None:
    assert list(format_findings(FINDINGS)) == [
        "good     events    nf_conntrack_events = 1",
        "warning  clock     not synchronised; expected: synchronised by NTP",
        "                   apt install chrony",
        "error    receiver  not running",
        "                   systemctl start a",
        "error    schema    no schema; expected: version 1",
        "                   ctaudit setup --local",
        "Not ready: 2 errors, 1 warning.",
    ]
    assert list(format_findings(FINDINGS[2:3]))[-1] == "Not ready: 1 error, 0 warnings."
    assert list(format_findings(FINDINGS[:2]))[-1] == "Recording, with 1 warning."
    assert list(format_findings(FINDINGS[:1]))[-1] == "Recording, without errors and warnings."


def test_json() -> None:
    plain = plain_findings(FINDINGS)
    assert plain["verdict"] == "not fit"
    assert [item["level"] for item in plain["findings"]] == [
        "good",
        "warning",
        "not fit",
        "not fit",
    ]
    assert plain["findings"][0] == {
        "name": "events",
        "level": "good",
        "found": "nf_conntrack_events = 1",
        "wanted": None,
        "remedy": None,
    }
    assert plain["findings"][3]["wanted"] == "version 1"
    assert plain_findings(FINDINGS[:2])["verdict"] == "warning"
    assert plain_findings(FINDINGS[:1])["verdict"] == "good"
