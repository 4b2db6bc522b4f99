"""The conntrack netlink socket: subscribing, its buffer, its drops, and table dumps.

linux/netlink.h, linux/netfilter/nfnetlink_compat.h, linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from pathlib import Path

from ctaudit.config import SocketSection
from ctaudit.conntrack.nlmsg import HEADER
from ctaudit.errors import PrivilegeError

NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_BROADCAST_ERROR = 4
NETLINK_NO_ENOBUFS = 5
GROUP_NEW, GROUP_UPDATE, GROUP_DESTROY = 1, 2, 3  # NFNLGRP_CONNTRACK_*
SO_RCVBUFFORCE = 33
SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")  # linux/sock_diag.h, SK_MEMINFO_*; the last is the drops

_GET_CTNETLINK = (1 << 8) | 1  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLM_F_DUMP_INTR = 0x10
_NLMSG_ERROR, _NLMSG_DONE = 2, 3


def groups_of(mode: str, wanted: SocketSection) -> tuple[int, ...]:
    """The multicast groups that a mode listens to.

    A lost NEW may come back only as its DESTROY: ``reliable`` listens to it in every mode.
    """
    groups = {"live": {GROUP_NEW, GROUP_DESTROY}, "nat": {GROUP_NEW}, "history": {GROUP_DESTROY}}
    chosen = set(groups[mode])
    if wanted.updates:
        chosen.add(GROUP_UPDATE)
    if wanted.reliable:
        chosen.add(GROUP_DESTROY)
    return tuple(sorted(chosen))


def set_reliable(events: socket.socket, *, wanted: bool) -> None:
    """Whether the kernel keeps an event that did not fit and tries again (reliable delivery).

    nf_conntrack_ecache.c: a connection's DESTROY is retried until it is delivered, its entry
    stays in the table so long; a NEW that was lost is not told again.
    """
    events.setsockopt(SOL_NETLINK, NETLINK_BROADCAST_ERROR, int(wanted))


def clear_congestion(events: socket.socket) -> None:
    """Lets the kernel queue events again for a socket that has been read empty.

    af_netlink.c: after an overrun nothing is queued until a read empties the queue. Where the
    queue was read empty between the kernel's finding it full and its saying so, no such read
    comes any more, and the socket would be deaf for good. Switching the report of overruns off
    takes that back; in between they are seen in the count of drops all the same.
    """
    events.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
    events.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 0)


def open_event_socket(groups: tuple[int, ...], receive_buffer: int) -> socket.socket:
    """A non-blocking socket that has joined ``groups``.

    Raises PrivilegeError without CAP_NET_ADMIN in this network namespace.
    """
    events = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_NETFILTER
    )
    try:
        events.bind((0, 0))
        set_receive_buffer(events, receive_buffer)
        for group in groups:
            events.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    except PermissionError:
        events.close()
        raise PrivilegeError(
            "conntrack events need CAP_NET_ADMIN in this network namespace: "
            "run as root or through ctaudit-receiver.service"
        ) from None
    except BaseException:
        events.close()
        raise
    return events


def set_receive_buffer(events: socket.socket, size: int) -> int:
    """Sets the buffer beyond net.core.rmem_max; returns what the kernel gave, in bytes."""
    # The kernel doubles the number for its own book-keeping and reports the doubled one.
    try:
        events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size // 2)
    except PermissionError:
        raise PrivilegeError(
            f"a receive buffer of {size} bytes needs CAP_NET_ADMIN: "
            "run as root or through ctaudit-receiver.service"
        ) from None
    return events.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def count_drops(events: socket.socket) -> int:
    """Messages the kernel has dropped for this socket so far, modulo 2**32.

    It is the count that /proc/net/netlink shows, at a hundredth of that file's price.
    """
    counts = events.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(counts)[-1])


def open_dump_socket() -> socket.socket:
    """A second, short-lived socket on which the kernel has begun to dump its table."""
    dump = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_NETFILTER
    )
    try:
        dump.bind((0, 0))
        request = HEADER.pack(20, _GET_CTNETLINK, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
        dump.send(request + struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
    except PermissionError:
        dump.close()
        raise PrivilegeError(
            "a dump of the conntrack table needs CAP_NET_ADMIN in this network namespace"
        ) from None
    except BaseException:
        dump.close()
        raise
    return dump


def scan_dump(datagram: memoryview) -> tuple[int, bool, int]:
    """(entries, whether the dump ends here, errno) of one datagram of a dump.

    errno is that of an NLMSG_ERROR, EINTR for a dump the kernel calls inconsistent
    (NLM_F_DUMP_INTR), or 0.
    """
    entries, offset, failed = 0, 0, 0
    while offset + HEADER.size <= len(datagram):
        length, kind, flags, _, _ = HEADER.unpack_from(datagram, offset)
        if length < HEADER.size:
            return entries, True, errno.EBADMSG
        if kind in (_NLMSG_ERROR, _NLMSG_DONE):
            code = struct.unpack_from("=i", datagram, offset + HEADER.size)[0] if length > 16 else 0
            return entries, True, -code if code < 0 else failed
        if flags & _NLM_F_DUMP_INTR:
            failed = errno.EINTR
        entries += 1
        offset += (length + 3) & ~3
    return entries, False, failed


def read_sysctl(name: str) -> int | None:
    """A value below /proc/sys/net/netfilter, None where the kernel has no such key."""
    try:
        return int(Path("/proc/sys/net/netfilter", name).read_text())
    except (OSError, ValueError):
        return None
