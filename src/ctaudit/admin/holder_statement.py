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
    place = _find_last(said)
    if place is not None:
        last = said[place]
        ended = any(end.holder in (None, lease.holder) for end in said[place + 1 :])
        if last.until is None or last.until >= lease.begin:
            if last.holder == lease.holder and not ended:
                detail = lease.detail or last.detail
                said[place] = replace(last, until=lease.until, detail=detail)
                return
            said[place] = replace(last, until=lease.begin)
    said.append(lease)


def _end(said: list[Statement], end: Statement) -> None:
    place = _find_last(said)
    ends = said if place is None else said[place + 1 :]
    if end.until is None and any(
        (one.holder, one.begin) == (end.holder, end.begin) for one in ends
    ):
        return
    if place is not None and end.holder in (None, said[place].holder):
        last, at = said[place], end.begin if end.until is None else end.until
        if last.until is None or last.until > at:
            said[place] = replace(last, until=at)
    said.append(end)


def _find_last(said: list[Statement]) -> int | None:
    """The place of the last lease, before the ends that were said since."""
    return next((n for n in range(len(said) - 1, -1, -1) if not said[n].is_end), None)
