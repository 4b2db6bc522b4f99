"""Rules are read, written back and kept; what is wrong with one is said in one sentence."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.config import FilterSection, load_config
from ctaudit.conntrack.filter import Rule, RuleSet, plain_rules, read_plain_rules
from ctaudit.conntrack.filter_notation import read_rule, read_rules
from ctaudit.errors import UsageError
from tests.unit.filter_rules import rule_sets_about
from tests.unit.messages import entries


def test_a_rule() -> None:
    text = (
        "deny orig_src 192.168.5.0/24,2001:db8::/48 proto udp,tcp reply_sport 53,5060-5070 "
        "zone 7 nat_only no_dnat"
    )
    rule = read_rule(text)
    assert rule == Rule(
        "deny",
        orig_src=(ip_network("192.168.5.0/24"), ip_network("2001:db8::/48")),
        proto=(17, 6),
        reply_sport=((53, 53), (5060, 5070)),
        zone=(7,),
        direction=("nat_only", "no_dnat"),
    )
    assert str(rule) == text


@given(st.data())
def test_rules_survive_text_and_json(data: st.DataObject) -> None:
    rules = data.draw(rule_sets_about(data.draw(entries())))
    assert RuleSet(tuple(read_rule(str(rule)) for rule in rules.rules)) == rules
    assert read_plain_rules(json.loads(json.dumps(plain_rules(rules)))) == rules


def test_the_digest_is_of_rules_and_order() -> None:
    one, other = read_rule("deny proto udp"), read_rule("accept proto tcp")
    digests = {RuleSet(rules).digest for rules in ((one,), (other,), (one, other), (other, one))}
    assert len(digests) == 4
    assert all(int(digest, 16) < 1 << 60 for digest in digests)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["begins with ''", "accept or deny"]),
        ("drop", ["begins with 'drop'", "accept or deny"]),
        ("deny src 10.0.0.0/8", ["'src' is no condition", "orig_src, orig_dst"]),
        ("deny mark 7", ["'mark' is no condition"]),
        ("deny orig_src", ["orig_src needs a value", "192.168.5.0/24"]),
        ("deny orig_src gw1", ["'gw1' is not an address", "192.168.5.0/24"]),
        ("deny orig_src 10.0.0.1/8", ["bits beyond its netmask", "10.0.0.0/8", "10.0.0.1"]),
        ("deny orig_src 10.0.0.0/8, 11.0.0.0/8", ["'' is not an address"]),
        ("deny zone 1 zone 2", ["zone stands twice", "commas"]),
        ("deny proto nothing", ["'nothing' is no protocol", "tcp,udp"]),
        ("deny proto 256", ["'256' is no protocol"]),
        ("deny orig_sport 65536", ["'65536' is no port", "5060-5070"]),
        ("deny orig_sport 9-7", ["'9-7' is no port", "from 0 to 65535"]),
        ("deny zone 65536", ["'65536' is no conntrack zone"]),
    ],
)
def test_a_wrong_rule_is_named(text: str, says: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read_rules(FilterSection(rules=("accept proto tcp", text)))
    message = str(caught.value)
    assert message.startswith(f"filter.rules: rule 2, {text!r}: ")
    assert "\n" not in message
    for part in says:
        assert part in message


def test_nothing_is_configured() -> None:
    assert read_rules(FilterSection()) is None


def test_the_filters_of_ulogd2() -> None:
    found = read_rules(
        FilterSection(
            accept_src_filter="192.168.1.0/24,1:2::/64",
            accept_dst_filter="192.168.1.5/24",
            accept_proto_filter="tcp,sctp",
        )
    )
    assert found is not None
    assert list(map(str, found.rules)) == [
        "accept orig_src 192.168.1.0/24,1:2::/64 orig_dst 192.168.1.0/24 proto tcp,sctp",
        "deny",
    ]


def test_a_wrong_filter_of_ulogd2_is_named() -> None:
    with pytest.raises(UsageError, match=r"filter\.accept_src_filter = 'a,b': 'a' is not an"):
        read_rules(FilterSection(accept_src_filter="a,b"))
    with pytest.raises(UsageError, match=r"filter\.accept_proto_filter = 'tcp,x': 'x' is no prot"):
        read_rules(FilterSection(accept_proto_filter="tcp,x"))


def test_both_notations_at_once() -> None:
    with pytest.raises(UsageError, match=r'give one of them; .* "accept proto tcp", "deny"'):
        read_rules(FilterSection(rules=("deny",), accept_proto_filter="tcp"))


def test_too_much_text_for_a_note() -> None:
    rules = tuple(f"deny proto udp orig_src 10.0.0.{number % 256}" for number in range(2000))
    with pytest.raises(UsageError, match=r"2000 rules take .* bytes .* at most"):
        read_rules(FilterSection(rules=rules))


def test_the_section_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "ctaudit.toml"
    file.write_text('[filter]\nrules = ["deny proto udp", "accept"]\n')
    assert load_config(file).filter == FilterSection(rules=("deny proto udp", "accept"))
    file.write_text('[filter]\nrules = "deny"\n')
    with pytest.raises(UsageError, match=r"filter\.rules = 'deny': must be a list of texts"):
        load_config(file)
