"""What a receiver writes: frames of messages, each with its time, and its notes between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ctaudit.conntrack.event import Kind
from tests.store.histories.truth import FOREVER, Connection


@dataclass(frozen=True)
class Item:
    """One message: of ``connection``, sent at ``sent``; of dump ``dump``; or ``damaged``."""

    kind: Kind
    connection: Connection
    sent: int
    dump: int = 0
    damaged: bool = False


@dataclass(frozen=True)
class Note:
    """``lost_from``: where true time lost what the note tells of; FOREVER: nothing is lost.

    ``since``: true time of the look at the counter of clashes before.
    """

    name: str
    detail: dict[str, Any] = field(default_factory=dict)
    lost_from: int = FOREVER
    dump: int = 0
    since: int = 0


@dataclass(frozen=True)
class Frame:
    """``read``: true time at which the burst had been read."""

    read: int
    items: tuple[Item, ...] = ()
    drained: int | None = None
    note: Note | None = None


@dataclass(frozen=True)
class Event:
    """A message of the event socket, and the true time at which it is read."""

    item: Item
    read: int
