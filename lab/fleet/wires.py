"""The links between a fleet's machines, the hosts behind its gateways, and the server outside.

What is made here is what a site has already when ctaudit comes: addresses and routes. That a
machine forwards and translates is its own configuration (molecule/shared/prepare.yml).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pyroute2 import NetNS, netns

from lab import addresses as a
from lab.fleet.plan import DATABASE_ADDRESS, Fleet, Member
from lab.machines.tree import MachineError
from lab.namespaces import run_in
from lab.network import _add_veth, _bring_up, _end_processes
from lab.record import (
    NAMED_NAMESPACES,
    Record,
    locked,
    namespace_identity,
    process_start,
    remove_record,
    write_record,
)
from lab.rules import LINK_SETTINGS, SERVER_RULES, settings_script
from lab.serve import serving_role

_OUTSIDE = (a.SERVER, a.SERVER_SECOND, a.OUTSIDER)


@contextmanager
def wired(fleet: Fleet) -> Iterator[None]:
    """Links the fleet's machines, whose namespaces exist, and starts the server outside.

    The traffic maker sends from the clients' namespaces meanwhile.
    """
    with ExitStack() as undo:
        undo.callback(_remove, fleet)
        _remove(fleet)  # what a crash left behind
        for namespace in fleet.namespaces:
            netns.create(namespace)
            _apply(namespace, ["sh"], settings_script(LINK_SETTINGS))
        _apply(fleet.server, ["nft", "-f", "-"], SERVER_RULES)
        _link_outside(fleet)
        for gateway in fleet.gateways:
            _link_client(gateway)
        if fleet.database is not None:
            _link_database(fleet.database, fleet.gateways)
        _record(fleet)
        undo.enter_context(serving_role("server", fleet.server))
        yield


def _link_outside(fleet: Fleet) -> None:
    with NetNS(fleet.server, flags=0) as server:
        for gateway in fleet.gateways:
            name = f"wan{gateway.number}"
            with NetNS(gateway.network, flags=0) as here:
                outside = _add_veth(here, "outside", name, fleet.server)
                _bring_up(here, outside, (f"{gateway.public}/32",))
                for address in _OUTSIDE:
                    here.route("add", dst=f"{address}/32", oif=outside)
            wan = server.link_lookup(ifname=name)[0]
            # The same server on each of its links.
            mine = (*(f"{address}/32" for address in _OUTSIDE), f"{a.SERVER6}/64")
            _bring_up(server, wan, mine)
            server.route("add", dst=f"{gateway.public}/32", oif=wan)


def _link_client(gateway: Member) -> None:
    with NetNS(gateway.network, flags=0) as here:
        inside = _add_veth(here, "inside", "lan", gateway.client)
        _bring_up(here, inside, (f"{a.GATEWAY_INSIDE}/24",))
    with NetNS(gateway.client, flags=0) as client:
        lan = client.link_lookup(ifname="lan")[0]
        _bring_up(client, lan, tuple(f"{address}/24" for address in a.CLIENT_ADDRESSES))
        client.route("add", dst="0.0.0.0/0", gateway=a.GATEWAY_INSIDE)


def _link_database(database: Member, gateways: tuple[Member, ...]) -> None:
    with NetNS(database.network, flags=0) as here:
        here.addr("add", index=1, address=DATABASE_ADDRESS, prefixlen=32)
        for gateway in gateways:
            theirs, ours = gateway.database_link
            link = _add_veth(here, f"to-{gateway.name}", "backbone", gateway.network)
            _bring_up(here, link, (f"{ours}/30",))
            with NetNS(gateway.network, flags=0) as there:
                backbone = there.link_lookup(ifname="backbone")[0]
                _bring_up(there, backbone, (f"{theirs}/30",))
                there.route("add", dst=f"{DATABASE_ADDRESS}/32", gateway=ours)


def _record(fleet: Fleet) -> None:
    """What the traffic maker's guard wants to know, as of a lab."""
    started = process_start(os.getpid())
    assert started is not None
    names = (*fleet.namespaces, *(member.network for member in fleet.members))
    found = {name: namespace_identity(NAMED_NAMESPACES / name) for name in names}
    identities = {name: identity for name, identity in found.items() if identity is not None}
    with locked():
        write_record(Record(_record_name(fleet), os.getpid(), started, False, identities))


def _record_name(fleet: Fleet) -> str:
    return f"fleet-{fleet.name}"


def _remove(fleet: Fleet) -> None:
    paths = [Path(NAMED_NAMESPACES, name) for name in fleet.namespaces]
    there = [path for path in paths if path.exists()]
    identities = (namespace_identity(path) for path in there)
    _end_processes({identity for identity in identities if identity is not None})
    for path in there:
        netns.remove(path.name)
    with locked():
        remove_record(_record_name(fleet))


def _apply(namespace: str, argv: list[str], text: str) -> None:
    done = run_in(namespace, argv, input=text, text=True, capture_output=True, timeout=30)
    if done.returncode:
        raise MachineError(f"{' '.join(argv)} failed in {namespace}: {done.stderr.strip()}")
