"""The kernel's numbers as ctaudit has them are those that pyroute2 has, where it has them.

Held on pyroute2 0.7.2 and on the newest; what both lack is named here.
"""

from __future__ import annotations

from typing import Any

import pytest
from pyroute2 import netlink as theirs
from pyroute2.netlink import nfnetlink
from pyroute2.netlink.nfnetlink import nfctsocket
from pyroute2.netlink.nfnetlink.nfctsocket import nfct_msg

from ctaudit.conntrack import event, layout, netlink
from ctaudit.conntrack.layout import LEAVES, Path
from ctaudit.spool import decoder

# A zone of one direction, the helper's name in its nest, and the time of an event.
UNKNOWN = {(1, 3), (2, 3), (5, 1), (27,)}
SIZES = {"uint8": 1, "be16": 2, "be32": 4, "be64": 8, "ip4addr": 4, "ip6addr": 16}
# In a tuple, by the last name of the path.
IN_TUPLE = {
    "CTA_IP_V4_SRC": "src",
    "CTA_IP_V4_DST": "dst",
    "CTA_IP_V6_SRC": "src",
    "CTA_IP_V6_DST": "dst",
    "CTA_PROTO_NUM": "proto",
    "CTA_PROTO_SRC_PORT": "sport",
    "CTA_PROTO_DST_PORT": "dport",
    "CTA_PROTO_ICMP_TYPE": "icmp_type",
    "CTA_PROTO_ICMP_CODE": "icmp_code",
    "CTA_PROTO_ICMPV6_TYPE": "icmp_type",
    "CTA_PROTO_ICMPV6_CODE": "icmp_code",
}
# The query id of ICMP stands where the client's port does: docs/decisions/0004.
QUERY_ID = {"CTA_PROTO_ICMP_ID", "CTA_PROTO_ICMPV6_ID"}
ELSEWHERE = {
    ("CTA_STATUS",): "status",
    ("CTA_PROTOINFO", "CTA_PROTOINFO_TCP", "CTA_PROTOINFO_TCP_STATE"): "state",
    ("CTA_PROTOINFO", "CTA_PROTOINFO_DCCP", "CTA_PROTOINFO_DCCP_STATE"): "state",
    ("CTA_PROTOINFO", "CTA_PROTOINFO_SCTP", "CTA_PROTOINFO_SCTP_STATE"): "state",
    ("CTA_MARK",): "mark",
    ("CTA_COUNTERS_ORIG", "CTA_COUNTERS_PACKETS"): "orig_packets",
    ("CTA_COUNTERS_ORIG", "CTA_COUNTERS_BYTES"): "orig_bytes",
    ("CTA_COUNTERS_REPLY", "CTA_COUNTERS_PACKETS"): "reply_packets",
    ("CTA_COUNTERS_REPLY", "CTA_COUNTERS_BYTES"): "reply_bytes",
    ("CTA_ID",): "ct_id",
    ("CTA_ZONE",): "zone",
    ("CTA_TIMESTAMP", "CTA_TIMESTAMP_START"): "start_sent",
    ("CTA_TIMESTAMP", "CTA_TIMESTAMP_STOP"): "stop_sent",
    ("CTA_LABELS",): "labels",
}


def find_attribute(path: Path) -> tuple[tuple[str, ...], str] | None:
    """pyroute2's names along a path and the type of the last, None where it lacks one."""
    kind: Any = nfct_msg
    names: list[str] = []
    form = ""
    for number in path:
        attributes = getattr(kind, "nla_map", ())
        if number >= len(attributes):
            return None
        name, form = attributes[number]
        names.append(name)
        kind = getattr(kind, form, None)
    return tuple(names), form


def column_of(names: tuple[str, ...]) -> str:
    if names[0] not in ("CTA_TUPLE_ORIG", "CTA_TUPLE_REPLY"):
        return ELSEWHERE[names]
    side = names[0].removeprefix("CTA_TUPLE_").lower()
    if names[-1] in QUERY_ID:
        return "orig_sport" if side == "orig" else "reply_dport"
    return f"{side}_{IN_TUPLE[names[-1]]}"


def test_what_pyroute2_lacks() -> None:
    assert {path for path in LEAVES if find_attribute(path) is None} == UNKNOWN


@pytest.mark.parametrize(
    "path", sorted(LEAVES.keys() - UNKNOWN), ids=lambda path: "/".join(map(str, path))
)
def test_attribute(path: Path) -> None:
    found = find_attribute(path)
    assert found is not None
    names, form = found
    assert column_of(names) == LEAVES[path].column
    if form in SIZES:
        assert LEAVES[path].sizes == (SIZES[form],)


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        (netlink.NETLINK_NETFILTER, "NETLINK_NETFILTER"),
        (netlink.SOL_NETLINK, "SOL_NETLINK"),
        (netlink.NETLINK_ADD_MEMBERSHIP, "NETLINK_ADD_MEMBERSHIP"),
        (netlink.NETLINK_BROADCAST_ERROR, "NETLINK_BROADCAST_ERROR"),
        (netlink.NETLINK_NO_ENOBUFS, "NETLINK_NO_ENOBUFS"),
        (netlink._NLM_F_REQUEST, "NLM_F_REQUEST"),
        (netlink._NLM_F_DUMP, "NLM_F_DUMP"),
        (netlink._NLM_F_DUMP_INTR, "NLM_F_DUMP_INTR"),
        (netlink._NLMSG_ERROR, "NLMSG_ERROR"),
        (netlink._NLMSG_DONE, "NLMSG_DONE"),
        (layout._FLAG_MULTI, "NLM_F_MULTI"),
        (layout._FLAGS_CREATE, "NLM_F_CREATE"),
        (decoder._CONTROL[0], "NLMSG_NOOP"),
        (decoder._CONTROL[-1], "NLMSG_OVERRUN"),
    ],
)
def test_netlink(ours: int, name: str) -> None:
    assert ours == getattr(theirs, name)


def test_nfnetlink() -> None:
    groups = (netlink.GROUP_NEW, netlink.GROUP_UPDATE, netlink.GROUP_DESTROY)
    names = ("NEW", "UPDATE", "DESTROY")
    assert groups == tuple(getattr(nfnetlink, f"NFNLGRP_CONNTRACK_{name}") for name in names)
    subsystem = nfnetlink.NFNL_SUBSYS_CTNETLINK
    assert subsystem == layout._SUBSYSTEM_CTNETLINK
    assert (subsystem << 8) | nfctsocket.IPCTNL_MSG_CT_GET == netlink._GET_CTNETLINK
    assert layout._MESSAGE_NEW == nfctsocket.IPCTNL_MSG_CT_NEW
    assert layout._MESSAGE_DELETE == nfctsocket.IPCTNL_MSG_CT_DELETE


def test_status_bits() -> None:
    for name in ("SEEN_REPLY", "ASSURED", "SRC_NAT", "DST_NAT", "OFFLOAD"):
        assert getattr(event, f"STATUS_{name}") == getattr(nfctsocket, f"IPS_{name}")


def test_tcp_states() -> None:
    """In nf_conntrack_tcp.h LISTEN and SYN_SENT2 are the same number; 0.7.2 has no names."""
    names = getattr(nfctsocket, "TCP_CONNTRACK_TO_NAME", None)
    if names is None:
        pytest.skip("this version of pyroute2 has no names of conntrack's TCP states")
    for number, name in enumerate(event.STATES[6][1:-1], 1):
        assert names[number] == name
    assert (names[9], event.STATES[6][9]) == ("LISTEN", "SYN_SENT2")
