"""Learns the scope: which addresses are this gateway's, and which networks are behind it.

It says nothing where it cannot tell; `[scope]` in the configuration then does.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path

from ctaudit.admin.legacy_tables import read_legacy_tables
from ctaudit.admin.rule_addresses import Network, find_hidden, find_public
from ctaudit.admin.ruleset import Action, Rule, Ruleset, read_ruleset
from ctaudit.admin.surroundings import (
    Address,
    Link,
    Route,
    read_addresses,
    read_links,
    read_routes,
)

_MOST_NETWORKS = 256  # as in the configuration
_MOST_HIDDEN = 64
_EVERYTHING = IPv4Network("0.0.0.0/0"), IPv6Network("::/0")
# linux/rtnetlink.h: RT_TABLE_UNSPEC, _DEFAULT, _MAIN, _LOCAL; others mean policy routing.
_TABLES = {0, 253, 254, 255}
_NEW_AND_DESTROY = 0x1 | 0x4  # linux/netfilter/nf_conntrack_common.h: IPCT_
_HIDING = {Action.NOTRACK, Action.REWRITE, Action.EVENTS}
_MODULES = Path("/sys/module")
# Who may not see the legacy tables sees whether their module is there.
_LEGACY_NAT = {"IPv4": "iptable_nat", "IPv6": "ip6table_nat"}
_TRANSLATORS = {"jool": "Jool's NAT64", "jool_siit": "Jool's SIIT"}


@dataclass(frozen=True)
class Learned:
    """``public``, ``internal``: None: not known, and ``why`` says why.

    ``error``: the kernel's, where it did not show what was asked for.
    """

    public: tuple[Network, ...] | None
    internal: tuple[Network, ...] | None
    hidden: tuple[tuple[Network, str], ...] = ()
    why: str = ""
    error: OSError | None = None


def read_learned() -> Learned:
    """What the caller's network namespace shows."""
    try:
        ruleset = read_ruleset()
    except OSError as error:
        if error.errno != errno.EINVAL:
            why = f"the nftables rules cannot be read: {error.strerror}"
            return Learned(None, None, (), why, error)
        ruleset = Ruleset(0, (), ())  # this kernel has no nftables
    hidden = _cut(*find_hidden_networks(ruleset), *find_translators(_MODULES))
    try:
        public, internal, why = learn(
            read_links(), read_addresses(), read_routes(), ruleset, find_legacy_nat(_MODULES)
        )
    except OSError as error:
        why = f"links and routes cannot be read: {error.strerror}"
        return Learned(None, None, hidden, why, error)
    return Learned(public, internal, hidden, why)


def _cut(*hidden: tuple[Network, str]) -> tuple[tuple[Network, str], ...]:
    """Where there are more than the receiver's note may hold: of every network."""
    if len(hidden) <= _MOST_HIDDEN:
        return hidden
    why = f"{hidden[0][1]} and {len(hidden) - 1:,} more"
    return tuple((everything, why) for everything in _EVERYTHING)


def learn(
    links: Sequence[Link],
    addresses: Sequence[Address],
    routes: Sequence[Route] | None,
    ruleset: Ruleset,
    legacy_nat: Sequence[str] = (),
) -> tuple[tuple[Network, ...] | None, tuple[Network, ...] | None, str]:
    """The public and the internal networks, or None and why they are not known.

    Internal are the networks of all links that lead to no default route; public the gateway's
    own addresses elsewhere, and those of its translations.
    """
    if routes is None:
        return None, None, "there are too many routes"
    if any(link.kind == "vrf" for link in links):
        return None, None, "there is a VRF"
    if any(route.table not in _TABLES for route in routes):
        return None, None, "there are several routing tables"
    internal = _collapse(_list_internal(links, addresses, routes))
    if len(internal) > _MOST_NETWORKS:
        return None, None, f"there are {len(internal):,} internal networks"
    translated = find_public(ruleset.by_table)
    if legacy_nat:
        return None, internal, f"iptables-legacy translates ({', '.join(legacy_nat)})"
    if translated is None:
        return None, internal, "a translation uses a map, a set or many addresses"
    own = (ip_network(item.interface.ip) for item in addresses if item.is_global)
    public = _collapse(
        network for network in (*own, *translated) if not _is_within(network, internal)
    )
    if len(public) > _MOST_NETWORKS:
        return None, internal, f"there are {len(public):,} public addresses"
    return public, internal, ""


def _list_internal(
    links: Sequence[Link], addresses: Sequence[Address], routes: Sequence[Route]
) -> Iterable[Network]:
    exits = {route.link for route in routes if route.is_default}
    inside = {link.index for link in links if not link.is_loopback} - exits
    for address in addresses:
        if address.link in inside and address.is_global:
            yield address.interface.network
    for route in routes:
        network = route.destination
        if route.link in inside and not (network.is_link_local or network.is_multicast):
            yield network


def _collapse(networks: Iterable[Network]) -> tuple[Network, ...]:
    found = list(networks)
    return (
        *collapse_addresses(item for item in found if isinstance(item, IPv4Network)),
        *collapse_addresses(item for item in found if isinstance(item, IPv6Network)),
    )


def _is_within(network: Network, others: Iterable[Network]) -> bool:
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in others
    )


def find_hidden_networks(ruleset: Ruleset) -> Iterable[tuple[Network, str]]:
    """The networks whose connections the rules may keep from conntrack, each with its rule."""
    for rule in ruleset.rules:
        for action in dict.fromkeys(_list_hiding(rule)):
            why = f"rule {rule} ({action})"
            for network in find_hidden(
                rule.family,
                rule.addresses,
                rewrites=action is Action.REWRITE,
                translated=action is Action.EVENTS,
            ):
                yield network, why


def _list_hiding(rule: Rule) -> Iterable[Action]:
    for effect in rule.effects:
        is_full = effect.events is not None and (
            effect.events & _NEW_AND_DESTROY == _NEW_AND_DESTROY
        )
        if effect.action in _HIDING and not is_full:
            yield effect.action


def find_translators(modules: Path) -> Iterable[tuple[Network, str]]:
    """Kernel modules that translate without conntrack: of which addresses cannot be told."""
    for name, words in _TRANSLATORS.items():
        if (modules / name).exists():
            why = f"{words} (module {name}) translates without it"
            yield from ((everything, why) for everything in _EVERYTHING)


def find_legacy_nat(
    modules: Path, read: Callable[[], Mapping[str, Sequence[str]]] = read_legacy_tables
) -> list[str]:
    """The IP versions that iptables-legacy translates, or may."""
    try:
        return [version for version, tables in read().items() if "nat" in tables]
    except PermissionError:
        return [version for version, name in _LEGACY_NAT.items() if (modules / name).exists()]
