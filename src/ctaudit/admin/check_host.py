"""check, the host's part of a gateway: kernel, clock, spool, services and timers.

The judge_ functions are pure: they take the values that were read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ctaudit.admin.check_canary import check_canary_way
from ctaudit.admin.check_kernel import check_kernel
from ctaudit.admin.check_units import Service, judge_scope_service, judge_service, judge_timer
from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.place import find_place, judge_absent_network
from ctaudit.admin.units import NOT_FOUND, States, Units, get_state
from ctaudit.config import Config, SpoolSection
from ctaudit.config.readers import format_size
from ctaudit.host.clock import Synchronisation, read_synchronisation
from ctaudit.host.privileges import in_network, read_most_user_namespaces
from ctaudit.spool.retention import measure_spool

_NOT_SEEN, _RUN_AS_ROOT = "cannot be checked as this user", "run as root"
_LOCKS = Path("/proc/locks")


def check_host(config: Config, units: Units, states: States) -> list[Finding]:
    """The findings on the host of a gateway; on the kernel in the receiver's network namespace."""
    directory = config.spool.directory
    receiver = find_holder(directory, "receiver")
    place = find_place(receiver, get_state(states, units.receiver))
    recorder = find_holder(directory, "recorder")
    with contextlib.ExitStack() as elsewhere:
        found: list[Finding] = []
        try:
            if place.namespace is not None:
                elsewhere.enter_context(in_network(place.namespace))
            found += check_kernel(config, receiver, place)
            found += check_canary_way(config, receiver, recorder, place)
        except OSError as error:
            found.append(judge_absent_network(place, units.receiver, error))
    return [
        *found,
        judge_clock(read_synchronisation()),
        *_check_timers(units, states),
        _check_spool(config.spool),
        *_check_services(config, units, states, receiver, recorder),
    ]


def _check_timers(units: Units, states: States) -> Iterator[Finding]:
    if states is not None:
        yield judge_timer(units.timer, states.get(units.timer, NOT_FOUND))
        yield from judge_scope_service(units.scope, states.get(units.scope, NOT_FOUND))


def _check_services(
    config: Config, units: Units, states: States, receiver: int | None, recorder: int | None
) -> Iterator[Finding]:
    """Those that the configuration wants."""
    directory, most = config.spool.directory, read_most_user_namespaces()
    wanted = [("receiver", units.receiver, receiver)]
    if config.database.enabled:
        wanted.append(("recorder", units.recorder, recorder))
    if config.output:
        wanted.append(("forwarder", units.forwarder, find_holder(directory, "forwarder")))
    for name, unit, process in wanted:
        service = Service(name, unit, process, get_state(states, unit))
        yield judge_service(service, directory, most)


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
