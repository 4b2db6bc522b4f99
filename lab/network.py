"""Make, keep and remove the lab's namespaces, links, addresses and rules.

    client -- 192.168.1.0/24, 2a01:e35:1394:5bd0::/64 -- gateway -- 1.2.3.4 -- server

The three namespaces have links to each other and to nothing else, and the gateway has no
default route. Needs root.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pyroute2 import NetNS, netns

from lab import addresses as a
from lab.links import add_veth, bring_up, find_link
from lab.namespaces import Lab, LabError, feed_in, run_in
from lab.processes import (
    NAMED_NAMESPACES,
    end_processes_in,
    identities_of,
    process_start,
)
from lab.register import (
    ROLES,
    Registration,
    check_name,
    find_registration,
    list_registrations,
    locked,
    remove_registration,
    write_registration,
)
from lab.rules import (
    GATEWAY_RULES,
    HELPERS,
    LINK_SETTINGS,
    SERVER_RULES,
    SHORT_TIMEOUTS,
    gateway_settings,
    settings_script,
)


@contextmanager
def build_lab(
    name: str = "ctaudit",
    *,
    accounting: bool = True,
    timestamps: bool = True,
    timeouts: Mapping[str, int] = SHORT_TIMEOUTS,
    keep: bool = False,
) -> Iterator[Lab]:
    """Make the lab and remove it at the end, or leave it standing if it is to be kept.

    What crashed runs left behind is removed first, and a lab of this name that was kept.
    timeouts: sysctl name without its nf_conntrack_ to seconds; pass an empty mapping for the
    kernel's own. Raises LabError when a running process owns that name.
    """
    with locked():
        _clear(name)
        _clear_abandoned()
        lab = _make(name, accounting, timestamps, timeouts, keep)
    try:
        yield lab
    finally:
        if not keep:
            with locked():
                _remove(name)


def remove_lab(name: str = "ctaudit") -> bool:
    """Remove a kept or left-behind lab; False if there was none, LabError if it is in use."""
    with locked():
        there = find_registration(check_name(name)) is not None
        _clear(name)
    return there


def lab_of(name: str = "ctaudit") -> Lab:
    """The Lab of that name that stands already; LabError if there is none."""
    registration = find_registration(check_name(name))
    if registration is None or not all(registration.namespaces.values()):
        raise LabError(f"there is no lab {name!r}: make one with python3 -m lab.network up")
    return _lab(name, _helpers_in(f"{name}-gateway"))


def _lab(name: str, helpers: frozenset[str] = frozenset()) -> Lab:
    client, gateway, server = (f"{name}-{role}" for role in ROLES)
    return Lab(name, client, gateway, server, helpers)


def _clear(name: str) -> None:
    registration = find_registration(check_name(name))
    if registration is None:
        for namespace in _lab(name).namespaces:
            if (NAMED_NAMESPACES / namespace).exists():
                raise LabError(
                    f"a namespace {namespace!r} exists that is not from the lab: "
                    f"delete it (ip netns delete {namespace}) or take another lab name"
                )
        return
    if registration.has_live_owner and not registration.keep:
        if registration.owner == os.getpid():
            raise LabError(f"this process has built the lab {name!r} already: take another name")
        raise LabError(
            f"the lab {name!r} is in use by process {registration.owner}: "
            "wait for its end or take another lab name"
        )
    _remove(name)


def _clear_abandoned() -> None:
    for registration in list_registrations():
        if not registration.keep and not registration.has_live_owner:
            _remove(registration.name)


def _make(
    name: str, accounting: bool, timestamps: bool, timeouts: Mapping[str, int], keep: bool
) -> Lab:
    lab = _lab(name)
    started = process_start(os.getpid())
    assert started is not None
    registration = Registration(name, os.getpid(), started, keep, {})
    write_registration(registration)
    try:
        for namespace in lab.namespaces:
            netns.create(namespace)
        write_registration(replace(registration, namespaces=identities_of(lab.namespaces)))
        for namespace in lab.namespaces:
            feed_in(namespace, ["sh"], settings_script(LINK_SETTINGS))
        _link(lab)
        settings = gateway_settings(accounting, timestamps, timeouts)
        feed_in(lab.gateway, ["sh"], settings_script(settings))
        feed_in(lab.gateway, ["nft", "-f", "-"], GATEWAY_RULES)
        feed_in(lab.server, ["nft", "-f", "-"], SERVER_RULES)
        for rules in HELPERS.values():
            # Without the helper in this kernel nft fails and leaves nothing behind.
            run_in(lab.gateway, ["nft", "-f", "-"], input=rules, text=True, capture_output=True)
        return replace(lab, helpers=_helpers_in(lab.gateway))
    except BaseException:
        _remove(name)
        raise


def _helpers_in(gateway: str) -> frozenset[str]:
    listed = run_in(gateway, ["nft", "list", "tables"], capture_output=True, text=True).stdout
    return frozenset(name for name in HELPERS if f"ctaudit_lab_{name}" in listed.split())


def _link(lab: Lab) -> None:
    with NetNS(lab.gateway, flags=0) as gateway:
        inside = add_veth(gateway, "inside", "lan", lab.client)
        outside = add_veth(gateway, "outside", "wan", lab.server)
        bring_up(gateway, inside, (f"{a.GATEWAY_INSIDE}/24", f"{a.GATEWAY6_INSIDE}/64"))
        publics = (a.GATEWAY, a.GATEWAY_ZONE, a.GATEWAY_ZONE_REPLY)
        bring_up(gateway, outside, (*(f"{p}/32" for p in publics), f"{a.GATEWAY6}/64"))
        servers = (a.SERVER, a.SERVER_SECOND, a.OUTSIDER)
        for address in servers:
            gateway.route("add", dst=f"{address}/32", oif=outside)
    with NetNS(lab.client, flags=0) as client:
        lan = find_link(client, "lan")
        clients6 = (a.CLIENT6, a.CLIENT6_NAT, a.FORWARD_TARGET6)
        wanted = (*(f"{c}/24" for c in a.CLIENT_ADDRESSES), *(f"{c}/64" for c in clients6))
        bring_up(client, lan, wanted)
        client.route("add", dst="0.0.0.0/0", gateway=a.GATEWAY_INSIDE)
        client.route("add", dst="::/0", gateway=a.GATEWAY6_INSIDE)
    with NetNS(lab.server, flags=0) as server:
        wan = find_link(server, "wan")
        bring_up(
            server,
            wan,
            (*(f"{s}/32" for s in servers), f"{a.SERVER6}/64", f"{a.OUTSIDER6}/64"),
        )
        for address in publics:
            server.route("add", dst=f"{address}/32", oif=wan)
        server.route("add", dst="2a01:e35:1394:5bd0::/64", gateway=a.GATEWAY6)


def _remove(name: str) -> None:
    """End what still runs in the lab's namespaces, then take them and the registration away."""
    identities = set(identities_of(_lab(name).namespaces).values())
    end_processes_in(identities)
    for namespace in _lab(name).namespaces:
        if (NAMED_NAMESPACES / namespace).exists():
            netns.remove(namespace)
    remove_registration(name)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m lab.network", description=__doc__)
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("--name", default="ctaudit")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.action == "down":
            print(f"removed lab {chosen.name}" if remove_lab(chosen.name) else "no such lab")
        else:
            with build_lab(chosen.name, keep=True) as lab:
                print(f"lab {lab.name} stands: {', '.join(lab.namespaces)}")
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
