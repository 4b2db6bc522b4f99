"""The calls that a gateway's recorder makes of its streams, and what each of them tells.

As ctaudit.record does: events of one CALL lie between two notes, a quiet time's coverage is
committed before them, a message that cannot be decoded is a note. ``Fact``s are what an ideal
reader of the recorded bytes learns, in true time; they are for the oracle.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ctaudit.conntrack.event import Kind
from ctaudit.spool.frame import HEAD_SIZE
from tests.store.histories.frames import Frame, Item, Note
from tests.store.histories.receiving import receive
from tests.store.histories.truth import (
    FOREVER,
    MILLISECOND,
    Gateway,
    History,
    Stream,
)
from tests.unit.messages import Entry, build

_WAIT = 200 * MILLISECOND  # batch.wait
_WORK = 5 * MILLISECOND
_DYING = 0x200
_NOTE_SIZE = 120
_COUNTS = ((7, 700), (5, 600))


@dataclass(frozen=True)
class Fact:
    """What a committed call tells, at true time ``at``.

    ``kind``: opening, end, entry (of ``connection``); dump begin, dump end (``dump``); drained;
    start, stop; lost; clock (``right``: the clock is synchronised, ``stepped``: it was stepped);
    clashes. ``since``: an event was sent no earlier; what is lost was lost no earlier, what clashed
    clashed no earlier.
    """

    kind: str
    at: int
    connection: int = -1
    dump: int = 0
    since: int = 0
    right: bool = True
    stepped: bool = False


@dataclass(frozen=True)
class Call:
    """One CALL: a note, or a batch where ``note`` is empty. ``at``: when it is committed.

    ``procedure``: what records the batch, where it is not that of the stream's mode.
    ``wall``: the note's time, ``covered``: the batch's covered_until (0: none); nanoseconds of the
    gateway's clock. ``messages``: bytes and their time of receipt, in nanoseconds too.
    ``statement``: no call of a recorder, but what the store's owner does.
    """

    at: int
    gateway: int
    node: str
    stream: UUID
    mode: str
    first: int
    until: int
    facts: tuple[Fact, ...]
    note: str = ""
    wall: int = 0
    detail: dict[str, Any] = field(default_factory=dict)
    covered: int = 0
    procedure: str = ""
    messages: tuple[tuple[bytes, int], ...] = ()
    statement: str = ""


def record(history: History) -> list[Call]:
    """All calls of all gateways, in the order in which they are committed."""
    calls: list[Call] = []
    looks = [stage.at for stage in history.stages]
    for gateway in history.gateways:
        own = [one for one in history.connections if one.gateway == gateway.number]
        last = 0
        for stream in gateway.streams:
            if stream.begin >= max(looks):
                continue
            frames = receive(gateway, stream, own, looks)
            for call in _Recorder(gateway, stream, last).work(frames):
                if stream.ending == "power" and call.at > stream.end:
                    break
                last = call.at
                calls.append(call)
    calls.sort(key=lambda call: call.at)
    return calls


class _Recorder:
    """Reads one stream's frames; ``busy_until``: when the one before it had been committed."""

    def __init__(self, gateway: Gateway, stream: Stream, busy_until: int) -> None:
        self._gateway = gateway
        self._stream = stream
        self._wall = gateway.clock.wall
        self._now = busy_until
        self._position = 0
        self._committed = 0
        self._drained = stream.begin
        self._items: list[tuple[Item, int, bytes]] = []
        self._covered = 0

    def work(self, frames: Sequence[Frame]) -> Iterator[Call]:
        for place, frame in enumerate(frames):
            start = max(frame.read, self._now)
            for backlog in self._stream.backlogs:
                if backlog.holds(start):
                    start = backlog.end
            self._now = start + _WORK
            if frame.items and self._covered and not self._items:
                yield from self._flush()
            self._position += HEAD_SIZE
            yield from self._take(frame)
            following = frames[place + 1].read if place + 1 < len(frames) else FOREVER
            if following >= self._now + _WAIT:
                yield from self._flush()

    def _take(self, frame: Frame) -> Iterator[Call]:
        for item in frame.items:
            message = build(make_entry(self._gateway, item))
            if item.damaged:
                yield from self._flush()
                self._position += len(message)
                yield self._undecodable(item, frame.read, message)
            else:
                self._position += len(message)
                self._items.append((item, frame.read, message))
        if frame.drained is not None:
            self._position += 24
            self._covered = max(self._covered, frame.drained)
        if frame.note is not None:
            yield from self._flush()
            self._position += _NOTE_SIZE
            yield self._note(frame.note, frame.read)

    def _flush(self) -> Iterator[Call]:
        if not self._items and not self._covered:
            return
        facts = [_tell(item, read, self._drained) for item, read, _ in self._items]
        if self._covered:
            self._drained = max(self._drained, self._covered)
            facts.append(Fact("drained", self._drained))
        messages = [(message, self._wall(read) * 1000) for _, read, message in self._items]
        yield self._call(
            facts,
            covered=self._wall(self._covered) * 1000 if self._covered else 0,
            messages=tuple(messages),
        )
        self._items, self._covered = [], 0

    def _note(self, note: Note, read: int) -> Call:
        detail, at = dict(note.detail), read
        if note.name == "missing":
            detail["until"] = self._wall(note.detail["until"]) * 1000
            at = self._now
        facts = []
        if note.lost_from < FOREVER and note.name != "start":
            facts.append(Fact("lost", read, since=min(self._drained, note.lost_from)))
        elif note.name in ("start", "stop", "dump begin", "dump end"):
            facts.append(Fact(note.name, read, dump=note.dump))
        elif note.name == "clock":
            stepped = detail["step_seconds"] is not None
            facts.append(Fact("clock", read, right=detail["synchronised"], stepped=stepped))
        elif note.name == "clashes":
            facts.append(Fact("clashes", read, since=note.since))
        return self._call(facts, note=note.name, wall=self._wall(at) * 1000, detail=detail)

    def _undecodable(self, item: Item, read: int, message: bytes) -> Call:
        detail = {
            "reason": "no orig_src",
            "message": base64.b64encode(message).decode(),
            "server_words": None,
        }
        lost = Fact("lost", read, item.connection.number, since=min(self._drained, item.sent))
        return self._call([lost], note="undecodable", wall=self._wall(read) * 1000, detail=detail)

    def _call(self, facts: Sequence[Fact], **rest: Any) -> Call:
        first, self._committed = self._committed, self._position
        gateway, stream = self._gateway, self._stream
        return Call(
            self._now, gateway.number, gateway.name, stream.uuid, stream.mode, first,
            self._position, tuple(facts), **rest,
        )  # fmt: skip


def _tell(item: Item, read: int, drained: int) -> Fact:
    number = item.connection.number
    if item.kind == Kind.DUMP:
        return Fact("entry", item.sent, number, item.dump)
    return Fact("opening" if item.kind == Kind.NEW else "end", read, number, since=drained)


def make_entry(gateway: Gateway, item: Item) -> Entry:
    """The message's content, as the kernel stamps it by its own clock."""
    one, wall = item.connection, gateway.clock.wall
    start = wall(one.start) * 1000
    has_times = one.stamped
    if item.kind == Kind.NEW:
        event_at = (wall(one.start) - one.lead) * 1000 if has_times else None
        return Entry(
            Kind.NEW, one.proto, one.orig, one.reply, one.ct_id, one.status,
            event_at=event_at if gateway.event_times else None,
        )  # fmt: skip
    if item.kind == Kind.DUMP:
        return Entry(
            Kind.DUMP, one.proto, one.orig, one.reply, one.ct_id, one.status,
            orig_counters=_COUNTS[0], reply_counters=_COUNTS[1],
            timestamps=(start, None) if has_times else None,
        )  # fmt: skip
    # nf_ct_delete: now, less the time for which it has been expired.
    stop = (wall(one.destroyed) - (one.destroyed - one.stop)) * 1000
    event_at = wall(one.destroyed) * 1000 if has_times and gateway.event_times else None
    return Entry(
        Kind.DESTROY, one.proto, one.orig, one.reply, one.ct_id, one.status | _DYING,
        orig_counters=_COUNTS[0], reply_counters=_COUNTS[1],
        timestamps=(start, stop) if has_times else None, event_at=event_at,
    )  # fmt: skip
