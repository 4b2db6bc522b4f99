"""The links between a fleet's machines, the hosts behind its gateways, and the server outside.

What is made here is what a site has already when ctaudit comes: addresses and routes. That a
machine forwards and translates is its own configuration (molecule/shared/prepare.yml).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from pyroute2 import NetlinkError, NetNS, netns

from lab import addresses as a
from lab.fleet.plan import GATEWAY, Fleet, Member
from lab.links import add_veth, bring_up, find_link
from lab.namespaces import feed_in
from lab.processes import end_processes_in, identities_of, process_start
from lab.register import Registration, locked, remove_registration, write_registration
from lab.rules import LINK_SETTINGS, SERVER_RULES, settings_script
from lab.serve import serving_role

_OUTSIDE = (a.SERVER, a.SERVER_SECOND, a.OUTSIDER)
_LAN, _BACKBONE, _SWITCH = "lan", "backbone", "switch"


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
            feed_in(namespace, ["sh"], settings_script(LINK_SETTINGS))
        feed_in(fleet.server, ["nft", "-f", "-"], SERVER_RULES)
        if fleet.has_backbone:
            _make_switch(fleet)
        for member in fleet.members:
            _link(fleet, member)
        _register(fleet)
        undo.enter_context(serving_role("server", fleet.server))
        yield


def link_again(fleet: Fleet, gateway: Member) -> None:
    """After its boot with another network namespace than before, whose links may be going yet."""
    ends = [(fleet.server, _wan(gateway)), (gateway.client, _LAN)]
    if fleet.has_backbone:
        ends.append((fleet.switch, _port(gateway)))
    for namespace, name in ends:
        with NetNS(namespace, flags=0) as here:
            for index in here.link_lookup(ifname=name):
                with suppress(NetlinkError):
                    here.link("del", index=index)
    _link(fleet, gateway)
    _register(fleet)


def _link(fleet: Fleet, member: Member) -> None:
    if member.part == GATEWAY:
        _link_outside(fleet.server, member)
        _link_client(member)
    if fleet.has_backbone:
        _link_backbone(fleet, member)


def _wan(gateway: Member) -> str:
    return f"wan{gateway.number}"


def _port(member: Member) -> str:
    return f"{member.part}{member.number}"


def _link_outside(server_namespace: str, gateway: Member) -> None:
    with NetNS(gateway.network, flags=0) as here:
        outside = add_veth(here, "outside", _wan(gateway), server_namespace)
        bring_up(here, outside, (f"{gateway.public}/32",))
        for address in _OUTSIDE:
            here.route("add", dst=f"{address}/32", oif=outside)
    with NetNS(server_namespace, flags=0) as server:
        wan = find_link(server, _wan(gateway))
        # The same server on each of its links.
        mine = (*(f"{address}/32" for address in _OUTSIDE), f"{a.SERVER6}/64")
        bring_up(server, wan, mine)
        server.route("add", dst=f"{gateway.public}/32", oif=wan)


def _link_client(gateway: Member) -> None:
    with NetNS(gateway.network, flags=0) as here:
        inside = add_veth(here, "inside", _LAN, gateway.client)
        bring_up(here, inside, (f"{a.GATEWAY_INSIDE}/24",))
    with NetNS(gateway.client, flags=0) as client:
        lan = find_link(client, _LAN)
        bring_up(client, lan, tuple(f"{address}/24" for address in a.CLIENT_ADDRESSES))
        client.route("add", dst="0.0.0.0/0", gateway=a.GATEWAY_INSIDE)


def _make_switch(fleet: Fleet) -> None:
    with NetNS(fleet.switch, flags=0) as switch:
        switch.link("add", ifname=_SWITCH, kind="bridge")
        bring_up(switch, find_link(switch, _SWITCH), ())


def _link_backbone(fleet: Fleet, member: Member) -> None:
    with NetNS(fleet.switch, flags=0) as switch:
        port = add_veth(switch, _port(member), _BACKBONE, member.network)
        switch.link("set", index=port, master=find_link(switch, _SWITCH))
        bring_up(switch, port, ())
    with NetNS(member.network, flags=0) as there:
        bring_up(there, find_link(there, _BACKBONE), (f"{member.backbone}/16",))


def _register(fleet: Fleet) -> None:
    """What the traffic maker's guard wants to know, as of a lab."""
    started = process_start(os.getpid())
    assert started is not None
    identities = identities_of((*fleet.namespaces, *(member.network for member in fleet.members)))
    with locked():
        write_registration(
            Registration(_registered_name(fleet), os.getpid(), started, False, identities)
        )


def _registered_name(fleet: Fleet) -> str:
    return f"fleet-{fleet.name}"


def _remove(fleet: Fleet) -> None:
    standing = identities_of(fleet.namespaces)
    end_processes_in(set(standing.values()))
    for namespace in standing:
        netns.remove(namespace)
    with locked():
        remove_registration(_registered_name(fleet))
