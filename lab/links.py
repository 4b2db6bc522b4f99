"""Links between network namespaces, by pyroute2."""

from __future__ import annotations

from collections.abc import Sequence

from pyroute2 import NetNS


def add_veth(here: NetNS, ifname: str, peer: str, peer_namespace: str) -> int:
    """A pair of links, one here and its peer in another namespace; the index of the one here."""
    here.link("add", ifname=ifname, kind="veth", peer={"ifname": peer, "net_ns_fd": peer_namespace})
    return find_link(here, ifname)


def find_link(here: NetNS, ifname: str) -> int:
    """The index of a link."""
    index: int = here.link_lookup(ifname=ifname)[0]
    return index


def bring_up(here: NetNS, index: int, prefixes: Sequence[str]) -> None:
    """Gives a link its addresses and sets it and the loopback up."""
    for prefix in prefixes:
        address, length = prefix.split("/")
        here.addr("add", index=index, address=address, prefixlen=int(length))
    here.link("set", index=1, state="up")
    here.link("set", index=index, state="up")
