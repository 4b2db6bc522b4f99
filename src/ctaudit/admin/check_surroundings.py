"""Is this gateway fit to be believed? What its links and rules let conntrack see.

What is read and what it is worth are apart: the judge_ functions take values.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.legacy_tables import read_legacy_tables
from ctaudit.admin.place import HERE, Place
from ctaudit.admin.ruleset import (
    Action,
    Effect,
    Flowtable,
    Rule,
    Ruleset,
    read_ruleset,
)
from ctaudit.admin.scope import Learned, read_learned
from ctaudit.admin.surroundings import (
    Address,
    Link,
    Route,
    read_addresses,
    read_links,
    read_routes,
)
from ctaudit.config import ScopeSection
from ctaudit.conntrack.statistics import count_clashes

_AS_ROOT, _AGAIN = "run as root to see it", "run the command again"
_SHOWN = 3
# linux/netfilter/nf_conntrack_common.h, IPCT_: which events a mode lives on. The start of a
# connection that a helper expected is IPCT_RELATED.
_NEW, _RELATED, _DESTROY = 0x1, 0x2, 0x4
_NEEDED = {"live": _NEW | _RELATED | _DESTROY, "nat": _NEW | _RELATED, "history": _DESTROY}


@dataclass(frozen=True)
class _Words:
    """What is said of the rules with an action."""

    consequence: str
    wanted: str


_WORDS = {
    Action.NOTRACK: _Words(
        "the traffic they match is not tracked, so nothing of it is recorded",
        "no notrack on traffic that is to be recorded",
    ),
    Action.EVENTS: _Words(
        "the kernel sends no event of the start or the end of connections they match",
        "new, related and destroy among the events",
    ),
    Action.RANDOM_PORTS: _Words(
        "two packets that one UDP socket sends at once can become two connections with different "
        "ports, one of them without a start event",
        "source NAT without random and fully-random",
    ),
    Action.OFFLOAD: _Words(
        "packets and bytes of the connections they offload may be missing",
        "flowtables with the flag counter",
    ),
    Action.REWRITE: _Words(
        "their translation is not conntrack's, so it is not recorded",
        "translation by snat, dnat or masquerade",
    ),
}


def check_surroundings(
    mode: str, scope: ScopeSection | None = None, place: Place = HERE
) -> list[Finding]:
    """The findings of the caller's network namespace; ``place``: which one it is."""
    return [
        _check_network(),
        *_check_rules(mode, place),
        judge_scope(scope or ScopeSection(), read_learned()),
    ]


def _check_network() -> Finding:
    try:
        return judge_network(read_links(), read_addresses(), read_routes() or [])
    except OSError as error:
        return _unknown("network", error)


def _check_rules(mode: str, place: Place) -> Iterator[Finding]:
    try:
        yield from judge_rules(mode, read_ruleset(), count_clashes(), place)
    except OSError as error:
        if error.errno == errno.EINVAL:
            yield Finding("rules", Level.GOOD, "this kernel has no nftables")
        else:
            yield _unknown("rules", error)
    try:
        yield from judge_legacy_tables(read_legacy_tables(), place)
    except OSError as error:
        yield _unknown("legacy rules", error)


def _unknown(name: str, error: OSError) -> Finding:
    found, wanted = f"not known: {error.strerror}", "to be readable"
    is_refused = error.errno in (errno.EPERM, errno.EACCES)
    return Finding(name, Level.WARNING, found, wanted, _AS_ROOT if is_refused else _AGAIN)


def judge_network(
    links: Sequence[Link], addresses: Sequence[Address], routes: Sequence[Route]
) -> Finding:
    """Names the links that are up with the addresses and default routes they have."""
    used = [link for link in links if link.is_up and not link.is_loopback]
    exits = {route.link for route in routes if route.is_default}
    shown = []
    for link in used:
        own = [str(each.interface) for each in addresses
               if each.link == link.index and each.is_global]  # fmt: skip
        if own or link.index in exits:
            words = f"{link.name} {_list_some(own) or 'without an address'}"
            shown.append(words + (" (default route)" if link.index in exits else ""))
    nothing = f"{len(used)} links, none with an address" if used else "no link is up"
    return make_finding(
        "network",
        "; ".join(shown) or nothing,
        good=bool(used),
        wanted="the gateway's links",
        remedy="run ctaudit-receiver.service in the network namespace that forwards",
    )


def judge_scope(configured: ScopeSection, learned: Learned) -> Finding:
    """Whether public addresses and internal networks are known, and which they are."""
    public = learned.public if configured.public is None else configured.public
    internal = learned.internal if configured.internal is None else configured.internal
    if (public is None or internal is None) and learned.error:
        return _unknown("scope", learned.error)
    if public is None or internal is None:
        return make_finding(
            "scope",
            f"not known: {learned.why}",
            good=False,
            wanted="the gateway's public addresses and internal networks",
            remedy="set public and internal in [scope] of the configuration",
        )
    unseen = dict.fromkeys(why for _, why in learned.hidden if "module" in why)
    return make_finding(
        "scope",
        f"public {_list_some(map(str, public)) or 'nothing'}; "
        f"internal {_list_some(map(str, internal)) or 'nothing'}"
        + "".join(f"; {why}" for why in unseen),
        good=not unseen,
        wanted="translation by conntrack alone",
        remedy="who cannot say none here; ask the other translator for its own log",
    )


def judge_rules(
    mode: str, ruleset: Ruleset, clashes: int | None, place: Place = HERE
) -> Iterator[Finding]:
    """A finding for each action that hides something from ``mode``, or one good one.

    ``clashes``: what count_clashes says, None where it is not known.
    """
    hiding: dict[Action, list[Rule]] = {}
    for rule in ruleset.rules:
        for effect in rule.effects:
            if _hides(mode, rule, effect, ruleset.flowtables):
                hiding.setdefault(effect.action, []).append(rule)
    if not hiding:
        yield Finding("rules", Level.GOOD, _format_total(ruleset.total))
    for action, rules in hiding.items():
        words = _WORDS[action]
        found = f"{_list_some(dict.fromkeys(map(str, rules)))}: {words.consequence}"
        if action is Action.RANDOM_PORTS and clashes is not None:
            found += f"; {clashes:,} clashes so far"
        yield Finding(
            str(action), Level.WARNING, found, words.wanted,
            f"{place.enter}nft -a list ruleset shows the rules; change or delete them",
        )  # fmt: skip


def _hides(mode: str, rule: Rule, effect: Effect, flowtables: Iterable[Flowtable]) -> bool:
    if effect.action is Action.EVENTS and effect.events is not None:
        return effect.events & _NEEDED[mode] != _NEEDED[mode]
    if effect.action is Action.OFFLOAD:
        place = Flowtable(rule.family, rule.table, effect.flowtable or "", counts=True)
        return place not in flowtables
    return True


def _format_total(total: int) -> str:
    return (
        f"{total:,} nftables rules, none of them hides a connection"
        if total
        else "no nftables rules"
    )


def judge_legacy_tables(
    tables: Mapping[str, Sequence[str]], place: Place = HERE
) -> Iterator[Finding]:
    """``tables``: names by IP version of what nftables does not show."""
    shown = [f"{version} {', '.join(names)}" for version, names in tables.items() if names]
    if shown:
        yield Finding(
            "legacy rules",
            Level.WARNING,
            f"tables of iptables-legacy ({'; '.join(shown)}): their rules are not checked",
            "rules in nftables, which iptables-nft makes too",
            f"look for NOTRACK, CT and --random in {place.enter}iptables-legacy-save and "
            f"{place.enter}ip6tables-legacy-save",
        )


def _list_some(names: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    listed = list(names)
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
