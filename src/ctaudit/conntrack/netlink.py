"""The conntrack netlink socket: its groups, its buffer, the kernel's drops, and table dumps.

linux/netlink.h, linux/netfilter/nfnetlink_compat.h, linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from array import array
from pathlib import Path

from ctaudit.config import SocketSection
from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.errors import PrivilegeError

NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_BROADCAST_ERROR = 4
NETLINK_NO_ENOBUFS = 5
GROUP_NEW, GROUP_UPDATE, GROUP_DESTROY = 1, 2, 3  # NFNLGRP_CONNTRACK_*
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
SO_RCVBUFFORCE = 33
SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")  # linux/sock_diag.h, SK_MEMINFO_*; the last is the drops

SYSCTLS = Path("/proc/sys/net/netfilter")

_GET_CTNETLINK = (1 << 8) | 1  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLM_F_DUMP_INTR = 0x10
_NLMSG_ERROR, _NLMSG_DONE = 2, 3


def groups_of(mode: str, wanted: SocketSection) -> tuple[int, ...]:
    """The multicast groups to join in a mode.

    With ``reliable`` DESTROY is joined in every mode: a connection whose NEW was lost may show
    only in its DESTROY.
    """
    groups = {"live": {GROUP_NEW, GROUP_DESTROY}, "nat": {GROUP_NEW}, "history": {GROUP_DESTROY}}
    chosen = set(groups[mode])
    if wanted.updates:
        chosen.add(GROUP_UPDATE)
    if wanted.reliable:
        chosen.add(GROUP_DESTROY)
    return tuple(sorted(chosen))


def set_reliable(events: socket.socket, *, wanted: bool) -> None:
    """Switches reliable delivery: the kernel retries an event that found the buffer full.

    nf_conntrack_ecache.c: a DESTROY is retried until it is delivered, and its entry stays in the
    table until then. A NEW that was lost is not sent again.
    """
    events.setsockopt(SOL_NETLINK, NETLINK_BROADCAST_ERROR, int(wanted))


def clear_congestion(events: socket.socket) -> None:
    """Clears NETLINK_S_CONGESTED, for a socket whose queue is empty.

    After ENOBUFS the kernel queues nothing until a recv() empties the queue (af_netlink.c). If the
    queue was emptied between the failed enqueue and the setting of that flag, no such recv()
    follows, and the socket never receives again. Setting NETLINK_NO_ENOBUFS clears the flag;
    drops meanwhile still count in SK_MEMINFO_DROPS.
    """
    events.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
    events.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 0)


def open_event_socket(
    groups: tuple[int, ...], receive_buffer: int, program: bytes | None = None
) -> socket.socket:
    """A non-blocking socket that has joined ``groups``, with a BPF program on it.

    Its buffer may be smaller than asked for. Raises PrivilegeError without CAP_NET_ADMIN in this
    network namespace, and where the kernel has no such events.
    """
    try:
        events = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_NETFILTER
        )
    except OSError as error:
        raise PrivilegeError(
            f"this kernel or sandbox offers no conntrack events ({error.strerror}): load "
            "nf_conntrack_netlink, and allow AF_NETLINK in RestrictAddressFamilies="
        ) from None
    try:
        events.bind((0, 0))
        set_receive_buffer(events, receive_buffer)
        if program is not None:
            attach_filter(events, program)
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
    """Sets the buffer; returns the size that it got, in bytes.

    Beyond net.core.rmem_max only with CAP_NET_ADMIN in the first user namespace (sock.c,
    SO_RCVBUFFORCE), which a container's root lacks; the kernel lowers the rest without a word.
    """
    # The kernel doubles the value, to allow for its overhead, and reports the doubled one.
    try:
        events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size // 2)
    except PermissionError:
        events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size // 2)
    return events.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def rmem_max_for(size: int) -> int:
    """The least net.core.rmem_max with which SO_RCVBUF gives a buffer of ``size`` bytes."""
    return size // 2


def count_drops(events: socket.socket) -> int:
    """Messages the kernel has dropped for this socket so far, modulo 2**32.

    The count of /proc/net/netlink; reading it here takes a hundredth of the time.
    """
    counts = events.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(counts)[-1])


def open_dump_socket() -> socket.socket:
    """A second, short-lived socket, on which a dump of the table was requested."""
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

    errno: that of an NLMSG_ERROR, EINTR if the kernel marks the dump as inconsistent
    (NLM_F_DUMP_INTR), EBADMSG if the datagram is malformed, else 0.
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
        offset += align(length)
    return entries, False, failed


def read_sysctl(name: str) -> int | None:
    """A value of /proc/sys/net/netfilter, None if the kernel has no such key."""
    try:
        return int((SYSCTLS / name).read_text())
    except (OSError, ValueError):
        return None


def attach_filter(events: socket.socket, program: bytes) -> None:
    """Puts a classic BPF program (conntrack.bpf) on a socket, in place of the one it has.

    While one replaces another the kernel counts both against net.core.optmem_max; where that is
    too much the socket is without a program for a moment. Raises OSError, with ENOMEM where this
    program alone is too long for net.core.optmem_max (net/core/filter.c, sk_filter_charge).
    """
    code = array("B", program)
    address, size = code.buffer_info()
    wanted = struct.pack("@HP", size // 8, address)  # struct sock_fprog
    try:
        events.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, wanted)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        detach_filter(events)
        events.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, wanted)


def detach_filter(events: socket.socket) -> None:
    """Takes a socket's program off, if it has one."""
    try:
        events.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    except FileNotFoundError:
        return
