"""The columns of an event, and the kernel's numbers for protocols, states and status.

COLUMNS has the order of the record procedures' parameters (docs/sql.md). The values come from
one ctnetlink message (linux/netfilter/nfnetlink_conntrack.h), but received_at is the receiver's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What the kernel sent: one of three kinds of event, or an entry of a table dump."""

    NEW = 1
    UPDATE = 2
    DESTROY = 3
    DUMP = 4


# In place of a kind in the array of kinds: an event or an entry that the filter rules exclude. It
# stands behind all others and has no value in another array.
DENIED = 5


@dataclass(frozen=True)
class ElementType:
    """A PostgreSQL type as an array's element; ``width``: bytes of a fixed-width type."""

    oid: int
    array_oid: int
    width: int = 0


SMALLINT = ElementType(21, 1005, 2)
INTEGER = ElementType(23, 1007, 4)
BIGINT = ElementType(20, 1016, 8)
INET = ElementType(869, 1041)
TIMESTAMPTZ = ElementType(1184, 1185, 8)
TEXT = ElementType(25, 1009)
BYTEA = ElementType(17, 1001)

COLUMNS: dict[str, ElementType] = {
    "kind": SMALLINT,
    "received_at": TIMESTAMPTZ,
    "event_at": TIMESTAMPTZ,
    "start_sent": TIMESTAMPTZ,
    "stop_sent": TIMESTAMPTZ,
    "zone": INTEGER,
    "orig_zone": INTEGER,
    "reply_zone": INTEGER,
    "proto": SMALLINT,
    "orig_src": INET,
    "orig_dst": INET,
    "orig_sport": INTEGER,
    "orig_dport": INTEGER,
    "reply_src": INET,
    "reply_dst": INET,
    "reply_sport": INTEGER,
    "reply_dport": INTEGER,
    "orig_icmp_type": SMALLINT,
    "orig_icmp_code": SMALLINT,
    "reply_icmp_type": SMALLINT,
    "reply_icmp_code": SMALLINT,
    "orig_packets": BIGINT,
    "orig_bytes": BIGINT,
    "reply_packets": BIGINT,
    "reply_bytes": BIGINT,
    "ct_id": BIGINT,
    "mark": BIGINT,
    "status": INTEGER,
    "state": SMALLINT,
    "helper": TEXT,
    "labels": BYTEA,
}

PROTOCOLS = {
    1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre",
    50: "esp", 51: "ah", 58: "icmpv6", 89: "ospf", 132: "sctp", 136: "udplite",
}  # fmt: skip

# nf_conntrack_common.h, enum ip_conntrack_status
STATUS_SEEN_REPLY = 0x2
STATUS_ASSURED = 0x4
STATUS_SRC_NAT = 0x10
STATUS_DST_NAT = 0x20
STATUS_OFFLOAD = 0x4000
STATUS_HW_OFFLOAD = 0x8000

# nf_conntrack_tcp.h, enum tcp_conntrack; nf_conntrack_sctp.h, enum sctp_conntrack;
# nf_conntrack_dccp.h, enum ct_dccp_states
STATES = {
    6: (
        "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
        "TIME_WAIT", "CLOSE", "SYN_SENT2",
    ),
    132: (
        "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT",
        "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT",
    ),
    33: (
        "NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT",
        "IGNORE", "INVALID",
    ),
}  # fmt: skip


def name_protocol(number: int) -> str:
    return PROTOCOLS.get(number, str(number))


def name_state(proto: int, state: int | None) -> str | None:
    """The kernel's name for a connection's state, or its number; None for None."""
    if state is None:
        return None
    names = STATES.get(proto, ())
    return names[state] if state < len(names) else str(state)
