"""check: whether the canary comes back, and whether it can.

The judge_ functions are pure: they take the values that were read.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

from ctaudit.admin.finding import Finding, Level, make_finding
from ctaudit.admin.place import HERE, Place
from ctaudit.config import Config
from ctaudit.database.connection import explained
from ctaudit.errors import CtauditError
from ctaudit.host.privileges import network_of
from ctaudit.query.metrics import select_own
from ctaudit.query.value_text import format_duration

_LOOPBACK, _DISCARD = "127.0.0.1", 9
# Beyond two intervals: until the kernel forgets a UDP connection, in mode history.
_GRACE = timedelta(minutes=3)


def check_canary(
    connection: psycopg.Connection[Any], node: str, interval: float | None
) -> Iterator[Finding]:
    """A finding where there is to be a canary: when the last one was found."""
    if interval is None:
        return
    try:
        with explained("asking for the canary"), connection.transaction():
            found = select_own(connection, node)
    except CtauditError as error:
        yield Finding("canary", Level.WARNING, str(error))
        return
    at = found[0].canary_at if found else None
    yield judge_canary(interval, None if at is None else datetime.now(UTC) - at)


def judge_canary(interval: float, age: timedelta | None) -> Finding:
    """``age``: of the last that was found; None: none since the receiver's socket was opened."""
    if age is None:
        shown = "none was found since the receiver's socket was opened"
    else:
        shown = f"the last that was found was sent {format_duration(max(age, timedelta(0)))} ago"
    return make_finding(
        "canary",
        shown,
        good=age is not None and age <= 2 * timedelta(seconds=interval) + _GRACE,
        wanted=f"one every {interval / 60:g} min",
        remedy="journalctl -u of the recorder's unit says whether it is sent; a filter, a notrack "
        "rule or a procedure of the site's own that leaves loopback out also loses it",
    )


def check_canary_way(
    config: Config, receiver: int | None, recorder: int | None, place: Place
) -> Iterator[Finding]:
    """Whether the kernel tracks loopback where the receiver listens, and the recorder sends there.

    In the network namespace that this process is in, ``place``.
    """
    if config.canary.interval is None:
        return
    with suppress(OSError):
        if receiver and recorder and not _share_network(receiver, recorder):
            yield judge_elsewhere()
            return
    yield judge_loopback(_is_loopback_tracked(), place)


def judge_elsewhere() -> Finding:
    return Finding(
        "canary's way",
        Level.WARNING,
        "the recorder is in another network namespace than the receiver, which cannot hear it",
        "both in one",
        "give the recorder's unit the drop-in of the receiver's, NetworkNamespacePath=, if it "
        "reaches the database from there; else take canary.interval out of the configuration",
    )


def judge_loopback(is_tracked: bool | None, place: Place = HERE) -> Finding:
    """``is_tracked`` None: this user may not ask the kernel."""
    if is_tracked is None:
        return Finding("canary's way", Level.WARNING, "cannot be checked as this user",
                       "loopback tracked by the kernel", "run as root")  # fmt: skip
    return make_finding(
        "canary's way",
        "the kernel tracks loopback" if is_tracked else "the kernel does not track loopback",
        good=is_tracked,
        wanted="a NAT or ct rule for IPv4, and no notrack for lo",
        remedy=f"look at {place.enter}nft list ruleset; or take canary.interval out of the "
        "configuration",
    )


def _share_network(one: int, other: int) -> bool:
    return network_of(one).stat().st_ino == network_of(other).stat().st_ino


def _is_loopback_tracked() -> bool | None:
    """Sends a packet as the canary is one, and asks the kernel for its entry."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((_LOOPBACK, _DISCARD))
        with suppress(ConnectionRefusedError):
            sender.send(b"ctaudit")
        port = sender.getsockname()[1]
    entry = NFCTAttrTuple(
        saddr=_LOOPBACK, daddr=_LOOPBACK, proto=socket.IPPROTO_UDP, sport=port, dport=_DISCARD
    )
    try:
        with NFCTSocket() as asked:
            return bool(list(asked.entry("get", tuple_orig=entry)))
    except NetlinkError as error:
        return None if error.code == errno.EPERM else False
    except OSError:
        return None
