"""The scope as links, addresses, routes and rules show it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from ctaudit.admin import save_scope
from ctaudit.admin.check_surroundings import judge_scope
from ctaudit.admin.finding import Level
from ctaudit.admin.rule_addresses import RuleAddresses
from ctaudit.admin.ruleset import Action, Effect, Rule, Ruleset
from ctaudit.admin.scope import (
    Learned,
    find_hidden_networks,
    find_legacy_nat,
    find_translators,
    learn,
)
from ctaudit.admin.surroundings import Route
from ctaudit.config import ScopeSection
from ctaudit.host import seen_scope
from tests.unit.test_check_surroundings import ADDRESSES, DOWN, INSIDE, LINKS, LO, OUTSIDE, address

MAIN = 254
DEFAULT = Route(ip_network("0.0.0.0/0"), OUTSIDE.index, ip_address("1.2.3.1"), MAIN)
VIA_INSIDE = Route(ip_network("8.7.6.0/24"), INSIDE.index, ip_address("192.168.1.2"), MAIN)
NO_RULES = Ruleset(0, (), ())
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def learned(**changes: Any) -> tuple[list[str] | None, list[str] | None, str]:
    values = {
        "links": LINKS, "addresses": ADDRESSES, "routes": [DEFAULT], "ruleset": NO_RULES, **changes,
    }  # fmt: skip
    public, internal, why = learn(**values)
    return (
        None if public is None else list(map(str, public)),
        None if internal is None else list(map(str, internal)),
        why,
    )


def translating(rule: RuleAddresses) -> Ruleset:
    return Ruleset(1, (), (), {("ip", "nat"): [rule]})


SNAT = RuleAddresses(
    written=(ip_network("5.6.7.0/28"), ip_network("192.168.1.77/32")),
    translates=frozenset({"source"}),
)


def test_a_gateway() -> None:
    assert learned() == (["1.2.3.4/30", "1.2.3.8/32"], ["10.0.0.0/8", "192.168.1.0/24"], "")


def test_a_routed_network_is_internal_though_it_is_public() -> None:
    found = learned(routes=[DEFAULT, VIA_INSIDE])
    assert found[1] == ["8.7.6.0/24", "10.0.0.0/8", "192.168.1.0/24"]


def test_what_lies_behind_the_exit_is_not_internal() -> None:
    beyond = replace(VIA_INSIDE, link=OUTSIDE.index)
    assert learned(routes=[DEFAULT, beyond])[1] == ["10.0.0.0/8", "192.168.1.0/24"]


def test_without_a_default_route_every_network_is_internal() -> None:
    public, internal, _ = learned(routes=[VIA_INSIDE])
    assert public == []
    assert internal is not None and "1.2.3.4/30" in internal


def test_own_addresses_are_public_whatever_their_kind() -> None:
    behind_another = [
        address(OUTSIDE, "10.9.0.2/24"), address(OUTSIDE, "2001:db8::2/64"),
        address(LO, "1.2.3.9/32"), address(INSIDE, "fe80::1/64", is_global=False),
    ]  # fmt: skip
    public, internal, _ = learned(addresses=behind_another)
    assert (public, internal) == (["1.2.3.9/32", "10.9.0.2/32", "2001:db8::2/128"], [])


def test_addresses_of_translations_are_public() -> None:
    assert learned(ruleset=translating(SNAT))[0] == ["1.2.3.4/30", "1.2.3.8/32", "5.6.7.0/28"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"routes": None}, "too many routes"),
        ({"routes": [DEFAULT, replace(DEFAULT, table=100)]}, "several routing tables"),
        ({"links": [*LINKS, replace(DOWN, index=9, kind="vrf")]}, "a VRF"),
        ({"addresses": [address(INSIDE, f"10.{n}.0.1/16") for n in range(0, 256, 2)]
          + [address(INSIDE, f"11.{n}.0.1/16") for n in range(0, 256, 2)]
          + [address(INSIDE, "12.0.0.1/16")]}, "257 internal networks"),
        ({"ruleset": translating(replace(SNAT, written=None))}, "a map, a set"),
        ({"legacy_nat": ["IPv4"]}, "iptables-legacy translates (IPv4)"),
    ],
)  # fmt: skip
def test_where_it_cannot_tell_it_says_nothing(changes: dict[str, Any], says: str) -> None:
    public, _, why = learned(**changes)
    assert public is None
    assert says in why


def test_rules_that_hide() -> None:
    effects = {
        Effect(Action.NOTRACK): True, Effect(Action.REWRITE): True, Effect(Action.EVENTS): True,
        Effect(Action.EVENTS, events=4): True, Effect(Action.EVENTS, events=5): False,
        Effect(Action.RANDOM_PORTS): False, Effect(Action.OFFLOAD): False,
    }  # fmt: skip
    for effect, hides in effects.items():
        rule = Rule("ip", "t", "raw", 3, (effect,), RuleAddresses((ip_network("10.0.0.0/8"),)))
        found = list(find_hidden_networks(Ruleset(1, (rule,), ())))
        why = f"rule ip t raw handle 3 ({effect.action})"
        # What is tracked without events may be translated into any address.
        hidden = "0.0.0.0/0" if effect.action is Action.EVENTS else "10.0.0.0/8"
        assert found == ([(ip_network(hidden), why)] if hides else [])


def test_jool_hides_everything(tmp_path: Path) -> None:
    assert list(find_translators(tmp_path)) == []
    (tmp_path / "jool").mkdir()
    found = dict(find_translators(tmp_path))
    assert tuple(found) == EVERYTHING
    assert "Jool" in found[EVERYTHING[0]]


def test_legacy_tables_that_may_not_be_read(tmp_path: Path) -> None:
    def refuse() -> dict[str, list[str]]:
        raise PermissionError

    assert find_legacy_nat(tmp_path, lambda: {"IPv4": ["nat"], "IPv6": ["raw"]}) == ["IPv4"]
    assert find_legacy_nat(tmp_path, refuse) == []
    (tmp_path / "ip6table_nat").mkdir()
    assert find_legacy_nat(tmp_path, refuse) == ["IPv6"]


KNOWN = Learned((ip_network("1.2.3.4"),), (ip_network("10.0.0.0/8"),))


def test_what_was_learned_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "scope.json"
    hidden = replace(KNOWN, hidden=((ip_network("10.7.0.0/16"), "notrack"),))
    for learned_now in (hidden, Learned(None, None, why="there is a VRF")):
        monkeypatch.setattr(save_scope, "read_learned", lambda now=learned_now: now)
        assert save_scope.main(str(file)) == 0
        seen = seen_scope.read_scope(file)
        if learned_now is hidden:
            assert (seen.public, seen.internal) == (["1.2.3.4/32"], ["10.0.0.0/8"])
            assert seen.hidden == [{"network": "10.7.0.0/16", "why": "notrack"}]
            first = seen.seen_at
    assert (seen.public, seen.internal, seen.hidden) == (None, None, [])
    assert seen.since == first


def test_check_says_the_scope() -> None:
    finding = judge_scope(ScopeSection(), KNOWN)
    assert (finding.level, finding.found) == (
        Level.GOOD, "public 1.2.3.4/32; internal 10.0.0.0/8",
    )  # fmt: skip
    finding = judge_scope(ScopeSection(), Learned(None, None, why="there is a VRF"))
    assert (finding.level, finding.found) == (Level.WARNING, "not known: there is a VRF")
    refused = Learned(None, None, error=PermissionError(errno.EPERM, os.strerror(errno.EPERM)))
    assert judge_scope(ScopeSection(), refused).remedy == "run as root to see it"
    configured = ScopeSection(("1.2.3.9/32",), ("192.168.0.0/16",))
    finding = judge_scope(configured, Learned(None, None, why="there is a VRF"))
    assert finding.found == "public 1.2.3.9/32; internal 192.168.0.0/16"
    jool = replace(KNOWN, hidden=((EVERYTHING[0], "Jool's NAT64 (module jool)"),))
    assert judge_scope(configured, jool).level is Level.WARNING
