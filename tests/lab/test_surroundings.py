"""What pyroute2 reads of a gateway, beside what nft, ip, conntrack and iptables say of it.

Run with each version of pyroute2 that is to work.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from ctaudit.admin import save_scope
from ctaudit.admin.check_surroundings import check_surroundings
from ctaudit.admin.finding import Level
from ctaudit.admin.legacy_tables import read_legacy_tables
from ctaudit.admin.ruleset import Action, read_ruleset
from ctaudit.admin.scope import read_learned
from ctaudit.admin.surroundings import read_addresses, read_links, read_routes
from ctaudit.conntrack.statistics import count_clashes
from ctaudit.host.privileges import in_network, network_of
from ctaudit.host.seen_scope import SAVED
from lab.cluster import Cluster
from lab.namespaces import Lab, popen_in, run_in
from lab.network import build_lab
from lab.rig import environment, rigging
from lab.service import started

SKELETON = """
table inet t {
  chain raw { type filter hook prerouting priority raw; }
  chain sources { type nat hook postrouting priority srcnat; }
}
table ip u {
  chain out { type filter hook output priority 0; }
}
table netdev n {
  chain in { type filter hook ingress device "outside" priority 0; }
}
"""
MAIN = 254  # RT_TABLE_MAIN
NOTRACK, REWRITE, PORTS = Action.NOTRACK, Action.REWRITE, Action.RANDOM_PORTS
# A rule by its chain and text, and its actions; each is loaded by nft.
RULES: dict[tuple[str, str], list[Action]] = {
    ("inet t raw", 'ip saddr 10.0.0.1 notrack comment "no tracking: häé"'): [NOTRACK],
    ("inet t raw", "ct event set new,related,destroy"): [Action.EVENTS],
    ("inet t raw", "ct mark set 7"): [],
    ("inet t raw", "ct state new counter accept"): [],
    ("inet t raw", "ip daddr set 10.9.9.9"): [REWRITE],
    ("inet t raw", "ip6 saddr set 2001:db8::1"): [REWRITE],
    ("inet t raw", "ip saddr set ip saddr map { 10.1.1.1 : 1.2.3.4 }"): [REWRITE],
    ("inet t raw", "tcp dport set 80"): [REWRITE],
    ("inet t raw", "ip dscp set af11"): [],
    ("inet t raw", "ip ttl set 3"): [],
    ("inet t raw", "@nh,96,32 set 0x01020304"): [REWRITE],
    ("inet t raw", "ip saddr vmap { 9.9.9.9 : drop, 8.8.8.8 : accept }"): [],
    ("inet t raw", 'log prefix "häh" group 2 snaplen 10'): [],
    ("inet t raw", "limit rate over 10/second burst 5 packets drop"): [],
    ("inet t raw", "fib daddr type local accept"): [],
    ("inet t raw", "meta mark set jhash ip saddr . tcp sport mod 7"): [],
    ("inet t raw", "ct zone set 3"): [],
    ("inet t raw", "ip option rr exists drop"): [],
    ("inet t sources", "masquerade fully-random"): [PORTS],
    ("inet t sources", "masquerade random"): [PORTS],
    ("inet t sources", "masquerade"): [],
    ("inet t sources", "snat ip to 1.2.3.4 fully-random"): [PORTS],
    ("inet t sources", "snat ip6 to 2001:db8::4 fully-random"): [PORTS],
    ("inet t sources", "meta l4proto tcp snat ip to 1.2.3.4:1-9 persistent"): [],
    ("ip u out", "ip saddr 1.1.1.1 notrack"): [NOTRACK],
    ("netdev n in", "ip daddr set 1.1.1.1"): [REWRITE],
    ("netdev n in", 'ip daddr set 1.1.1.2 fwd to "inside"'): [REWRITE],
    ("netdev n in", 'fwd to "inside"'): [],
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with build_lab(f"ctsur-{os.getpid()}") as made:
        yield made


def run(lab: Lab, *words: str, **options: Any) -> str:
    done = run_in(lab.gateway, words, text=True, capture_output=True, **options)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@contextmanager
def inside(lab: Lab) -> Iterator[None]:
    """In the gateway's network, as check is in the receiver's."""
    with popen_in(lab.gateway, ["sleep", "600"], stdin=subprocess.DEVNULL) as process:
        try:
            own, other = Path("/proc/self/ns/net"), Path(f"/proc/{process.pid}/ns/net")
            while other.readlink() == own.readlink():
                assert process.poll() is None
            with in_network(network_of(process.pid)):
                yield
        finally:
            process.kill()


@contextmanager
def loaded(lab: Lab, rules: str) -> Iterator[None]:
    before = run(lab, "nft", "list", "ruleset")
    run(lab, "nft", "-f", "-", input=rules)
    try:
        yield
    finally:
        run(lab, "nft", "-f", "-", input=f"flush ruleset\n{before}")


@contextmanager
def leading_out(lab: Lab) -> Iterator[None]:
    """With default routes, as a gateway has them; the lab's lead to its few servers only."""
    for version in ("-4", "-6"):
        run(lab, "ip", version, "route", "add", "default", "dev", "outside")
    try:
        yield
    finally:
        for version in ("-4", "-6"):
            run(lab, "ip", version, "route", "del", "default", "dev", "outside")


def add_rule(lab: Lab, chain: str, text: str) -> int:
    """Loads the rule; the handle that nft gives it."""
    said = run(lab, "nft", "--echo", "--handle", f"add rule {chain} {text}")
    return int(re.findall(r"# handle (\d+)$", said.strip(), re.MULTILINE)[-1])


def find_actions(lab: Lab) -> dict[tuple[str, int], list[Action]]:
    with inside(lab):
        found = read_ruleset()
    return {
        (f"{rule.family} {rule.table} {rule.chain}", rule.handle): [
            effect.action for effect in rule.effects
        ]
        for rule in found.rules
    }


def test_each_rule_that_nft_loads(lab: Lab) -> None:
    with loaded(lab, SKELETON):
        handles = {(chain, text): add_rule(lab, chain, text) for chain, text in RULES}
        expected = {
            (chain, handles[chain, text]): actions
            for (chain, text), actions in RULES.items()
            if actions
        }
        assert find_actions(lab) == expected
        with inside(lab):
            total = read_ruleset().total
        listed = re.findall(
            r"^\t\t.+ # handle \d+$", run(lab, "nft", "-a", "list", "ruleset"), re.MULTILINE
        )
        assert total == len(listed) > len(RULES)


def test_event_mask(lab: Lab) -> None:
    with loaded(lab, SKELETON):
        for text in ("ct event set new", "ct event set new,related,destroy"):
            add_rule(lab, "inet t raw", text)
        with inside(lab):
            effects = [rule.effects[0].events for rule in read_ruleset().rules]
        assert effects == [0b1, 0b111]


def test_flowtable(lab: Lab) -> None:
    flowtables = """
    table inet t {
      flowtable fast { hook ingress priority 0; devices = { "outside" }; }
      flowtable counted { hook ingress priority 0; devices = { "outside" }; counter; }
      chain forwards { type filter hook forward priority 0; }
    }
    """
    tried = run_in(lab.gateway, ["nft", "-c", "-f", "-"], input=flowtables, text=True,
                   capture_output=True)  # fmt: skip
    if tried.returncode:
        pytest.skip(f"this kernel has no flowtables: {tried.stderr.strip().splitlines()[0]}")
    with loaded(lab, flowtables):
        for name in ("fast", "counted"):
            add_rule(lab, "inet t forwards", f"flow add @{name}")
        with inside(lab):
            found = read_ruleset()
    assert [rule.effects[0].flowtable for rule in found.rules] == ["fast", "counted"]
    assert {each.name: each.counts for each in found.flowtables} == {"fast": False, "counted": True}


def test_what_iptables_nft_writes(lab: Lab) -> None:
    words = {
        "raw -A PREROUTING -p udp --dport 53 -j CT --notrack": [NOTRACK],
        "raw -A PREROUTING -p udp --dport 54 -j CT --ctevents new": [Action.EVENTS],
        "raw -A PREROUTING -p udp --dport 55 -j CT --zone 3": [],
        "nat -A POSTROUTING -o outside -j MASQUERADE --random-fully": [PORTS],
        "nat -A POSTROUTING -o outside -j MASQUERADE": [],
        "nat -A POSTROUTING -o inside -j SNAT --to-source ADDRESS --random-fully": [PORTS],
        "nat -A POSTROUTING -o inside -j SNAT --to-source ADDRESS": [],
        "mangle -A FORWARD -j DSCP --set-dscp 3": [],
    }
    with loaded(lab, ""):
        for tool, address in (("iptables-nft", "1.2.3.4"), ("ip6tables-nft", "2001:db8::4")):
            for line in words:
                run(lab, tool, "-t", *line.replace("ADDRESS", address).split())
        actions = sorted(find_actions(lab).values())
    assert actions == sorted([*filter(None, words.values())] * 2)


def test_tables_of_iptables_legacy(lab: Lab) -> None:
    with inside(lab):
        assert read_legacy_tables() == {"IPv4": [], "IPv6": []}
    tried = run_in(lab.gateway, ["iptables-legacy", "-t", "raw", "-A", "PREROUTING", "-p", "udp",
                                 "-j", "NOTRACK"], text=True, capture_output=True)  # fmt: skip
    if tried.returncode:
        pytest.skip(f"this kernel has no legacy tables: {tried.stderr.strip()}")
    with inside(lab):
        assert read_legacy_tables() == {"IPv4": ["raw"], "IPv6": []}
        findings = {finding.name: finding for finding in check_surroundings("live")}
    assert findings["legacy rules"].level is Level.WARNING


def test_scope_of_the_lab(lab: Lab) -> None:
    rules = """
    table ip pool {
      chain sources {
        type nat hook postrouting priority 90;
        ip saddr 192.168.1.99 snat to 5.6.7.16-5.6.7.31
      }
      chain targets { type nat hook prerouting priority -90; ip daddr 5.6.7.8 jump forwards; }
      chain forwards { tcp dport 80 dnat to 192.168.1.10; }
    }
    table inet silent {
      chain raw { type filter hook prerouting priority raw; ip saddr 192.168.7.0/24 notrack; }
    }
    """
    with leading_out(lab), inside(lab):
        before = read_learned()
    assert (before.why, before.hidden) == ("", ())
    assert before.public is not None
    assert before.internal is not None
    assert ip_network("1.2.3.4/32") in before.public
    assert ip_network("192.168.1.0/24") in before.internal
    with leading_out(lab), loaded(lab, rules), inside(lab):
        found = read_learned()
    assert found.public is not None
    assert {*found.public} == {*before.public, ip_network("5.6.7.16/28"), ip_network("5.6.7.8")}
    ((network, why),) = found.hidden
    assert network == ip_network("192.168.7.0/24")
    assert re.fullmatch(r"rule inet silent raw handle \d+ \(notrack\)", why)
    mapped = "add rule ip pool sources snat to ip saddr map { 192.168.1.98 : 5.6.7.40 }"
    with loaded(lab, rules), inside(lab):
        run(lab, "nft", mapped)
        assert read_learned().public is None


def test_scope_reaches_the_answers(lab: Lab, cluster: Cluster) -> None:
    """From the gateway's own addresses, by the clock service's file, into the record."""
    SAVED.parent.mkdir(exist_ok=True)
    with inside(lab):
        save_scope.main(str(SAVED))
    try:
        with rigging(lab, cluster) as rig, started(rig, "record"), started(rig, "receive"):
            rig.wait_until_listening()
            (noted,) = rig.rows("scope")
            time.sleep(1.1)
            moment = datetime.now(UTC)
            rig.wait_until_recorded(moment + timedelta(seconds=2))
            known, unknown = (rig.who([f"1.2.3.{last}:1"], moment) for last in (4, 99))
    finally:
        SAVED.unlink()
    assert (noted["source"], noted["hidden"]) == ("learned", [])
    assert known["verdict"] == "none"
    assert unknown["verdict"] == "unknown"
    assert "1.2.3.99 is not an address of this gateway" in unknown["reasons"][0]


def test_lab_s_own_rules_hide_nothing(lab: Lab) -> None:
    with inside(lab):
        network, rules, *_ = check_surroundings("live")
    assert network.found.startswith("inside 192.168.1.1/24")
    assert "outside 1.2.3.4/32" in network.found
    assert (network.level, rules.level) == (Level.GOOD, Level.GOOD)
    assert re.fullmatch(r"\d+ nftables rules, none of them hides a connection", rules.found)


def test_check_looks_where_the_receiver_listens(lab: Lab, cluster: Cluster) -> None:
    with rigging(lab, cluster) as rig, started(rig, "receive"), loaded(lab, SKELETON):
        handle = add_rule(lab, "inet t raw", "notrack")
        said = json.loads(rig.run("check", "--json", "--config", str(rig.config)).stdout)
    findings = {each["name"]: each for each in said["findings"]}
    assert findings["notrack"]["level"] == "warning"
    assert findings["notrack"]["found"].startswith(f"inet t raw handle {handle}: ")
    assert findings["network"]["found"].startswith("inside 192.168.1.1/24")


def test_links_and_addresses(lab: Lab) -> None:
    with inside(lab):
        links, addresses = read_links(), read_addresses()
    shown = json.loads(run(lab, "ip", "-json", "-details", "address"))
    assert [
        (link.index, link.name, link.kind, link.is_up, link.is_loopback, link.master)
        for link in links
    ] == [
        (
            each["ifindex"],
            each["ifname"],
            each.get("linkinfo", {}).get("info_kind"),
            "UP" in each["flags"],
            "LOOPBACK" in each["flags"],
            None,
        )
        for each in shown
    ]
    assert {(each.link, str(each.interface), each.is_global) for each in addresses} == {
        (
            each["ifindex"],
            str(ip_interface(f"{info['local']}/{info['prefixlen']}")),
            info["scope"] == "global",
        )
        for each in shown
        for info in each["addr_info"]
    }


def test_routes(lab: Lab) -> None:
    run(lab, "ip", "-batch", "-", input="""
        route add 10.5.0.0/16 nexthop via 192.168.1.129 nexthop via 192.168.1.130
        route add 10.6.0.0/16 via inet6 fe80::1 dev outside
        route add 10.7.0.0/16 via 192.168.1.131 table 100
        route add blackhole 10.8.0.0/16
        route add default via 2a01:e35:1394:5bd0::130
    """)  # fmt: skip
    with inside(lab):
        routes, links = read_routes(), {link.index: link.name for link in read_links()}
    assert routes is not None
    shown = [
        route
        for family in ("-4", "-6")
        for route in json.loads(
            run(lab, "ip", "-json", family, "route", "show", "table", "all", "type", "unicast")
        )
    ]
    expected = {
        (destination(route), hop.get("dev"), via(hop), int(route.get("table", MAIN)))
        for route in shown
        for hop in route.get("nexthops", [route])
    }
    assert {
        (route.destination, links.get(route.link or 0), route.gateway, route.table)
        for route in routes
    } == expected
    assert [str(route.destination) for route in routes if route.is_default] == ["::/0"]
    assert sum(str(route.destination) == "10.5.0.0/16" for route in routes) == 2


def destination(route: dict[str, Any]) -> Any:
    if route["dst"] != "default":
        return ip_network(route["dst"])
    return ip_network("::/0" if ":" in route["gateway"] else "0.0.0.0/0")


def via(hop: dict[str, Any]) -> Any:
    text = hop.get("via", {}).get("host") or hop.get("gateway")
    return ip_address(text) if text else None


def test_clashes_are_the_tool_s(lab: Lab) -> None:
    with inside(lab):
        clashes = count_clashes()
    listed = re.findall(r"clash_resolve=(\d+)", run(lab, "conntrack", "-S"))
    assert clashes == sum(map(int, listed))
    assert len(listed) == os.cpu_count()


def test_unprivileged(lab: Lab) -> None:
    script = (
        "from ctaudit.admin.check_surroundings import check_surroundings\n"
        "for found in check_surroundings('live'): print(found.name, found.level.name, found.found)"
    )
    words = [shutil.which("setpriv") or "setpriv", "--bounding-set=-net_admin", "--inh-caps=-all",
             sys.executable, "-c", script]  # fmt: skip
    network, rules, *_ = run(lab, *words, env=environment()).splitlines()
    assert network.startswith("network GOOD inside ")
    assert rules.startswith("rules WARNING not known: ")
    assert "not permitted" in rules
