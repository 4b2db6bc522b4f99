"""What befalls a gateway's streams: losses, damaged messages, a recorder that is away; dumps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.store.histories.truth import (
    FOREVER,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    Connection,
    Damage,
    Dump,
    Gateway,
    Loss,
    Span,
    Stream,
)

_DUMPS_MAX = 12
_RETRY = 200 * MILLISECOND  # from an overrun to the dump that it needs


def disturb(
    rng: random.Random,
    gateway: Gateway,
    connections: Sequence[Connection],
    features: frozenset[str],
    end: int,
) -> Gateway:
    """The gateway with losses, damages and dumps in its streams."""
    streams = [
        _disturb_stream(rng, gateway, place, connections, features, end)
        for place in range(len(gateway.streams))
    ]
    return replace(gateway, streams=tuple(streams))


def _disturb_stream(
    rng: random.Random,
    gateway: Gateway,
    place: int,
    connections: Sequence[Connection],
    features: frozenset[str],
    end: int,
) -> Stream:
    whole = gateway.streams[place]
    last = min(whole.end, end)
    moments = [at for at in _moments(connections) if whole.begin <= at < last]
    interval = _choose_interval(rng, whole, moments, features, last - whole.begin)
    clashes = [one.start for one in connections if one.is_clashed]
    lossy = _lose(rng, gateway, whole, moments, clashes, features, last)
    late = _delay(rng, replace(lossy, interval=interval), features, last)
    first = gateway.number * 1000 + place * 100
    dumped = replace(late, dumps=tuple(plan_dumps(rng, late, end, first)))
    return _damage(rng, dumped, connections, features)


def _moments(connections: Sequence[Connection]) -> Iterator[int]:
    for connection in connections:
        yield connection.start
        if connection.destroyed < FOREVER:
            yield connection.destroyed


def _choose_interval(
    rng: random.Random,
    stream: Stream,
    moments: list[int],
    features: frozenset[str],
    length: int,
) -> int:
    """From minutes to longer than the stream; often so that a dump meets what happens."""
    if "late reading" in features:
        return 12 * HOUR
    if moments and rng.random() < (0.9 if "undecodable in dump" in features else 0.3):
        until = rng.choice(moments) - stream.begin - rng.randrange(600 * MILLISECOND)
        if until > MINUTE:
            return until
    return max(MINUTE, rng.choice([length // 6, length // 3, length, HOUR]))


def _lose(
    rng: random.Random,
    gateway: Gateway,
    stream: Stream,
    moments: list[int],
    clashes: list[int],
    features: frozenset[str],
    last: int,
) -> Stream:
    lengths: dict[str, Callable[[], int]] = {
        "overrun": lambda: rng.choice(
            [rng.randrange(MILLISECOND, 50 * MILLISECOND), rng.randrange(20 * SECOND)]
        ),
        "dropped": lambda: rng.choice([rng.randrange(3 * SECOND), rng.randrange(10 * MINUTE)]),
        "missing": lambda: rng.choice([rng.randrange(3 * SECOND), rng.randrange(10 * MINUTE)]),
    }
    taken = [Span(pause.begin - SECOND, pause.end + 2 * SECOND) for pause in stream.pauses]
    # The note of a step, or of a clash, must be written, and kept.
    steps = [at for at, _ in gateway.clock.steps()]
    taken += [Span(at - 2 * SECOND, at + 4 * SECOND) for at in (*steps, *clashes)]
    if gateway.clock.offset(stream.begin):
        taken.append(Span(stream.begin, stream.begin + 3 * SECOND))
    losses = []
    for kind, choose_length in lengths.items():
        for _ in range(rng.choice([1, 1, 2]) if kind in features else 0):
            at = rng.randrange(stream.begin, last)
            if moments and rng.random() < 0.7:
                at = rng.choice(moments) + rng.randrange(-SECOND, 500 * MILLISECOND)
            begin = max(stream.begin + 50 * MILLISECOND, at - rng.randrange(SECOND))
            until = begin + choose_length()
            if until >= last or any(span.meets(begin, until) for span in taken):
                continue
            taken.append(Span(begin - SECOND, until + 2 * SECOND))
            losses.append(Loss(kind, begin, until, rng.choice([1.0, 0.5])))
    return replace(stream, losses=tuple(sorted(losses, key=lambda loss: loss.begin)))


def _delay(rng: random.Random, stream: Stream, features: frozenset[str], last: int) -> Stream:
    if "backlog" not in features:
        return stream
    begin = rng.randrange(stream.begin, last)
    return replace(stream, backlogs=(Span(begin, begin + rng.randrange(SECOND, HOUR)),))


@dataclass(frozen=True)
class _Break:
    """What breaks a running dump off; another is due at ``ready`` (``owed``: even if none ran)."""

    begin: int
    ready: int
    owed: bool


def plan_dumps(rng: random.Random, stream: Stream, end: int, first: int) -> Iterator[Dump]:
    """One at the start, one each interval, one after each loss that the receiver knows of."""
    breaks = [_Break(pause.begin, pause.end + 2 * MILLISECOND, False) for pause in stream.pauses]
    for loss in stream.losses:
        if loss.kind == "overrun":
            breaks.append(_Break(loss.begin, loss.end + 100 * MILLISECOND + _RETRY, True))
        elif loss.kind == "dropped":
            breaks.append(_Break(loss.begin, loss.end + 2 * MILLISECOND, True))
    breaks.sort(key=lambda one: one.begin)
    last = min(stream.end, end)
    due, cause = stream.begin + rng.randrange(2 * MILLISECOND, 300 * MILLISECOND), "start"
    for number in range(first + 1, first + 1 + _DUMPS_MAX):
        for one in breaks:
            if one.begin <= due < one.ready:
                due, cause = one.ready, "loss" if one.owed else cause
        if due >= last:
            return
        until = due + rng.choice(
            [
                rng.randrange(3 * MILLISECOND, 50 * MILLISECOND),
                rng.randrange(50 * MILLISECOND, 1500 * MILLISECOND),
            ]
        )
        broken = next((one for one in breaks if due < one.begin <= until), None)
        if broken is None and until < stream.end:
            yield Dump(number, due, until, cause)
            owed = [(one.ready, "loss") for one in breaks if one.owed and one.begin > until]
            due, cause = min([(due + stream.interval, "interval"), *owed])
        elif broken is None:
            yield Dump(number, due, stream.end, cause, whole=False)
            return
        else:
            yield Dump(number, due, broken.begin, cause, whole=False)
            due, cause = broken.ready, "again"


def _damage(
    rng: random.Random,
    stream: Stream,
    connections: Sequence[Connection],
    features: frozenset[str],
) -> Stream:
    """Messages that will be undecodable; some of them while a dump runs, or of it."""
    chosen: set[Damage] = set()
    heard = [one for one in connections if stream.begin <= one.start < stream.end]
    if "undecodable" in features and heard:
        for _ in range(rng.choice([1, 2])):
            chosen.add(Damage(rng.choice(heard).number, rng.choice(["opening", "end"])))
    whole = [dump for dump in stream.dumps if dump.whole]
    if "undecodable in dump" in features and whole:
        dump = rng.choice(whole)
        shown = [one for one in connections if one.alive(dump.begin, dump.end)]
        if shown and rng.random() < 0.5:
            chosen.add(Damage(rng.choice(shown).number, "entry", dump.number))
        for dump in whole:
            for one in connections:
                if dump.begin <= one.start < dump.end:
                    chosen.add(Damage(one.number, "opening"))
                if dump.begin <= one.destroyed < dump.end and rng.random() < 0.5:
                    chosen.add(Damage(one.number, "end"))
    return replace(stream, damages=frozenset(chosen))
