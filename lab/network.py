"""Make, keep and remove the lab's namespaces, links, addresses and rules.

    client -- 192.168.1.0/24, 2a01:e35:1394:5bd0::/64 -- gateway -- 1.2.3.4 -- server

The three namespaces have links to each other and to nothing else, and the gateway has no
default route. Needs root.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pyroute2 import NetNS, netns

from lab import addresses as a
from lab.namespaces import Lab, popen_in, run_in
from lab.record import (
    NAMED_NAMESPACES,
    ROLES,
    LabError,
    Record,
    check_name,
    locked,
    namespace_identity,
    process_start,
    processes_in,
    read_record,
    read_records,
    remove_record,
    write_record,
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

__all__ = ["Lab", "LabError", "build_lab", "lab_of", "popen_in", "remove_lab", "run_in"]


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
        there = read_record(check_name(name)) is not None
        _clear(name)
    return there


def lab_of(name: str = "ctaudit") -> Lab:
    """The Lab of that name that stands already; LabError if there is none."""
    record = read_record(check_name(name))
    if record is None or not all(record.namespaces.values()):
        raise LabError(f"there is no lab {name!r}: make one with python3 -m lab.network up")
    return _lab(name, _helpers_in(f"{name}-gateway"))


def _lab(name: str, helpers: frozenset[str] = frozenset()) -> Lab:
    client, gateway, server = (f"{name}-{role}" for role in ROLES)
    return Lab(name, client, gateway, server, helpers)


def _clear(name: str) -> None:
    record = read_record(check_name(name))
    if record is None:
        for namespace in _lab(name).namespaces:
            if (NAMED_NAMESPACES / namespace).exists():
                raise LabError(
                    f"a namespace {namespace!r} exists that is not from the lab: "
                    f"delete it (ip netns delete {namespace}) or take another lab name"
                )
        return
    if record.has_live_owner and record.owner != os.getpid() and not record.keep:
        raise LabError(
            f"the lab {name!r} is in use by process {record.owner}: "
            "wait for its end or take another lab name"
        )
    if record.has_live_owner and record.owner == os.getpid() and not record.keep:
        raise LabError(f"this process has built the lab {name!r} already: take another lab name")
    _remove(name)


def _clear_abandoned() -> None:
    for record in read_records():
        if not record.keep and not record.has_live_owner:
            _remove(record.name)


def _make(
    name: str, accounting: bool, timestamps: bool, timeouts: Mapping[str, int], keep: bool
) -> Lab:
    lab = _lab(name)
    started = process_start(os.getpid())
    assert started is not None
    record = Record(name, os.getpid(), started, keep, {})
    write_record(record)
    try:
        for namespace in lab.namespaces:
            netns.create(namespace)
        write_record(replace(record, namespaces=_identities(lab)))
        for namespace in lab.namespaces:
            _apply(namespace, ["sh"], settings_script(LINK_SETTINGS))
        _link(lab)
        settings = gateway_settings(accounting, timestamps, timeouts)
        _apply(lab.gateway, ["sh"], settings_script(settings))
        _apply(lab.gateway, ["nft", "-f", "-"], GATEWAY_RULES)
        _apply(lab.server, ["nft", "-f", "-"], SERVER_RULES)
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


def _apply(namespace: str, argv: Sequence[str], text: str) -> None:
    try:
        done = run_in(namespace, argv, input=text, text=True, capture_output=True, timeout=30)
    except FileNotFoundError as error:
        raise LabError(f"{error.filename} is missing: apt-get install iproute2 nftables") from error
    if done.returncode:
        raise LabError(f"{' '.join(argv)} failed in {namespace}: {done.stderr.strip()}")


def _identities(lab: Lab) -> dict[str, tuple[int, int]]:
    found = {name: namespace_identity(NAMED_NAMESPACES / name) for name in lab.namespaces}
    return {name: identity for name, identity in found.items() if identity is not None}


def _link(lab: Lab) -> None:
    with NetNS(lab.gateway, flags=0) as gateway:
        inside = _add_veth(gateway, "inside", "lan", lab.client)
        outside = _add_veth(gateway, "outside", "wan", lab.server)
        _bring_up(gateway, inside, (f"{a.GATEWAY_INSIDE}/24", f"{a.GATEWAY6_INSIDE}/64"))
        publics = (a.GATEWAY, a.GATEWAY_ZONE, a.GATEWAY_ZONE_REPLY)
        _bring_up(gateway, outside, (*(f"{p}/32" for p in publics), f"{a.GATEWAY6}/64"))
        servers = (a.SERVER, a.SERVER_SECOND, a.OUTSIDER)
        for address in servers:
            gateway.route("add", dst=f"{address}/32", oif=outside)
    with NetNS(lab.client, flags=0) as client:
        lan = client.link_lookup(ifname="lan")[0]
        clients6 = (a.CLIENT6, a.CLIENT6_NAT, a.FORWARD_TARGET6)
        wanted = (*(f"{c}/24" for c in a.CLIENT_ADDRESSES), *(f"{c}/64" for c in clients6))
        _bring_up(client, lan, wanted)
        client.route("add", dst="0.0.0.0/0", gateway=a.GATEWAY_INSIDE)
        client.route("add", dst="::/0", gateway=a.GATEWAY6_INSIDE)
    with NetNS(lab.server, flags=0) as server:
        wan = server.link_lookup(ifname="wan")[0]
        _bring_up(
            server,
            wan,
            (*(f"{s}/32" for s in servers), f"{a.SERVER6}/64", f"{a.OUTSIDER6}/64"),
        )
        for address in publics:
            server.route("add", dst=f"{address}/32", oif=wan)
        server.route("add", dst="2a01:e35:1394:5bd0::/64", gateway=a.GATEWAY6)


def _add_veth(here: NetNS, ifname: str, peer: str, peer_namespace: str) -> int:
    here.link("add", ifname=ifname, kind="veth", peer={"ifname": peer, "net_ns_fd": peer_namespace})
    index: int = here.link_lookup(ifname=ifname)[0]
    return index


def _bring_up(here: NetNS, index: int, prefixes: Sequence[str]) -> None:
    for prefix in prefixes:
        address, length = prefix.split("/")
        here.addr("add", index=index, address=address, prefixlen=int(length))
    here.link("set", index=1, state="up")
    here.link("set", index=index, state="up")


def _remove(name: str) -> None:
    """End what still runs in the lab's namespaces, then take them and the record away."""
    identities = set(_identities(_lab(name)).values())
    _end_processes(identities)
    for namespace in _lab(name).namespaces:
        if (NAMED_NAMESPACES / namespace).exists():
            netns.remove(namespace)
    remove_record(name)


def _end_processes(identities: set[tuple[int, int]]) -> None:
    for signum, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
        deadline = time.monotonic() + patience
        for pid in processes_in(identities):
            try:
                os.kill(pid, signum)
            except ProcessLookupError:
                continue
        while processes_in(identities) and time.monotonic() < deadline:
            time.sleep(0.02)


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
