"""A random history from one integer: gateways, their clocks and streams, traffic, disturbances."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

from tests.store.histories.clashes import make_clashes
from tests.store.histories.disturbances import disturb
from tests.store.histories.features import FEATURES, choose_features
from tests.store.histories.traffic import Traffic
from tests.store.histories.truth import (
    DAY,
    FOREVER,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    Clock,
    Connection,
    Gateway,
    History,
    Span,
    Stage,
    Stream,
)

_NOON = int(datetime(2026, 2, 22, 10, tzinfo=UTC).timestamp()) * SECOND
# What a wrong clock is off by: a second, a time zone, a day; ahead or behind.
_OFFSETS = [700 * MILLISECOND, 3_500 * MILLISECOND, MINUTE, 43 * MINUTE, HOUR, 6 * HOUR, DAY]
_YEAR = 365 * DAY


def make_history(seed: int, allowed: Collection[str] = FEATURES) -> History:
    """The history of ``seed`` with features of ``allowed`` only."""
    rng = random.Random(f"history {seed}")
    features = choose_features(rng, allowed)
    begin = _NOON + rng.randrange(12 * HOUR)
    length = rng.choice([20 * MINUTE, 2 * HOUR, 2 * HOUR, 8 * HOUR])
    if "long life" in features:
        length = 8 * HOUR
    if "late reading" in features:
        length = 20 * HOUR
    end = begin + length
    count = 1 + ("fleet" in features) * rng.choice([1, 1, 2])
    names = [f"gw{number + 1}" for number in range(count)]
    if "twins" in features:
        names.append("gw1")
    shared = rng.random() < 0.5
    gateways: list[Gateway] = []
    connections: list[Connection] = []
    for number, name in enumerate(names):
        public = "1.2.3.4" if shared or name == "gw1" else f"1.2.3.{4 + number}"
        gateway = _make_gateway(rng, number, name, public, features, begin, end)
        made = _make_traffic(rng, gateway, features, begin, end)
        made = [
            replace(connection, number=connection.number + len(connections)) for connection in made
        ]
        gateways.append(disturb(rng, gateway, made, features, end))
        connections += made
    stages = _make_stages(rng, gateways, connections, features, begin, end)
    return History(
        seed, begin, end, tuple(gateways), tuple(connections), tuple(stages), features
    )  # fmt: skip


def _make_gateway(
    rng: random.Random,
    number: int,
    name: str,
    public: str,
    features: frozenset[str],
    begin: int,
    end: int,
) -> Gateway:
    since = begin + rng.randrange(10 * SECOND)
    if number:
        since = begin + rng.choice([rng.randrange(10 * SECOND), rng.randrange((end - begin) // 2)])
    streams, reboots = _make_streams(rng, features, since, end)
    streams, clock = _make_clock(rng, features, streams, reboots, begin, end)
    return Gateway(
        number=number,
        name=name,
        public=public,
        streams=streams,
        clock=clock,
        event_times="event times" in features,
        events=_make_events(rng, features, streams, end),
        reboots=reboots,
        doubles="doubled entry" in features,
        blurs="blurred dump" in features,
    )


def _make_events(
    rng: random.Random, features: frozenset[str], streams: tuple[Stream, ...], end: int
) -> tuple[tuple[int, int], ...]:
    usual = 2 if "auto events" in features else 1
    if "events off" not in features:
        return ((0, usual),)
    since = rng.randrange(streams[0].begin + 5 * SECOND, end)
    until = since + rng.choice([rng.randrange(5 * SECOND, 5 * MINUTE), rng.randrange(MINUTE, HOUR)])
    return (0, usual), (since, 0), (until, usual)


def _make_streams(
    rng: random.Random, features: frozenset[str], since: int, end: int
) -> tuple[tuple[Stream, ...], tuple[int, ...]]:
    modes = ["history" if "history" in features else "nat" if "nat" in features else "live"]
    endings = [name for name in ("stop", "kill", "power") if name in features]
    if "power loss" in features or "wrong boot" in features:
        endings.append("power")
    if ("mode change" in features or "stamped later" in features) and not endings:
        endings.append("stop")
    if "mode change" in features:
        modes = rng.sample(["live", "nat", "history"], 2)
    stamps = "unstamped" not in features and "stamped later" not in features
    streams: list[Stream] = []
    reboots = []
    at = since
    for ending in endings[:2]:
        if at + 5 * MINUTE > end:
            break
        until = at + rng.randrange(MINUTE, max(2 * MINUTE, (end - at) * 2 // 3))
        streams.append(_make_stream(rng, modes, len(streams), at, until, ending, stamps))
        away = rng.choice([rng.randrange(SECOND, MINUTE), rng.randrange(MINUTE, 20 * MINUTE)])
        if ending == "power":
            reboots.append(until)
            away += 20 * SECOND
        at = until + away
        stamps = stamps or "stamped later" in features
    if at + MINUTE < end or not streams:
        streams.append(_make_stream(rng, modes, len(streams), at, FOREVER, "stop", stamps))
    if "restart" in features:
        long = [rng.randrange(200 * MILLISECOND, 5 * SECOND) for _ in range(2)]
        streams = [_pause(rng, stream, end, long) for stream in streams]
    if "late reading" in features:
        streams = [
            _pause(rng, stream, end, [rng.randrange(2 * HOUR, 9 * HOUR)]) for stream in streams
        ]
    return tuple(streams), tuple(reboots)


def _make_stream(
    rng: random.Random, modes: list[str], place: int, at: int, until: int, ending: str, stamps: bool
) -> Stream:
    return Stream(
        uuid=UUID(int=rng.getrandbits(128), version=4),
        mode=modes[place % len(modes)],
        begin=at,
        end=until,
        ending=ending,
        stamps=stamps,
    )


def _pause(rng: random.Random, stream: Stream, end: int, lengths: list[int]) -> Stream:
    """The receiver is away for each of ``lengths``, where the stream has room for it."""
    pauses = list(stream.pauses)
    last = min(stream.end, end)
    for length in lengths:
        first, latest = stream.begin + 5 * SECOND, last - length - 5 * SECOND
        if latest <= first:
            continue
        begin = rng.randrange(first, latest)
        if not any(pause.meets(begin - SECOND, begin + length + SECOND) for pause in pauses):
            pauses.append(Span(begin, begin + length))
    return replace(stream, pauses=tuple(sorted(pauses, key=lambda pause: pause.begin)))


def _make_clock(
    rng: random.Random,
    features: frozenset[str],
    streams: tuple[Stream, ...],
    reboots: tuple[int, ...],
    begin: int,
    end: int,
) -> tuple[tuple[Stream, ...], Clock]:
    """At most one span in which the clock is wrong; the streams with a pause for its steps."""
    kinds = [n for n in ("clock step", "wrong boot", "step in restart") if n in features]
    if not kinds:
        return streams, Clock()
    kind = rng.choice(kinds)
    offset = rng.choice([-1, 1]) * rng.choice(_OFFSETS)
    if kind == "wrong boot":
        place = rng.randrange(len(streams)) if reboots else 0
        since = streams[place].begin - 10 * SECOND
        until = streams[place].begin + rng.randrange(5 * SECOND, 10 * MINUTE)
        away = since - streams[place - 1].end if place else HOUR
        saved = -away - rng.randrange(HOUR)
        offset = rng.choice([saved, saved, 20 * SECOND - since, offset, _YEAR])
        return streams, Clock(((0, 0), (since, offset), (until, 0)))
    first = rng.randrange(begin, end - 5 * MINUTE)
    if kind == "step in restart":
        stream = rng.choice(streams)
        away = rng.randrange(SECOND, 2 * MINUTE)
        padded = _pause(rng, stream, end, [away])
        added = set(padded.pauses) - set(stream.pauses)
        if not added:
            return streams, Clock()
        pause = added.pop()
        first = rng.randrange(pause.begin + 1, pause.end)
        streams = tuple(padded if one is stream else one for one in streams)
    if rng.random() < 0.5:
        return streams, Clock(((0, offset), (first, 0)))
    until = first + rng.choice([rng.randrange(5 * SECOND, 5 * MINUTE), rng.randrange(MINUTE, HOUR)])
    return streams, Clock(((0, 0), (first, offset), (until, 0)))


def _make_traffic(
    rng: random.Random, gateway: Gateway, features: frozenset[str], begin: int, end: int
) -> list[Connection]:
    edges = [0, *gateway.reboots, FOREVER]
    boots = [Span(first, last) for first, last in pairwise(edges)]
    anchors = [at for at, _ in gateway.clock.steps() if begin <= at < end]
    for stream in gateway.streams:
        anchors += [stream.begin, stream.end] if stream.end < end else [stream.begin]
        anchors += [at for pause in stream.pauses for at in (pause.begin, pause.end)]
    traffic = Traffic(rng, gateway, features, boots, anchors)
    traffic.fill(rng.randrange(4, 10), begin, end)
    made = [
        one
        if gateway.announces(one.start)
        else replace(
            one, opening_told=False, end_told=False, features=one.features | {"not announced"}
        )
        for one in [*traffic.connections, *make_clashes(rng, gateway, traffic.connections)]
    ]
    if "stamped later" not in features:
        return [replace(one, stamped=gateway.streams[0].stamps) for one in made]
    since = min((stream.begin for stream in gateway.streams if stream.stamps), default=FOREVER)
    return [replace(one, stamped=one.start >= since - SECOND) for one in made]


def _make_stages(
    rng: random.Random,
    gateways: list[Gateway],
    connections: list[Connection],
    features: frozenset[str],
    begin: int,
    end: int,
) -> list[Stage]:
    """Half-way, or while a clashed entry is there; and at the end, then a gateway may lag."""
    at = rng.randrange(begin + (end - begin) // 4, end)
    clashed = [one for one in connections if one.is_clashed and begin <= one.start < end - MINUTE]
    if clashed:
        one = rng.choice(clashed)
        at = rng.randrange(one.start, min(one.destroyed, end))
    middle = Stage(_avoid_steps(gateways, at))
    lags: tuple[tuple[int, int], ...] = ()
    if "lag" in features:
        behind = rng.choice(gateways)
        first = min(max(behind.streams[0].begin + 10 * SECOND, middle.at), end - SECOND)
        lags = ((behind.number, _avoid_steps([behind], rng.randrange(first, end))),)
    return [middle, Stage(_avoid_steps(gateways, end), lags)]


def _avoid_steps(gateways: list[Gateway], at: int) -> int:
    """Not in the moment between a clock's going wrong and the note that tells of it."""
    for gateway in gateways:
        for span, _ in gateway.clock.wrong():
            begins = [span.begin, *(stream.begin for stream in gateway.streams)]
            for first in begins:
                if first - SECOND <= at < first + 3 * SECOND:
                    at = first + 3 * SECOND
            for stream in gateway.streams:
                for pause in stream.pauses:
                    if pause.begin - SECOND <= at < pause.end + 3 * SECOND:
                        at = pause.end + 3 * SECOND
    return at
