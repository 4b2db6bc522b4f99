"""The notes that a receiver writes of its own life, of losses, and of its clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.store.histories.frames import Event, Frame, Note
from tests.store.histories.truth import (
    FOREVER,
    HOUR,
    MILLISECOND,
    SECOND,
    UDP_TIMEOUT,
    Connection,
    Gateway,
    Loss,
    Stream,
)

_FIRST_TICK = 250 * MILLISECOND
_TICK = SECOND


def overrun_notes(
    gateway: Gateway,
    stream: Stream,
    overruns: Iterable[Loss],
    lost: Sequence[Event],
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
                flood = random.Random(f"flood {loss.begin}")
                if flood.random() < 0.8:
                    # Some of what filled the buffer had been read.
                    since = max(since, loss.begin - flood.randrange(1, 200 * MILLISECOND))
                detail = {"last_read_at": gateway.clock.wall(since) * 1000, "lost": count}
                yield Frame(at, note=Note("overrun", detail, lost_from=loss.begin))


def dropped_notes(
    gateway: Gateway, full: Iterable[Loss], dropped: Sequence[Event]
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


def clock_notes(
    rng: random.Random, gateway: Gateway, stream: Stream, full: Sequence[Loss], last: int
) -> Iterator[Frame]:
    """At the receiver's start and each hour the synchronisation; within a second each step.

    A step while the receiver was away is noted as it resumes.
    """
    ticks = [stream.begin + _FIRST_TICK]
    ticks += range(stream.begin + HOUR, min(stream.end, last), HOUR)
    ticks += [pause.end + _FIRST_TICK for pause in stream.pauses]
    steps: Counter[int] = Counter()
    for at, size in gateway.clock.steps():
        away = next((pause for pause in stream.pauses if pause.begin <= at <= pause.end), None)
        if away is not None:
            steps[away.end + 1] += size
        elif stream.begin < at < stream.end:
            steps[at + rng.randrange(MILLISECOND, _TICK)] = size
    for at in sorted({*ticks, *steps}):
        if any(pause.begin <= at < pause.end for pause in stream.pauses):
            continue
        written = next((loss.end + 5 for loss in full if loss.begin <= at <= loss.end), at)
        right = gateway.clock.offset(at) == 0
        step = steps[at] or None
        detail = {
            "step_seconds": None if step is None else step / SECOND,
            "synchronised": right,
        }
        yield Frame(written, note=Note("clock", detail))


def clash_notes(
    gateway: Gateway, stream: Stream, connections: Iterable[Connection]
) -> Iterator[Frame]:
    """At the first look at the counter after a clash; there is one each second, but in a pause."""
    for one in connections:
        if not one.is_clashed or not stream.begin <= one.start < stream.end:
            continue
        since = one.start - (one.start - stream.begin) % _TICK
        at = since + _TICK
        for pause in stream.pauses:
            if pause.meets(since, at):
                since = max(stream.begin, min(since, pause.begin - _TICK))
                at = max(at, pause.end + _FIRST_TICK)
        detail = {
            "count": 1,
            "since": gateway.clock.wall(since) * 1000,
            "udp_timeout": UDP_TIMEOUT // SECOND,
        }
        yield Frame(at, note=Note("clashes", detail, since=since))


def life_notes(gateway: Gateway, stream: Stream) -> Iterator[Frame]:
    detail = {
        "mode": stream.mode, "timestamp": int(stream.stamps), "acct": 1,
        "events": gateway.events_at(stream.begin),
        "reliable": False, "kernel": "6.18" if gateway.event_times else "6.1",
        "boot_id": f"{gateway.number}.{sum(at <= stream.begin for at in gateway.reboots)}",
    }  # fmt: skip
    yield Frame(stream.begin, note=Note("start", detail, lost_from=stream.begin))
    for pause in stream.pauses:
        yield Frame(pause.end, note=Note("resume"))
    if stream.ending == "stop" and stream.end < FOREVER:
        yield Frame(stream.end, note=Note("stop"))


def settings_notes(gateway: Gateway, stream: Stream, full: Sequence[Loss]) -> Iterator[Frame]:
    """Within a second of a change of nf_conntrack_events, or as the receiver resumes."""
    changes = zip(gateway.events, gateway.events[1:], strict=False)
    for (_, before), (at, value) in changes:
        if not stream.begin < at < stream.end:
            continue
        seen, look = at + _TICK, at - 1
        away = [pause for pause in stream.pauses if pause.begin <= seen <= pause.end + _TICK]
        if away:
            seen, look = away[-1].end + 3, min(look, away[0].begin)
        seen = next((loss.end + 6 for loss in full if loss.begin <= seen <= loss.end), seen)
        detail = {"events": value, "before": before, "last_look": gateway.clock.wall(look) * 1000}
        yield Frame(seen, note=Note("settings", detail))
