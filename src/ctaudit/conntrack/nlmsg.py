"""The header of a netlink message, and netlink's alignment (linux/netlink.h)."""

from __future__ import annotations

import struct

# struct nlmsghdr (linux/netlink.h): length, type, flags, sequence, port
HEADER = struct.Struct("=IHHII")


def align(length: int) -> int:
    """NLMSG_ALIGN and NLA_ALIGN."""
    return (length + 3) & ~3
