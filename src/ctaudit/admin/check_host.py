"""check, the host's part: kernel settings, receive buffer, clock, spool and services.

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
from ctaudit.config import Config, SpoolSection, format_size
from ctaudit.conntrack.netlink import open_dump_socket, open_event_socket, read_sysctl, scan_dump
from ctaudit.errors import PrivilegeError
from ctaudit.host.clock import Synchronisation, read_synchronisation
from ctaudit.host.privileges import in_network_of, is_root
from ctaudit.spool.retention import measure_spool

SYSCTLS = ("nf_conntrack_acct", "nf_conntrack_timestamp", "nf_conntrack_events")
_NOT_SEEN, _RUN_AS_ROOT = "cannot be checked as this user", "run as root"
_PATIENCE = 5.0  # seconds for the kernel's answer
_LOCKS = Path("/proc/locks")


def check_host(config: Config) -> list[Finding]:
    """The findings on the host; as root, on the kernel in the receiver's network namespace."""
    receiver = find_holder(config.spool.directory, "receiver")
    with contextlib.ExitStack() as elsewhere:
        if receiver and is_root():
            with contextlib.suppress(OSError):
                elsewhere.enter_context(in_network_of(receiver))
        found = [
            judge_interface(*_ask_kernel()),
            *judge_sysctls(config.mode, {name: read_sysctl(name) for name in SYSCTLS}),
            judge_table(read_sysctl("nf_conntrack_count"), read_sysctl("nf_conntrack_max")),
            judge_buffer(config.socket.receive_buffer, _try_buffer(config.socket.receive_buffer)),
            judge_drops(_count_drops(receiver)),
            *check_surroundings(config.mode, config.scope),
        ]
    return [
        *found,
        judge_clock(read_synchronisation()),
        _check_spool(config.spool),
        judge_service("receiver", "ctaudit-receiver.service", config.spool.directory, receiver),
        judge_service(
            "recorder",
            "ctaudit.service",
            config.spool.directory,
            find_holder(config.spool.directory, "recorder"),
        ),
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


def judge_sysctls(mode: str, values: Mapping[str, int | None]) -> Iterator[Finding]:
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
    yield _judge_sysctl("events", "nf_conntrack_events", events, lacking, level)
    if mode == "nat":
        return
    stamps = "no start and end times from the kernel"
    if mode == "history":
        stamps += ", and in history mode no start at all, since openings are not recorded"
    for title, name, lacking in (
        ("time stamps", "nf_conntrack_timestamp", stamps),
        ("counters", "nf_conntrack_acct", "no packets and bytes"),
    ):
        yield _judge_sysctl(title, name, values[name], lacking, Level.WARNING)


def _judge_sysctl(title: str, name: str, value: int | None, lacking: str, level: Level) -> Finding:
    shown = f"{name} does not exist" if value is None else f"{name} = {value}"
    return make_finding(
        title,
        shown if value == 1 else f"{shown}: {lacking}",
        good=value == 1,
        wanted="1",
        remedy=f"sysctl -w net.netfilter.{name}=1, and the same in /etc/sysctl.d",
        level=level,
    )


def judge_table(count: int | None, most: int | None) -> Finding:
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
            "connections are tracked only where a NAT or ct rule needs it; see nft list ruleset"
        )
        return make_finding("table", shown, good=False, wanted="at least one", remedy=remedy)
    return make_finding(
        "table",
        shown,
        good=count < 0.9 * most,
        wanted="below 90 %, since a full table drops new connections",
        remedy="raise net.netfilter.nf_conntrack_max with sysctl -w and in /etc/sysctl.d",
    )


def judge_buffer(wanted: int, given: int | None) -> Finding:
    """Both in bytes; ``given`` None: this user may not open a socket to try."""
    remedy = "raise net.core.rmem_max, or lower socket.receive_buffer"
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


def judge_clock(state: Synchronisation | None) -> Finding:
    wanted, remedy = "synchronised by NTP", "apt install chrony, or timedatectl set-ntp true"
    if state is None:
        return make_finding("clock", _NOT_SEEN, good=False, wanted=wanted, remedy=_RUN_AS_ROOT)
    shown = f"synchronised, maximum error {state.maximum_error / 1000:,.0f} ms"
    return make_finding(
        "clock",
        shown if state.synchronised else "not synchronised",
        good=state.synchronised,
        wanted=wanted,
        remedy=remedy,
    )


def judge_spool(spool: SpoolSection, used: int, free: int) -> Finding:
    """``used``: bytes of its files; ``free``: bytes free to a service on its file system."""
    room = used + free
    return make_finding(
        "spool",
        f"{spool.directory}: {format_size(used >> 20 << 20)} used, "
        f"{format_size(free >> 20 << 20)} free",
        good=room >= spool.max_bytes,
        wanted=f"room for spool.max_bytes = {format_size(spool.max_bytes)}",
        remedy="free space there, change spool.directory, or lower spool.max_bytes",
    )


def judge_service(name: str, unit: str, directory: Path, process: int | None) -> Finding:
    """``process`` that holds the spool's lock for that service; None: none, 0: cannot be seen."""
    if process == 0:
        return make_finding(name, _NOT_SEEN, good=False, wanted="running", remedy=_RUN_AS_ROOT)
    return make_finding(
        name,
        f"running on {directory}, process {process}" if process else "not running",
        good=process is not None,
        remedy=f"systemctl enable --now {unit}; the reason is in journalctl -xu {unit}",
        level=Level.UNFIT,
    )


def find_holder(directory: Path, who: str) -> int | None:
    """The process that holds the lock of ``who`` on the spool; None: none, 0: cannot be seen."""
    try:
        lock = (directory / f"{who}.lock").stat()
    except FileNotFoundError:
        return None
    except OSError:
        return 0
    for line in _LOCKS.read_text().splitlines():
        # 1: FLOCK  ADVISORY  WRITE 13916 fe:00:2165006 0 EOF, proc_locks(5)
        words = line.split()
        if words[1] == "FLOCK" and int(words[5].rpartition(":")[2]) == lock.st_ino:
            with contextlib.suppress(OSError):
                if b"ctaudit" in Path(f"/proc/{words[4]}/cmdline").read_bytes():
                    return int(words[4])
    return None


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


def _check_spool(spool: SpoolSection) -> Finding:
    try:
        used = measure_spool(spool.directory)
        room = os.statvfs(spool.directory)
    except FileNotFoundError:
        found = f"{spool.directory} does not exist"
        wanted = "a directory owned by ctaudit-receiver"
        remedy = "systemd-tmpfiles --create ctaudit.conf, or start ctaudit-receiver.service"
        return Finding("spool", Level.UNFIT, found, wanted, remedy)
    except OSError as error:
        found = f"{spool.directory}: {error.strerror}"
        return Finding("spool", Level.WARNING, found, "readable", _RUN_AS_ROOT)
    return judge_spool(spool, used, room.f_bavail * room.f_frsize)
