"""check: what the gateway's links and rules are worth, and what is said of them."""

from __future__ import annotations

import errno
import os
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest

from ctaudit.admin import check_surroundings, surroundings
from ctaudit.admin.check_surroundings import judge_legacy_tables, judge_network, judge_rules
from ctaudit.admin.finding import Finding, Level
from ctaudit.admin.place import HERE
from ctaudit.admin.ruleset import Action, Effect, Flowtable, Rule, Ruleset
from ctaudit.admin.surroundings import Address, Link, Route

GOOD, WARNING = Level.GOOD, Level.WARNING
NEW, RELATED, DESTROY = 1, 2, 4

LO = Link(1, "lo", None, is_up=True, is_loopback=True, master=None)
INSIDE = Link(2, "inside", "veth", is_up=True, is_loopback=False, master=None)
OUTSIDE = Link(3, "outside", None, is_up=True, is_loopback=False, master=None)
DOWN = Link(4, "spare", None, is_up=False, is_loopback=False, master=None)
LINKS = (LO, INSIDE, OUTSIDE, DOWN)


def address(link: Link, text: str, *, is_global: bool = True) -> Address:
    return Address(link.index, ip_interface(text), is_global)


ADDRESSES = [
    address(LO, "127.0.0.1/8", is_global=False),
    address(INSIDE, "192.168.1.1/24"),
    address(INSIDE, "fe80::1/64", is_global=False),
    *(address(OUTSIDE, f"1.2.3.{last}/32") for last in range(4, 9)),
    address(DOWN, "10.0.0.1/8"),
]
ROUTES = [
    Route(ip_network("0.0.0.0/0"), OUTSIDE.index, None, 254),
    Route(ip_network("192.168.1.0/24"), INSIDE.index, None, 254),
]


def rule(handle: int, *effects: Effect) -> Rule:
    return Rule("inet", "t", "raw", handle, effects)


def judge(
    *rules: Rule,
    mode: str = "live",
    flowtables: tuple[Flowtable, ...] = (),
    clashes: int | None = 0,
) -> list[Finding]:
    return list(judge_rules(mode, Ruleset(25, rules, flowtables), clashes))


def test_network() -> None:
    inside = "inside 192.168.1.1/24"
    outside = "outside 1.2.3.4/32, 1.2.3.5/32, 1.2.3.6/32 and 2 more (default route)"
    finding = judge_network(LINKS, ADDRESSES, ROUTES)
    assert finding == Finding("network", GOOD, f"{inside}; {outside}")
    assert judge_network(LINKS, [], ROUTES).found == "outside without an address (default route)"
    assert judge_network(LINKS, [], []).found == "2 links, none with an address"


def test_network_of_nobody() -> None:
    finding = judge_network([LO, DOWN], ADDRESSES, [])
    assert (finding.level, finding.found) == (WARNING, "no link is up")


def test_no_rule_hides_anything() -> None:
    assert judge() == [Finding("rules", GOOD, "25 nftables rules, none of them hides a connection")]
    [none] = judge_rules("live", Ruleset(0, (), ()), None)
    assert none == Finding("rules", GOOD, "no nftables rules")


@pytest.mark.parametrize("action", Action)
def test_each_action_is_a_warning(action: Action) -> None:
    [finding] = judge(rule(3, Effect(action)))
    assert (finding.name, finding.level) == (action.value, WARNING)
    assert finding.found.startswith("inet t raw handle 3: ")
    assert finding.wanted
    assert finding.remedy


def test_rules_are_counted_by_action() -> None:
    notrack, rewrite = Effect(Action.NOTRACK), Effect(Action.REWRITE)
    rules = [rule(handle, notrack) for handle in range(1, 6)]
    findings = judge(*rules, rule(6, rewrite, rewrite), rule(7, notrack, rewrite))
    assert [finding.name for finding in findings] == ["notrack", "stateless NAT"]
    assert "handle 1, inet t raw handle 2, inet t raw handle 3 and 3 more: " in findings[0].found
    assert findings[1].found.startswith("inet t raw handle 6, inet t raw handle 7: ")


@pytest.mark.parametrize(
    ("mode", "events", "level"),
    [
        ("live", NEW | RELATED | DESTROY, GOOD),
        ("live", NEW | DESTROY, WARNING),
        ("live", NEW | RELATED, WARNING),
        ("live", None, WARNING),
        ("nat", NEW | RELATED, GOOD),
        ("nat", DESTROY, WARNING),
        ("history", DESTROY, GOOD),
        ("history", NEW | RELATED, WARNING),
    ],
)
def test_event_masks_by_mode(mode: str, events: int | None, level: Level) -> None:
    [finding] = judge(rule(1, Effect(Action.EVENTS, events=events)), mode=mode)
    assert finding.level is level


@pytest.mark.parametrize(
    ("flowtable", "level"),
    [
        (Flowtable("inet", "t", "ft", counts=True), GOOD),
        (Flowtable("inet", "t", "ft", counts=False), WARNING),
        (Flowtable("inet", "t", "other", counts=True), WARNING),
        (Flowtable("ip", "t", "ft", counts=True), WARNING),
    ],
)
def test_flowtables_that_count(flowtable: Flowtable, level: Level) -> None:
    [finding] = judge(rule(1, Effect(Action.OFFLOAD, flowtable="ft")), flowtables=(flowtable,))
    assert finding.level is level


def test_clashes_are_told_with_random_ports() -> None:
    random = rule(1, Effect(Action.RANDOM_PORTS))
    assert judge(random, clashes=1298)[0].found.endswith("; 1,298 clashes so far")
    assert "clashes" not in judge(random, clashes=None)[0].found


def test_legacy_tables() -> None:
    assert list(judge_legacy_tables({"IPv4": [], "IPv6": []})) == []
    [finding] = judge_legacy_tables({"IPv4": ["nat", "raw"], "IPv6": ["raw"]})
    assert (finding.name, finding.level) == ("legacy rules", WARNING)
    assert finding.found.startswith("tables of iptables-legacy (IPv4 nat, raw; IPv6 raw): ")


@pytest.mark.parametrize(
    ("number", "level", "found", "remedy"),
    [
        (errno.EINVAL, GOOD, "this kernel has no nftables", ""),
        (errno.EPERM, WARNING, "not known: Operation not permitted", "run as root to see it"),
        (errno.EBUSY, WARNING, "not known: Device or resource busy", "run the command again"),
    ],
)
def test_rules_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, number: int, level: Level, found: str, remedy: str
) -> None:
    def fail() -> Ruleset:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(check_surroundings, "read_ruleset", fail)
    rules = next(check_surroundings._check_rules("live", HERE))
    assert (rules.name, rules.level, rules.found, rules.remedy) == ("rules", level, found, remedy)


def test_too_many_routes_are_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listed = tmp_path / "route"
    listed.write_text("heading\nfirst\n")
    monkeypatch.setattr(surroundings, "_ROUTES", (tmp_path / "none", listed))
    monkeypatch.setattr(surroundings, "_MOST_ROUTES", 2)
    assert surroundings.read_routes() is not None
    listed.write_text("heading\nfirst\nsecond\n")
    assert surroundings.read_routes() is None
