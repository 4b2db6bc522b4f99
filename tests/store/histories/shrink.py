"""From a history with a wrong answer to one with as little in it as still has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.store.histories.questions import Question
from tests.store.histories.scoring import Scored, score_history
from tests.store.histories.sending import Store
from tests.store.histories.truth import (
    FOREVER,
    Clock,
    Connection,
    Gateway,
    History,
    Stage,
    Stream,
)

_TRIES_MAX = 400


def shrink(store: Store, history: History, scored: Scored) -> tuple[History, Scored]:
    """The smallest history found whose answer has the same grade, and that answer."""
    question = replace(scored.question, stage=0)
    small = replace(history, stages=(history.stages[scored.question.stage],))
    best = _ask(store, small, question)
    if best is None or best.grade != scored.grade:
        return history, scored
    tries, changed = 0, True
    while changed and tries < _TRIES_MAX:
        changed = False
        for candidate in _simpler(small):
            tries += 1
            answer = _ask(store, candidate, question)
            if answer is not None and answer.grade == scored.grade:
                small, best, changed = candidate, answer, True
                break
    return small, best


def _ask(store: Store, history: History, question: Question) -> Scored | None:
    (scored,) = score_history(store, history, [question])
    return scored


def _simpler(history: History) -> Iterator[History]:
    """Histories with one thing less, the biggest things first."""
    for gateway in history.gateways:
        if gateway.streams and len(history.gateways) > 1:
            rest = [one for one in history.connections if one.gateway != gateway.number]
            less = replace(history, connections=tuple(rest))
            yield _with_gateway(less, replace(gateway, streams=(), reboots=(), clock=Clock()))
    for one in history.connections:
        rest = [other for other in history.connections if other is not one]
        yield replace(history, connections=tuple(rest))
    for stage in history.stages:
        if stage.lags:
            yield replace(history, stages=(Stage(stage.at),))
    for gateway in history.gateways:
        for simpler in _simpler_gateways(gateway):
            yield _with_gateway(history, simpler)
    for one in history.connections:
        for plainer in _plainer(one):
            rest = [plainer if other is one else other for other in history.connections]
            yield replace(history, connections=tuple(rest))


def _with_gateway(history: History, gateway: Gateway) -> History:
    changed = [gateway if one.number == gateway.number else one for one in history.gateways]
    return replace(history, gateways=tuple(changed))


def _simpler_gateways(gateway: Gateway) -> Iterator[Gateway]:
    if gateway.clock != Clock():
        yield replace(gateway, clock=Clock())
    if gateway.event_times:
        yield replace(gateway, event_times=False)
    if gateway.blurs:
        yield replace(gateway, blurs=False)
    if gateway.doubles:
        yield replace(gateway, doubles=False)
    for place, stream in enumerate(gateway.streams):
        if len(gateway.streams) > 1:
            rest = gateway.streams[:place] + gateway.streams[place + 1 :]
            yield replace(gateway, streams=rest)
        for simpler in _simpler_streams(stream):
            changed = (*gateway.streams[:place], simpler, *gateway.streams[place + 1 :])
            yield replace(gateway, streams=changed)


def _simpler_streams(stream: Stream) -> Iterator[Stream]:
    for loss in stream.losses:
        yield replace(stream, losses=tuple(one for one in stream.losses if one is not loss))
    for pause in stream.pauses:
        yield replace(stream, pauses=tuple(one for one in stream.pauses if one is not pause))
    for damage in stream.damages:
        yield replace(stream, damages=stream.damages - {damage})
    if stream.backlogs:
        yield replace(stream, backlogs=())
    if stream.mode != "live":
        yield replace(stream, mode="live")
    for dump in stream.dumps[1:]:
        # The dumps that follow a loss are there for it.
        if dump.cause == "interval" or not dump.whole:
            yield replace(stream, dumps=tuple(one for one in stream.dumps if one is not dump))


def _plainer(one: Connection) -> Iterator[Connection]:
    if one.lead:
        yield replace(one, lead=0)
    if not one.stamped:
        yield replace(one, stamped=True)
    if not one.opening_told:
        yield replace(one, opening_told=True)
    if not one.end_told:
        yield replace(one, end_told=True)
    if one.stop + 20 < one.destroyed < FOREVER:
        yield replace(one, destroyed=one.stop + 10)
    if one.opening_delay > 400:
        yield replace(one, opening_delay=200)
    if one.end_delay > 400:
        yield replace(one, end_delay=200)


def causes(history: History) -> frozenset[str]:
    """What is left in a shrunk history beside plain connections in a plain stream."""
    found: set[str] = set()
    live = [gateway for gateway in history.gateways if gateway.streams]
    if len({gateway.name for gateway in live}) < len(live):
        found.add("twins")
    elif len(live) > 1:
        found.add("fleet")
    for gateway in live:
        found |= _causes_of_gateway(gateway, max(stage.at for stage in history.stages))
    if any(stage.lags for stage in history.stages):
        found.add("lag")
    for one in history.connections:
        found |= {name for name in one.features if name in ("begun twice", "tenants")}
        found |= {"unstamped"} if not one.stamped else set()
        found |= {"held"} if one.lead > 1000 else set()
        found |= {"lazy end"} if one.stop + 20 < one.destroyed < FOREVER else set()
        found |= {"clashes"} if one.is_clashed else set()
        found |= {"unannounced"} if not (one.opening_told or one.is_clashed) else set()
        found |= {"silent end"} if not one.end_told else set()
        found |= {"portless"} if not one.orig.ports and not one.orig.icmp else set()
    return frozenset(found)


def _causes_of_gateway(gateway: Gateway, end: int) -> set[str]:
    streams = [stream for stream in gateway.streams if stream.begin < end]
    found = {loss.kind for stream in streams for loss in stream.losses if loss.begin < end}
    found |= {stream.mode for stream in streams} - {"live"}
    found |= {"clock"} if gateway.clock != Clock() else set()
    found |= {"event times"} if gateway.event_times else set()
    found |= {"two streams"} if len(streams) > 1 else set()
    found |= {"blurred dump"} if gateway.blurs else set()
    found |= {"doubled entry"} if gateway.doubles else set()
    for stream in streams:
        found |= {"restart"} if stream.pauses else set()
        found |= {"backlog"} if stream.backlogs else set()
        found |= {"undecodable"} if stream.damages else set()
    return found
