"""Is this gateway fit to be believed? The host's part: kernel, buffer, clock, spool, services.

What is read and what it is worth are apart: the judge_ functions take values.
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
_AS_ROOT = "run as root to see it"
_PATIENCE = 5.0  # seconds for the kernel's answer
_LOCKS = Path("/proc/locks")


def check_host(config: Config) -> list[Finding]:
    """The findings of the host, those of the kernel where the receiver listens."""
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
            *check_surroundings(config.mode),
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
    """``number``: errno of the kernel's answer to a question, None where it was not asked."""
    if number is None:
        return make_finding(
            "connection tracking",
            "nf_conntrack_netlink is there" if present else "not known",
            good=present,
            wanted="nf_conntrack_netlink, built in or loaded",
            remedy=f"modprobe nf_conntrack_netlink; {_AS_ROOT}",
        )
    return make_finding(
        "connection tracking",
        "the kernel answers" if number == 0 else f"the kernel refuses: {os.strerror(number)}",
        good=number == 0,
        wanted="nf_conntrack_netlink, built in or loaded",
        remedy="modprobe nf_conntrack_netlink, which a kernel of the distribution has",
        level=Level.UNFIT,
    )


def judge_sysctls(mode: str, values: Mapping[str, int | None]) -> Iterator[Finding]:
    """A finding for each of SYSCTLS that the mode needs; None: the kernel has no such key."""
    events = values["nf_conntrack_events"]
    if events == 2:
        lacking = "connections from before the receiver never tell"
        yield _judge_sysctl("events", "nf_conntrack_events", events, lacking, Level.WARNING)
    else:
        lacking = "the kernel tells of no connection"
        yield _judge_sysctl("events", "nf_conntrack_events", events, lacking, Level.UNFIT)
    if mode == "nat":
        return
    for title, name, lacking in (
        ("time stamps", "nf_conntrack_timestamp", "the kernel's start and end stay unknown"),
        ("counters", "nf_conntrack_acct", "packets and bytes stay unknown"),
    ):
        yield _judge_sysctl(title, name, values[name], lacking, Level.WARNING)


def _judge_sysctl(title: str, name: str, value: int | None, lacking: str, level: Level) -> Finding:
    shown = f"{name} = {'not there' if value is None else value}"
    return make_finding(
        title,
        shown if value == 1 else f"{shown}: {lacking}",
        good=value == 1,
        wanted="1",
        remedy=f"sysctl -w net.netfilter.{name}=1, and a file in /etc/sysctl.d",
        level=level,
    )


def judge_table(count: int | None, most: int | None) -> Finding:
    if count is None or most is None:
        return Finding(
            "table",
            Level.UNFIT,
            "this kernel tracks no connections",
            "nf_conntrack",
            "modprobe nf_conntrack, and NAT or a ct rule",
        )
    shown = f"{count:,} of {most:,} connections"
    if count == 0:
        remedy = "conntrack works where NAT or a ct rule wants it: nft list ruleset"
        return make_finding(
            "table", shown, good=False, wanted="at least one tracked", remedy=remedy
        )
    return make_finding(
        "table",
        shown,
        good=count < 0.9 * most,
        wanted="below 90 %: a full table drops new connections",
        remedy="sysctl -w net.netfilter.nf_conntrack_max=..., and a file in /etc/sysctl.d",
    )


def judge_buffer(wanted: int, given: int | None) -> Finding:
    """``given`` None: only a socket of one's own would tell, and that was refused."""
    found = "cannot be tried as this user" if given is None else format_size(given)
    return make_finding(
        "receive buffer",
        found,
        good=given is not None and given >= wanted,
        wanted=f"socket.receive_buffer = {format_size(wanted)}",
        remedy=_AS_ROOT if given is None else "more memory, or a smaller socket.receive_buffer",
    )


def judge_drops(drops: int | None) -> Finding:
    """``drops``: what the kernel has dropped for sockets that hear conntrack in the receiver's
    network namespace, None where there is none.
    """
    if drops is None:
        remedy = "start ctaudit-receiver.service"
        return make_finding("drops", "nobody listens", good=False, wanted="0", remedy=remedy)
    return make_finding(
        "drops",
        f"{drops:,} events dropped by the kernel since the receiver listens",
        good=drops == 0,
        wanted="0",
        remedy="a larger socket.receive_buffer; ctaudit status shows the gaps",
    )


def judge_clock(state: Synchronisation | None) -> Finding:
    wanted, remedy = "synchronised by NTP", "apt install chrony, or timedatectl set-ntp true"
    if state is None:
        return make_finding("clock", "not known", good=False, wanted=wanted, remedy=_AS_ROOT)
    shown = f"synchronised, off by at most {state.maximum_error / 1000:,.0f} ms"
    return make_finding(
        "clock",
        shown if state.synchronised else "not synchronised",
        good=state.synchronised,
        wanted=wanted,
        remedy=remedy,
    )


def judge_spool(spool: SpoolSection, used: int, free: int) -> Finding:
    """``used``: bytes of its files; ``free``: bytes of the file system that a service may take."""
    room = used + free
    return make_finding(
        "spool",
        f"{spool.directory}: {format_size(used >> 20 << 20)} used, "
        f"{format_size(free >> 20 << 20)} free",
        good=room >= spool.max_bytes,
        wanted=f"room for spool.max_bytes = {format_size(spool.max_bytes)}",
        remedy="free space there, another spool.directory, or a smaller spool.max_bytes",
    )


def judge_service(name: str, unit: str, directory: Path, process: int | None) -> Finding:
    """``process``: who holds the spool for that service; 0: it cannot be seen."""
    if process == 0:
        return make_finding(name, "not known", good=False, wanted="at work", remedy=_AS_ROOT)
    return make_finding(
        name,
        f"at work on {directory}, process {process}" if process else "not at work",
        good=process is not None,
        wanted=f"at work on {directory}",
        remedy=f"systemctl enable --now {unit}; journalctl -u {unit} -x says why not",
        level=Level.UNFIT,
    )


def find_holder(directory: Path, who: str) -> int | None:
    """The process that has claimed the spool as ``who``; None: nobody; 0: it cannot be seen."""
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
    """What judge_interface takes: the answer to a dump's first question, else what /sys shows."""
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
    # EINTR: the table changed meanwhile, which only a kernel that answers can say.
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
    """Drops of sockets that hear conntrack, as /proc/PID/net/netlink shows the namespace."""
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
        remedy = "systemd-tmpfiles --create ctaudit.conf, or start ctaudit-receiver.service"
        found = f"{spool.directory}: not there"
        return Finding("spool", Level.UNFIT, found, "a folder of the receiver's", remedy)
    except OSError as error:
        found = f"{spool.directory}: {error.strerror}"
        return Finding("spool", Level.WARNING, found, "to be seen", _AS_ROOT)
    return judge_spool(spool, used, room.f_bavail * room.f_frsize)
