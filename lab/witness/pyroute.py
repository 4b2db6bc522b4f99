"""pyroute2's decode of the gateway's table: what the conntrack tool does not print."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from pyroute2 import netns
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from lab.namespaces import Lab


@dataclass(frozen=True)
class Known:
    """An entry's whole status word, and its lowest 32 label bits; None where it has none."""

    status: int
    labels: int | None


def dump_known(lab: Lab) -> dict[int, Known]:
    """Each entry of the table by its id."""
    return {
        message.get_attr("CTA_ID"): Known(
            message.get_attr("CTA_STATUS"), message.get_attr("CTA_LABELS")
        )
        for family in (socket.AF_INET, socket.AF_INET6)
        for message in _dump(lab, family)
    }


def _dump(lab: Lab, family: int) -> list[Any]:
    netns.pushns(lab.gateway)
    try:
        table = NFCTSocket(nfgen_family=family)
    finally:
        netns.popns()
    with table:
        return list(table.dump())
