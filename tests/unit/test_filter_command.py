"""filter show and explain, as the command line prints them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ctaudit.cli import main

RULES = (
    "deny no_dnat proto udp reply_src 8.8.8.8 reply_sport 53",
    "accept nat_only",
    "deny orig_src 192.168.0.0/16,2001:db8::/32",
    "deny zone 7",
)


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    file = tmp_path / "ctaudit.toml"
    if not file.exists():
        file.write_text(f"[filter]\nrules = {json.dumps(RULES)}\n")
    assert main(["filter", words[0], "--config", str(file), *words[1:]]) == 0
    return capsys.readouterr().out


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(tmp_path, capsys, "show").splitlines()
    assert lines[1:3] == ["2  accept nat_only", "3  deny orig_src 192.168.0.0/16,2001:db8::/32"]
    assert lines[6].startswith("Evaluated in the kernel, ")
    assert "counted by nobody" in lines[7]
    plain = json.loads(run(tmp_path, capsys, "show", "--json"))
    assert plain["where"] == "kernel"
    assert plain["instructions"] > 50
    assert plain["rules"][1] == {
        "text": "accept nat_only", "action": "accept", "direction": ["nat_only"],
    }  # fmt: skip


def test_show_rules_that_the_kernel_does_not_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [f"deny orig_src 2001:db8:{number:x}::/48 orig_dport {number}" for number in range(500)]
    (tmp_path / "ctaudit.toml").write_text(f"[filter]\nrules = {json.dumps(rules)}\n")
    lines = run(tmp_path, capsys, "show").splitlines()
    assert lines[-3].startswith("Evaluated in the recorder, since they take ")
    assert "counted as filtered" in lines[-2]


def test_show_no_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ctaudit.toml").write_text("")
    assert run(tmp_path, capsys, "show") == "No filter rules: every connection is recorded.\n"
    assert json.loads(run(tmp_path, capsys, "show", "--json"))["rules"] == []


@pytest.mark.parametrize(
    ("words", "number", "recorded"),
    [
        (["192.168.1.129:53400", "8.8.8.8:53", "--proto", "udp", "--snat", "1.2.3.4:5"], 1, False),
        (["192.168.1.129:53400", "8.8.8.8:53", "--snat", "1.2.3.4"], 2, True),
        (["5.6.7.8:9", "1.2.3.4:443", "--dnat", "192.168.1.10"], 2, True),
        (["192.168.1.129", "9.9.9.9", "--proto", "icmp"], 3, False),
        (["[2001:db8::1]:7", "[2001:db9::1]:7"], 3, False),
        (["10.0.0.1:7", "9.9.9.9:7", "--zone", "7"], 4, False),
        (["10.0.0.1:7", "9.9.9.9:7"], None, True),
    ],
)
def test_explain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], number: int | None,
    recorded: bool,
) -> None:  # fmt: skip
    plain = json.loads(run(tmp_path, capsys, "explain", *words, "--json"))
    assert (plain["rule"], plain["recorded"]) == (number, recorded)
    line = run(tmp_path, capsys, "explain", *words).splitlines()[1]
    outcome = "recorded" if recorded else "not recorded"
    if number is None:
        assert line == f"No rule matches: {outcome}."
    else:
        assert line.startswith(f"Rule {number} decides, ")
        assert line.endswith(f": {outcome}.")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["10.0.0.1", "2001:db8::1"], "all IPv4 or all IPv6"),
        (["10.0.0.1:7", "10.0.0.2", "--proto", "icmp"], "icmp has no ports"),
        (["gw1", "10.0.0.2"], "SOURCE 'gw1': not an address"),
    ],
)
def test_a_wrong_connection_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    (tmp_path / "ctaudit.toml").write_text("")
    assert main(["filter", "explain", "--config", str(tmp_path / "ctaudit.toml"), *words]) == 2
    assert says in capsys.readouterr().err
