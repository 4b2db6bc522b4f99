"""A gateway's stream as its receiver writes it: frames of events, entries and notes, in order.

As ctaudit.capture does: a frame is stamped when its burst has been read; DRAINED stands for a
time before which all that the kernel sent has been read. Of the heartbeats of an idle stream
only those are made that a later frame, note or question depends on.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ctaudit.conntrack.event import Kind
from tests.store.histories.truth import (
    FOREVER,
    HOUR,
    MILLISECOND,
    SECOND,
    Connection,
    Damage,
    Dump,
    Gateway,
    Loss,
    Stream,
)

_HEARTBEAT = 250 * MILLISECOND
_DRAINED_EVERY = 50 * MILLISECOND
_TICK = SECOND
_BURST = 50  # microseconds within which events share a frame


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
    """``lost_from``: where true time lost what the note tells of; FOREVER: nothing is lost."""

    name: str
    detail: dict[str, Any] = field(default_factory=dict)
    lost_from: int = FOREVER
    dump: int = 0


@dataclass(frozen=True)
class Frame:
    """``read``: true time at which the burst had been read."""

    read: int
    items: tuple[Item, ...] = ()
    drained: int | None = None
    note: Note | None = None


@dataclass(frozen=True)
class _Event:
    item: Item
    read: int


def receive(
    gateway: Gateway, stream: Stream, connections: Sequence[Connection], looks: Sequence[int]
) -> list[Frame]:
    """The stream's frames by their time; ``looks``: when questions are put."""
    rng = random.Random(f"receive {stream.uuid}")
    events = list(_read_events(stream, connections))
    overruns = [loss for loss in stream.losses if loss.kind == "overrun"]
    silent = [(loss.begin, loss.end) for loss in stream.losses if loss.kind != "missing"]
    silent += [(pause.begin, pause.end) for pause in stream.pauses]
    lost = [event for event in events if _is_overrun(event, overruns)]
    full = [loss for loss in stream.losses if loss.kind == "dropped"]
    dropped = [e for e in events if e not in lost and _falls_into(e.read, full)]
    gone = {id(event) for event in (*lost, *dropped)}
    kept = [event for event in events if id(event) not in gone]

    unread = _Unread([event for event in events if event not in lost])
    frames = list(_frame_events(rng, kept, unread, silent))
    frames += _dump_frames(gateway, stream, connections)
    reads = [frame.read for frame in frames if frame.items]
    frames += _overrun_notes(gateway, stream, overruns, lost, reads)
    frames += _dropped_notes(gateway, full, dropped)
    frames += _clock_notes(rng, gateway, stream, full, max(looks))
    frames += _life_notes(gateway, stream)
    frames.sort(key=lambda frame: frame.read)
    frames += _heartbeats(rng, stream, frames, unread, silent, looks)
    frames.sort(key=lambda frame: frame.read)
    frames = [frame for frame in frames if stream.begin <= frame.read <= stream.end]
    return list(_take_out_missing(stream, frames))


def _read_events(stream: Stream, connections: Iterable[Connection]) -> Iterator[_Event]:
    """Each event that the socket hears, with the time at which it is read."""
    sent = []
    for one in connections:
        if stream.mode != "history" and one.opening_told:
            damaged = Damage(one.number, "opening") in stream.damages
            item = Item(Kind.NEW, one, one.start + 3, damaged=damaged)
            sent.append((item, one.opening_delay))
        if stream.mode != "nat" and one.end_told and one.destroyed < FOREVER:
            damaged = Damage(one.number, "end") in stream.damages
            item = Item(Kind.DESTROY, one, one.destroyed + 1, damaged=damaged)
            sent.append((item, one.end_delay))
    sent = [each for each in sent if stream.begin <= each[0].sent < stream.end]
    sent.sort(key=lambda each: (each[0].sent, each[0].connection.number))
    last = 0
    for item, delay in sent:
        read = item.sent + delay
        for pause in stream.pauses:
            if pause.begin <= read < pause.end or item.sent < pause.begin <= read:
                # What is there is read before the receiver goes, the rest when it is back.
                read = pause.begin - 10 if item.sent < pause.begin - 20 else pause.end + 300
        if stream.ending == "stop" and item.sent < stream.end - 20:
            read = min(read, stream.end - 10)
        last = read = max(last, read)
        yield _Event(item, read)


def _is_overrun(event: _Event, overruns: Sequence[Loss]) -> bool:
    for loss in overruns:
        if loss.begin <= event.item.sent <= loss.end:
            drawn = random.Random(f"{event.item.connection.ct_id} {event.item.sent} {loss.begin}")
            return drawn.random() < loss.share
    return False


def _falls_into(at: int, losses: Iterable[Loss]) -> bool:
    return any(loss.begin <= at <= loss.end for loss in losses)


def _frame_events(
    rng: random.Random,
    kept: Sequence[_Event],
    unread: _Unread,
    silent: Sequence[tuple[int, int]],
) -> Iterator[Frame]:
    place, drained = 0, 0
    while place < len(kept):
        began = kept[place].read
        items = []
        while place < len(kept) and kept[place].read <= began + _BURST:
            items.append(kept[place].item)
            place += 1
        told = None
        is_quiet = not any(first <= began <= last for first, last in silent)
        if began - drained >= _DRAINED_EVERY and is_quiet and rng.random() < 0.8:
            told = drained = min(began, unread.first_sent(began + _BURST))
        yield Frame(began + _BURST + 2 * len(items), tuple(items), told)


class _Unread:
    """What waits in the socket; events are read, or dropped, in the order of their sending."""

    def __init__(self, events: Sequence[_Event]) -> None:
        self._events = events

    def first_sent(self, at: int) -> int:
        """When the first event was sent that has not been read at ``at``."""
        place = bisect_right(self._events, at, key=lambda event: event.read)
        return self._events[place].item.sent if place < len(self._events) else FOREVER


def _dump_frames(
    gateway: Gateway, stream: Stream, connections: Sequence[Connection]
) -> Iterator[Frame]:
    for dump in stream.dumps:
        yield Frame(dump.begin, note=Note("dump begin", {"cause": dump.cause}, dump=dump.number))
        entries = list(_entries(gateway, stream, dump, connections))
        for item in entries:
            # The kernel has one piece ready while another is read, and events come first.
            waited = random.Random(f"piece {item.sent}").randrange(1, 20 * MILLISECOND)
            read = min(item.sent + waited, dump.end - 1)
            if read >= item.sent:
                yield Frame(read, (item,))
        if dump.whole:
            detail = {
                "began_at": gateway.clock.wall(dump.begin) * 1000,
                "entries": len(entries),
            }
            yield Frame(dump.end, note=Note("dump end", detail, dump=dump.number))


def _entries(
    gateway: Gateway, stream: Stream, dump: Dump, connections: Iterable[Connection]
) -> Iterator[Item]:
    """What the dump comes across: an entry counts as it is when its bucket is read."""
    for one in connections:
        rng = random.Random(f"bucket {one.ct_id} {dump.number}")
        first, last = dump.begin, dump.end - 2
        if not gateway.blurs:
            first, last = max(first, one.start), min(last, one.stop - 1)
        if first > last:
            continue
        for _ in range(1 + (gateway.doubles and rng.random() < 0.3)):
            at = rng.randint(first, last)
            if one.start <= at < one.stop:
                damaged = Damage(one.number, "entry", dump.number) in stream.damages
                yield Item(Kind.DUMP, one, at, dump.number, damaged)


def _overrun_notes(
    gateway: Gateway,
    stream: Stream,
    overruns: Iterable[Loss],
    lost: Sequence[_Event],
    reads: Sequence[int],
) -> Iterator[Frame]:
    """At the first read after a loss; a second one where more is lost until the dump begins."""
    for loss in overruns:
        hit = [each.item.sent for each in lost if loss.begin <= each.item.sent <= loss.end]
        noted = min(loss.begin + 80 * MILLISECOND, loss.end)
        for at, count in (
            (noted, 1 + sum(sent <= noted for sent in hit)),
            (loss.end + 100 * MILLISECOND, sum(sent > noted for sent in hit)),
        ):
            if count:
                before = [read for read in reads if read < loss.begin]
                since = max([stream.begin, *before, *(p.end for p in stream.pauses if p.end < at)])
                detail = {"last_read_at": gateway.clock.wall(since) * 1000, "lost": count}
                yield Frame(at, note=Note("overrun", detail, lost_from=loss.begin))


def _dropped_notes(
    gateway: Gateway, full: Iterable[Loss], dropped: Sequence[_Event]
) -> Iterator[Frame]:
    for loss in full:
        hit = [event.read for event in dropped if loss.begin <= event.read <= loss.end]
        if hit:
            wall = gateway.clock.wall
            detail = {
                "count": len(hit),
                "from": wall(min(hit)) * 1000,
                "until": wall(loss.end) * 1000,
            }
            yield Frame(loss.end, note=Note("dropped", detail, lost_from=loss.begin))


def _clock_notes(
    rng: random.Random, gateway: Gateway, stream: Stream, full: Sequence[Loss], last: int
) -> Iterator[Frame]:
    """At the receiver's start and each hour the synchronisation; within a second each step."""
    ticks = [stream.begin + _HEARTBEAT]
    ticks += range(stream.begin + HOUR, min(stream.end, last), HOUR)
    ticks += [pause.end + _HEARTBEAT for pause in stream.pauses]
    steps = {}
    for at, size in gateway.clock.steps():
        is_away = any(pause.begin <= at <= pause.end for pause in stream.pauses)
        if stream.begin < at < stream.end and not is_away:
            steps[at + rng.randrange(MILLISECOND, _TICK)] = size
    for at in sorted({*ticks, *steps}):
        if any(pause.begin <= at < pause.end for pause in stream.pauses):
            continue
        written = next((loss.end + 5 for loss in full if loss.begin <= at <= loss.end), at)
        right = gateway.clock.offset(at) == 0
        step = steps.get(at)
        detail = {
            "step_seconds": None if step is None else step / SECOND,
            "synchronised": right,
        }
        yield Frame(written, note=Note("clock", detail))


def _life_notes(gateway: Gateway, stream: Stream) -> Iterator[Frame]:
    detail = {
        "mode": stream.mode, "timestamp": int(stream.stamps), "acct": 1, "events": 1,
        "reliable": False, "kernel": "6.18" if gateway.event_times else "6.1",
    }  # fmt: skip
    yield Frame(stream.begin, note=Note("start", detail, lost_from=stream.begin))
    for pause in stream.pauses:
        yield Frame(pause.end, note=Note("resume"))
    if stream.ending == "stop" and stream.end < FOREVER:
        yield Frame(stream.end, note=Note("stop"))


def _heartbeats(
    rng: random.Random,
    stream: Stream,
    frames: Sequence[Frame],
    unread: _Unread,
    silent: Sequence[tuple[int, int]],
    looks: Sequence[int],
) -> Iterator[Frame]:
    """The last DRAINED before each frame, and before each question."""
    reads = {frame.read for frame in frames}
    wanted = []
    for frame in frames:
        sent = [item.sent for item in frame.items if item.kind != Kind.DUMP]
        before = min([frame.read - 5, *(at - 2 for at in sent)])
        wanted.append(before - rng.randrange(_HEARTBEAT))
        if frame.note and frame.note.name == "dump end":
            wanted.append(frame.read + rng.randrange(1, _HEARTBEAT))
    wanted += [min(look, stream.end - 15) - rng.randrange(1, _HEARTBEAT) for look in looks]
    for at in wanted:
        if not stream.begin < at < stream.end:
            continue
        if any(first <= at <= last for first, last in silent):
            continue
        if unread.first_sent(at) >= at and at not in reads:
            yield Frame(at, drained=at)


def _take_out_missing(stream: Stream, frames: Iterable[Frame]) -> Iterator[Frame]:
    """What was written while a segment was later damaged becomes one note of the recorder."""
    spans = [loss for loss in stream.losses if loss.kind == "missing"]
    told: set[int] = set()
    for frame in frames:
        loss = next((loss for loss in spans if loss.begin <= frame.read <= loss.end), None)
        if loss is None:
            yield frame
        elif loss.begin not in told:
            told.add(loss.begin)
            detail = {"cause": "damaged segment", "until": loss.end}
            yield Frame(loss.end, note=Note("missing", detail, lost_from=loss.begin))
