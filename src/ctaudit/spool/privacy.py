"""Remote ends are taken out of the rows of a batch, before anybody gets them.

``privacy.remote = false`` (RFC 6888, REQ-12; decision 0021). An address that is not one of the
gateway's becomes the unspecified one, and its port 0. It depends on addresses alone, so that the
opening and the end of a connection keep the same tuple and are joined as before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ctaudit.config import Config
from ctaudit.conntrack.layout import Layout
from ctaudit.spool.decoder import Batch, Row

_PORTS = {
    "orig_src": "orig_sport",
    "orig_dst": "orig_dport",
    "reply_src": "reply_sport",
    "reply_dst": "reply_dport",
}
_ICMP = (1, 58)  # their query id stands in both directions, and is the host's
_REMEMBERED = 100_000

Network = IPv4Network | IPv6Network


def choose_privacy(config: Config) -> RemoteEnds | None:
    """What takes remote ends out; None: they are stored."""
    if config.privacy.remote:
        return None
    internal = config.scope.internal or ()
    # The canary is found by its ends, and nobody's: record.canary.
    own = ("127.0.0.1/32",) if config.canary.interval is not None else ()
    return RemoteEnds((*internal, *own), config.scope.public or ())


class RemoteEnds:
    """``internal``: networks of the hosts; ``public``: addresses of the gateway."""

    def __init__(self, internal: Sequence[str], public: Sequence[str]) -> None:
        self._internal = [ip_network(network) for network in internal]
        self._own = [*self._internal, *(ip_network(network) for network in public)]
        self._known: dict[bytes, tuple[bool, bool]] = {}

    def hide(self, batch: Batch) -> Batch:
        """A batch with the same events, in the same order, without their remote ends."""
        rows: defaultdict[Layout, list[Row]] = defaultdict(list)
        for layout, given in batch.rows.items():
            rows[layout] = [self.hide_row(layout, row) for row in given]
        return replace(batch, rows=rows)

    def hide_row(self, layout: Layout, row: Row) -> Row:
        place = {name: number for number, name in enumerate(layout.columns)}
        leaves = {name: row[place[name]] for name in _PORTS if name in place}
        hidden = self._find_remote(leaves)
        if not hidden:
            return row
        changed = list(row)
        for name in hidden:
            changed[place[name]] = bytes(len(row[place[name]]))
            port = _PORTS[name]
            if port in place and layout.proto not in _ICMP:
                changed[place[port]] = bytes(len(row[place[port]]))
        return tuple(changed)

    def _find_remote(self, leaves: dict[str, bytes]) -> list[str]:
        """The addresses to hide, by column.

        What the gateway translated to or from is its own, listed or not: the destination of the
        reply where the client is internal, and the destination that was called where an internal
        server answers a client that is not.
        """
        from_inside = self._is_internal(leaves.get("orig_src"))
        to_inside = self._is_internal(leaves.get("reply_src"))
        kept = {"reply_dst"} if from_inside else {"orig_dst"} if to_inside else set()
        return [
            name for name, leaf in leaves.items() if name not in kept and not self._look_up(leaf)[1]
        ]

    def _is_internal(self, leaf: bytes | None) -> bool:
        return leaf is not None and self._look_up(leaf)[0]

    def _look_up(self, leaf: bytes) -> tuple[bool, bool]:
        """Whether the address is internal, and whether it is internal or public."""
        known = self._known.get(leaf)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            address = ip_address(leaf)
            known = (
                any(address in network for network in self._internal),
                any(address in network for network in self._own),
            )
            self._known[leaf] = known
        return known
