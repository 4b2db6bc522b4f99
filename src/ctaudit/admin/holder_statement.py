"""What a source says of who has an address, and the leases of a DHCP server as such statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ctaudit.query.notation import Network


@dataclass(frozen=True)
class Statement:
    """Line ``line``: ``holder`` has ``network`` in [begin, until); ``until`` None: no end is known.

    ``is_end``: no such interval, but that of the holder (None: whosever) that began by ``begin``
    ended: at ``until``, or None: at an unknown time since then.
    """

    line: int
    network: Network
    holder: str | None
    begin: datetime
    until: datetime | None
    detail: str | None = None
    is_end: bool = False
    node: str | None = None
    zone: int | None = None


@dataclass(frozen=True)
class Unreadable:
    line: int
    reason: str


def join_leases(leases: Iterable[Statement]) -> Iterator[Statement]:
    """One statement for a lease and its renewals, whose last decides how long it lasts.

    ``leases``: in the order in which the server wrote them. A lease ends where one of another
    holder begins. An end of unknown time takes away what its lease had still to run; one that
    follows an end of known time says nothing new.
    """
    of_network: dict[Network, list[Statement]] = {}
    for lease in leases:
        said = of_network.setdefault(lease.network, [])
        if lease.is_end:
            _end(said, lease)
        else:
            _add(said, lease)
    for said in of_network.values():
        yield from (one for one in said if one.is_end or _lasts(one))


def _lasts(lease: Statement) -> bool:
    return lease.until is None or lease.until > lease.begin


def _add(said: list[Statement], lease: Statement) -> None:
    last = said[-1] if said else None
    if last is not None and not last.is_end and (last.until is None or last.until >= lease.begin):
        if last.holder == lease.holder:
            said[-1] = replace(last, until=lease.until, detail=lease.detail or last.detail)
            return
        said[-1] = replace(last, until=lease.begin)
    said.append(lease)


def _end(said: list[Statement], end: Statement) -> None:
    last = said[-1] if said else None
    if last is not None and last.is_end and end.until is None and last.begin == end.begin:
        return
    if last is not None and not last.is_end and end.holder in (None, last.holder):
        at = end.begin if end.until is None else end.until
        if last.until is None or last.until > at:
            said[-1] = replace(last, until=at)
    said.append(end)
