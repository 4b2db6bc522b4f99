"""Who is who in a connection: the host, its public side and the remote, by tuples and status.

The rule is also that of sql/functions/connection_query.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ctaudit.conntrack.event import STATUS_DST_NAT, STATUS_SRC_NAT


class Direction(StrEnum):
    """Who opened the connection.

    OUTWARD: the host. Its public side is the reply's destination: what source NAT, masquerading
    or no translation made of its address.
    INWARD: the remote. Destination NAT made the host of the address that the remote called.
    """

    OUTWARD = "outward"
    INWARD = "inward"


class Columns(NamedTuple):
    """Where a party's address and port stand; an ICMP query id stands where the port does."""

    address: str
    port: str


@dataclass(frozen=True)
class Parties:
    """The columns of each party."""

    host: Columns
    public: Columns
    remote: Columns


PARTIES = {
    Direction.OUTWARD: Parties(
        host=Columns("orig_src", "orig_sport"),
        public=Columns("reply_dst", "reply_dport"),
        remote=Columns("reply_src", "reply_sport"),
    ),
    Direction.INWARD: Parties(
        host=Columns("reply_src", "reply_sport"),
        public=Columns("orig_dst", "orig_dport"),
        remote=Columns("orig_src", "orig_sport"),
    ),
}


def choose_direction(
    status: int | None, *, outward: bool = True, inward: bool = True
) -> Direction | None:
    """The direction to show a connection in; None: it is not among those asked for.

    ``outward``, ``inward``: whether its parties, named that way, are those asked for. Only a
    connection with destination NAT can be inward; one with source NAT too can be either, and is
    outward where both are asked for.
    """
    translated = (status or 0) & (STATUS_SRC_NAT | STATUS_DST_NAT)
    is_inward = inward and bool(translated & STATUS_DST_NAT)
    if outward and not (is_inward and translated == STATUS_DST_NAT):
        return Direction.OUTWARD
    return Direction.INWARD if is_inward else None
