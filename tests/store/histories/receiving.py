"""A gateway's stream as its receiver writes it: frames of events, entries and notes, in order.

As ctaudit.capture does: a frame is stamped when its burst has been read; DRAINED stands for a
time before which all that the kernel sent has been read. Of the heartbeats of an idle stream
only those are made that a later frame, note or question depends on.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from ctaudit.conntrack.event import Kind
from tests.store.histories.frames import Event, Frame, Item, Note
from tests.store.histories.notes import (
    clash_notes,
    clock_notes,
    dropped_notes,
    life_notes,
    overrun_notes,
    settings_notes,
)
from tests.store.histories.truth import (
    FOREVER,
    MILLISECOND,
    Connection,
    Damage,
    Dump,
    Gateway,
    Loss,
    Stream,
)

_HEARTBEAT = 250 * MILLISECOND
_DRAINED_EVERY = 50 * MILLISECOND
_BURST = 50  # microseconds within which events share a frame


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
    reads = [frame.read for frame in frames]
    frames += _dump_frames(gateway, stream, connections)
    frames += overrun_notes(gateway, stream, overruns, lost, reads)
    frames += dropped_notes(gateway, full, dropped)
    frames += clock_notes(rng, gateway, stream, full, max(looks))
    frames += clash_notes(gateway, stream, connections)
    frames += settings_notes(gateway, stream, full)
    frames += life_notes(gateway, stream)
    frames.sort(key=lambda frame: frame.read)
    frames += _heartbeats(rng, stream, frames, unread, silent, looks)
    frames.sort(key=lambda frame: frame.read)
    frames = [frame for frame in frames if stream.begin <= frame.read <= stream.end]
    return list(_take_out_missing(stream, frames))


def _read_events(stream: Stream, connections: Iterable[Connection]) -> Iterator[Event]:
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
        yield Event(item, read)


def _is_overrun(event: Event, overruns: Sequence[Loss]) -> bool:
    for loss in overruns:
        if loss.begin <= event.item.sent <= loss.end:
            drawn = random.Random(f"{event.item.connection.ct_id} {event.item.sent} {loss.begin}")
            return drawn.random() < loss.share
    return False


def _falls_into(at: int, losses: Iterable[Loss]) -> bool:
    return any(loss.begin <= at <= loss.end for loss in losses)


def _frame_events(
    rng: random.Random,
    kept: Sequence[Event],
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

    def __init__(self, events: Sequence[Event]) -> None:
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
    last = max(dump.begin, dump.end - 2)
    moment = random.Random(f"dump {dump.number}").randint(dump.begin, last)
    for one in connections:
        rng = random.Random(f"bucket {one.ct_id} {dump.number}")
        for _ in range(1 + (gateway.doubles and rng.random() < 0.3)):
            at = rng.randint(dump.begin, last) if gateway.blurs else moment
            if one.start <= at < one.stop:
                damaged = Damage(one.number, "entry", dump.number) in stream.damages
                yield Item(Kind.DUMP, one, at, dump.number, damaged)


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
