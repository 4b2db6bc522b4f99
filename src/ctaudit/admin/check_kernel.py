"""check: the kernel's connection tracking in the receiver's network namespace.

The judge_ functions are pure: they take the values that were read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Iterator, Mapping
from pathlib import Path

from ctaudit.admin.check_surroundings import check_surroundings
from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.place import HERE, Place
from ctaudit.config import Config
from ctaudit.config.readers import format_size
from ctaudit.conntrack.netlink import (
    open_dump_socket,
    open_event_socket,
    read_sysctl,
    rmem_max_for,
    scan_dump,
)
from ctaudit.errors import PrivilegeError

SYSCTLS = ("nf_conntrack_acct", "nf_conntrack_timestamp", "nf_conntrack_events")
_NOT_SEEN, _RUN_AS_ROOT = "cannot be checked as this user", "run as root"
_PATIENCE = 5.0  # seconds for the kernel's answer


def check_kernel(config: Config, receiver: int | None, place: Place) -> list[Finding]:
    """The findings on the network namespace that this process is in, ``place``."""
    values = {name: read_sysctl(name) for name in SYSCTLS}
    wanted = config.socket.receive_buffer
    return [
        judge_interface(*_ask_kernel()),
        *judge_sysctls(config.mode, values, place),
        judge_table(read_sysctl("nf_conntrack_count"), read_sysctl("nf_conntrack_max"), place),
        judge_buffer(wanted, _try_buffer(wanted)),
        judge_drops(_count_drops(receiver)),
        *check_surroundings(config.mode, config.scope, place),
    ]


def judge_interface(number: int | None, present: bool) -> Finding:
    """``number``: errno of the kernel's answer to a table dump, None where it was not asked.

    ``present``: the module is loaded or built in.
    """
    wanted = "nf_conntrack_netlink, loaded or built in"
    if number is None:
        return make_finding(
            "connection tracking",
            "nf_conntrack_netlink is present" if present else _NOT_SEEN,
            good=present,
            wanted=wanted,
            remedy=f"modprobe nf_conntrack_netlink, or {_RUN_AS_ROOT} to check",
        )
    return make_finding(
        "connection tracking",
        "the kernel answers" if number == 0 else f"the kernel refuses: {os.strerror(number)}",
        good=number == 0,
        wanted=wanted,
        remedy="modprobe nf_conntrack_netlink; a kernel of the distribution has it",
        level=Level.UNFIT,
    )


def judge_sysctls(
    mode: str, values: Mapping[str, int | None], place: Place = HERE
) -> Iterator[Finding]:
    """A finding on each of SYSCTLS that the mode needs; None: the kernel has no such key."""
    events = values["nf_conntrack_events"]
    if events == 2:
        lacking = "no events for connections opened before the receiver started"
    elif events == 0:
        lacking = (
            "the kernel announces no connection, who answers unknown, and connections that begin "
            "now never announce their end"
        )
    else:
        lacking = "no events for any connection"
    level = Level.WARNING if events == 2 else Level.UNFIT
    yield _judge_sysctl("events", "nf_conntrack_events", events, lacking, level, place)
    if mode == "nat":
        return
    stamps = "no start and end times from the kernel"
    if mode == "history":
        stamps += ", and in history mode no start at all, since openings are not recorded"
    for title, name, lacking in (
        ("time stamps", "nf_conntrack_timestamp", stamps),
        ("counters", "nf_conntrack_acct", "no packets and bytes"),
    ):
        yield _judge_sysctl(title, name, values[name], lacking, Level.WARNING, place)


def _judge_sysctl(
    title: str, name: str, value: int | None, lacking: str, level: Level, place: Place
) -> Finding:
    shown = f"{name} does not exist" if value is None else f"{name} = {value}"
    return make_finding(
        title,
        shown if value == 1 else f"{shown}: {lacking}",
        good=value == 1,
        wanted="1",
        remedy=f"{place.enter}sysctl -w net.netfilter.{name}=1, and {place.keep}",
        level=level,
    )


def judge_table(count: int | None, most: int | None, place: Place = HERE) -> Finding:
    if count is None or most is None:
        return Finding(
            "table",
            Level.UNFIT,
            "this kernel tracks no connections",
            "nf_conntrack, loaded or built in",
            "modprobe nf_conntrack, and add a NAT or ct rule",
        )
    shown = f"{count:,} of {most:,} connections"
    if count == 0:
        remedy = (
            "connections are tracked only where a NAT or ct rule needs it; see "
            f"{place.enter}nft list ruleset"
        )
        return make_finding("table", shown, good=False, wanted="at least one", remedy=remedy)
    return make_finding(
        "table",
        shown,
        good=count < 0.9 * most,
        wanted="below 90 %, since a full table drops new connections",
        remedy="raise net.netfilter.nf_conntrack_max with sysctl -w and in /etc/sysctl.d"
        + ("" if place.namespace is None else " of the host: it counts in every namespace"),
    )


def judge_buffer(wanted: int, given: int | None) -> Finding:
    """Both in bytes; ``given`` None: this user may not open a socket to try."""
    remedy = (
        f"on the host: sysctl -w net.core.rmem_max={rmem_max_for(wanted)}, and the same in "
        "/etc/sysctl.d; then systemctl restart ctaudit-receiver.service"
    )
    return make_finding(
        "receive buffer",
        _NOT_SEEN if given is None else format_size(given),
        good=given is not None and given >= wanted,
        wanted=f"socket.receive_buffer = {format_size(wanted)}",
        remedy=_RUN_AS_ROOT if given is None else remedy,
    )


def judge_drops(drops: int | None) -> Finding:
    """``drops`` of the conntrack event sockets in the receiver's network namespace; None: no
    such socket.
    """
    if drops is None:
        remedy = "systemctl start ctaudit-receiver.service"
        return make_finding("drops", "no receiver socket is open", good=False, remedy=remedy)
    return make_finding(
        "drops",
        f"{drops:,} events dropped by the kernel since the receiver's socket was opened",
        good=drops == 0,
        wanted="0",
        remedy="raise socket.receive_buffer; ctaudit status shows the gaps",
    )


def _ask_kernel() -> tuple[int | None, bool]:
    """The arguments of judge_interface, from a table dump of one datagram and from /sys."""
    present = Path("/sys/module/nf_conntrack_netlink").exists() or _is_built_in()
    try:
        with open_dump_socket() as dump:
            if not select.select([dump], [], [], _PATIENCE)[0]:
                return errno.ETIMEDOUT, present
            datagram = dump.recv(1 << 16)
    except PrivilegeError:
        return None, present
    except OSError as error:
        return error.errno or errno.EIO, present
    number = scan_dump(memoryview(datagram))[2]
    if number == errno.EPERM:
        return None, present
    # EINTR: the table changed during the dump, so the kernel does answer.
    return 0 if number == errno.EINTR else number, present


def _is_built_in() -> bool:
    listed = Path("/lib/modules", os.uname().release, "modules.builtin")
    with contextlib.suppress(OSError):
        return "/nf_conntrack_netlink.ko" in listed.read_text()
    return False


def _try_buffer(size: int) -> int | None:
    try:
        with open_event_socket((), size) as events:
            return events.getsockopt(1, 8)  # SOL_SOCKET, SO_RCVBUF
    except (PrivilegeError, OSError):
        return None


def _count_drops(receiver: int | None) -> int | None:
    """Drops of the conntrack event sockets in the namespace, from /proc/PID/net/netlink."""
    try:
        lines = Path(f"/proc/{receiver or 'self'}/net/netlink").read_text().splitlines()[1:]
    except OSError:
        return None
    rows = [line.split() for line in lines]
    # sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode; Eth 12 is NETLINK_NETFILTER
    listening = [int(row[8]) for row in rows if row[1] == "12" and int(row[3], 16) & 0b111]
    return sum(listening) if listening else None
