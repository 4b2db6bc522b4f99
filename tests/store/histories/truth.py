"""The facts of a history: connections, gateways, and what befell their record.

Times are microseconds of true time since 1970, durations microseconds. FOREVER: never, or
not within the history. True time is what a right clock shows; a gateway's own clock may be off.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from tests.unit.messages import Side

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FOREVER = 1 << 62
UDP_TIMEOUT = 120 * SECOND  # the longest one: nf_conntrack_udp_timeout_stream

SRC_NAT, DST_NAT = 0x10, 0x20  # IPS_SRC_NAT, IPS_DST_NAT
NAT_CLASH = 0x1000  # IPS_NAT_CLASH


@dataclass(frozen=True)
class Span:
    """[begin, end)."""

    begin: int
    end: int

    def holds(self, at: int) -> bool:
        return self.begin <= at < self.end

    def meets(self, begin: int, end: int) -> bool:
        return self.begin < end and begin < self.end


@dataclass(frozen=True)
class Clock:
    """A wall clock that is off by ``offsets``: (since when, by how much), in order of time."""

    offsets: tuple[tuple[int, int], ...] = ((0, 0),)

    def offset(self, at: int) -> int:
        return self.offsets[max(0, bisect_right(self.offsets, (at, FOREVER)) - 1)][1]

    def wall(self, at: int) -> int:
        return at + self.offset(at)

    def steps(self) -> Iterator[tuple[int, int]]:
        """(when, by how much) the clock was stepped."""
        for (_, before), (at, after) in pairwise(self.offsets):
            yield at, after - before

    def wrong(self) -> Iterator[tuple[Span, int]]:
        """The spans in which it was off, and by how much."""
        ends = [at for at, _ in self.offsets[1:]] + [FOREVER]
        for (at, offset), end in zip(self.offsets, ends, strict=True):
            if offset:
                yield Span(at, end), offset


@dataclass(frozen=True)
class Connection:
    """An entry of a kernel's table.

    ``start``, ``stop``: as the kernel stamps them by a right clock; ``destroyed``: when the entry
    is deleted and its DESTROY sent, FOREVER: never. ``lead``: by how much the NEW's own time is
    before the start. ``opening_told``, ``end_told``: the kernel sends these events.
    ``stamped``: nf_conntrack_timestamp was on when it began. ``*_delay``: from an event's sending
    until the receiver begins to read it.
    """

    number: int
    gateway: int
    proto: int
    orig: Side
    reply: Side
    ct_id: int
    status: int
    start: int
    stop: int
    destroyed: int
    lead: int = 0
    opening_told: bool = True
    end_told: bool = True
    stamped: bool = True
    opening_delay: int = 200
    end_delay: int = 200
    features: frozenset[str] = frozenset()

    def alive(self, begin: int, end: int) -> bool:
        """Whether it began before ``end`` and had not ended before ``begin``."""
        return self.start < end and self.stop >= begin

    @property
    def is_clashed(self) -> bool:
        """Two packets of its socket clashed: no NEW, but the kernel's counter tells of it."""
        return bool(self.status & NAT_CLASH) and not self.opening_told


@dataclass(frozen=True)
class Loss:
    """What is lost of a stream in [begin, end].

    ``overrun``: events sent then; ``dropped``: events read then, the spool was full;
    ``missing``: all that was written into the spool then. ``share``: how much of the events.
    """

    kind: str
    begin: int
    end: int
    share: float = 1.0


@dataclass(frozen=True)
class Dump:
    """A dump of the table. ``whole`` False: broken off at ``end``, and nothing says so."""

    number: int
    begin: int
    end: int
    cause: str
    whole: bool = True


@dataclass(frozen=True)
class Damage:
    """A message that nothing can decode: a connection's ``what`` (opening, end, entry).

    ``dump``: the number of the dump whose entry it is.
    """

    connection: int
    what: str
    dump: int = 0


@dataclass(frozen=True)
class Stream:
    """One socket's life. ``end`` FOREVER: it still listens.

    ``ending``: stop (with a note), kill (without), power (what was not committed is gone as well).
    ``stamps``: nf_conntrack_timestamp at its start. ``pauses``: the receiver was away, its socket
    was kept. ``backlogs``: the recorder was away.
    """

    uuid: UUID
    mode: str
    begin: int
    end: int = FOREVER
    ending: str = "stop"
    stamps: bool = True
    interval: int = HOUR
    pauses: tuple[Span, ...] = ()
    losses: tuple[Loss, ...] = ()
    dumps: tuple[Dump, ...] = ()
    damages: frozenset[Damage] = frozenset()
    backlogs: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Gateway:
    """One kernel and its recorder. Two of one name: two machines under one node name.

    ``event_times``: each event bears its own time (CTA_TIMESTAMP_EVENT).
    ``events``: (since when, nf_conntrack_events), in order of time.
    ``reboots``: the table is empty afterwards. ``doubles``: its dumps show some entries twice;
    ``blurs``: they show each entry as it was at a moment of its own, or miss it.
    """

    number: int
    name: str
    public: str
    streams: tuple[Stream, ...]
    clock: Clock = Clock()
    event_times: bool = False
    events: tuple[tuple[int, int], ...] = ((0, 1),)
    reboots: tuple[int, ...] = ()
    doubles: bool = False
    blurs: bool = False

    def events_at(self, at: int) -> int:
        return self.events[max(0, bisect_right(self.events, (at, FOREVER)) - 1)][1]

    def announces(self, start: int) -> bool:
        """Whether the kernel sends events of an entry that it made then."""
        listens = any(stream.begin <= start < stream.end for stream in self.streams)
        value = self.events_at(start)
        return value == 1 or (value == 2 and listens)


@dataclass(frozen=True)
class Stage:
    """Questions are put when all that was committed before ``at`` is in the store.

    ``lags``: gateways of which only what was committed before a time is there.
    """

    at: int
    lags: tuple[tuple[int, int], ...] = ()

    def cut(self, gateway: int) -> int:
        return min([self.at, *(at for number, at in self.lags if number == gateway)])


@dataclass(frozen=True)
class History:
    seed: int
    begin: int
    end: int
    gateways: tuple[Gateway, ...]
    connections: tuple[Connection, ...]
    stages: tuple[Stage, ...]
    features: frozenset[str]
