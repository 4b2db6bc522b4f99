"""Who had the internal address of a connection, as ctaudit.holder_of says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Interval:
    """``holder`` had ``network`` in [begin, until), by ``source``; ``until`` None: still has."""

    holder: str
    detail: str | None
    network: str
    source: str
    begin: datetime
    until: datetime | None


@dataclass(frozen=True)
class Holder:
    """``name`` None: nobody is named. ``detail``, ``source``: of the one who is.

    ``begin``, ``until``: what an interval had to cover: the life of the connection, or of one that
    has not ended the part before the end of the asked span; None: not known. ``intervals``: those
    that meet it.
    """

    name: str | None
    detail: str | None
    source: str | None
    begin: datetime | None
    until: datetime | None
    intervals: Sequence[Interval]


def read_holder(said: Mapping[str, Any]) -> Holder:
    intervals = tuple(
        Interval(
            one["holder"],
            one["detail"],
            one["network"],
            one["source"],
            datetime.fromisoformat(one["from"]),
            _read_time(one["until"]),
        )
        for one in said["intervals"]
    )
    begin, until = _read_time(said["from"]), _read_time(said["until"])
    return Holder(said["name"], said["detail"], said["source"], begin, until, intervals)


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
