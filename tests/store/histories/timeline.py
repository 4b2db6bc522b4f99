"""A history as a page: who is who, then line by line what happened and what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.store.histories.questions import Question, as_datetime, far_end, near_end
from tests.store.histories.recording import Call, Fact, record
from tests.store.histories.scoring import Scored
from tests.store.histories.truth import FOREVER, Connection, Gateway, History
from tests.unit.messages import Address

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 50: "esp"}

Line = tuple[int, str]


def format_history(history: History) -> str:
    """True times; where a gateway's clock is off, what it says stands behind."""
    lines = sorted(_lines(history), key=lambda line: line[0])
    seed = f"history {history.seed}: {', '.join(sorted(history.features)) or 'no feature'}"
    return "\n".join(
        [
            seed,
            *(f"  {_describe(one, history)}" for one in history.connections),
            *(f"{format_time(at)}  {text}" for at, text in lines),
        ]
    )


def format_scored(scored: Scored) -> str:
    said, truth = scored.said, scored.truth
    reasons = "; ".join(said.verdict.reasons)
    lines = [
        format_question(scored.question),
        f"  said: {said.verdict.name}" + (f" ({reasons})" if reasons else ""),
    ]
    for answer in said.answers:
        host = format_end((answer.host, answer.host_port))
        times = (answer.started_at, answer.started_source, answer.started_after, answer.ended_at)
        exact = "exact" if answer.exact else "inexact"
        lines.append(
            f"    {answer.node} {host} {answer.state} {exact}, {answer.provenance}, "
            + " | ".join("-" if time is None else str(time) for time in times)
        )
    names = ", ".join(f"c{one.number}" for one in truth.alive) or "nobody"
    for item in said.protocols:
        name = "other" if item.proto is None else _PROTOCOLS.get(item.proto, str(item.proto))
        lines.append(f"    {name}: {item.verdict.name}")
    lines.append(f"  true: {names}; " + (f"doubt: {truth.doubt}" if truth.doubt else "provable"))
    for word, some in (("optional", truth.optional), ("ghosts", truth.ghosts)):
        if some:
            lines.append(f"  {word}: {', '.join(f'c{one.number}' for one in some)}")
    return "\n".join([*lines, f"  {scored.grade.upper()}"])


def format_question(question: Question) -> str:
    end = question.end - question.begin
    words = [f"question {question.number}: {format_end((question.address, question.port))}"]
    words.append(f"at {format_time(question.begin)} for {end} us")
    if question.remote is not None:
        words.append(f"to {format_end((question.remote, question.remote_port))}")
    if question.proto is not None:
        words.append(_PROTOCOLS[question.proto])
    if question.node:
        words.append(f"node {question.node}")
    return " ".join([*words, f"(stage {question.stage + 1})"])


def format_time(at: int) -> str:
    if at >= FOREVER:
        return "never"
    return as_datetime(at).strftime("%m-%d %H:%M:%S.%f")


def format_end(end: tuple[Address, int | None]) -> str:
    address, port = end
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _describe(one: Connection, history: History) -> str:
    name = history.gateways[one.gateway].name
    ends = [near_end(one.orig), far_end(one.orig), near_end(one.reply), far_end(one.reply)]
    source, target, answerer, public = map(format_end, ends)
    zone = f" zone {one.orig.zone}" if one.orig.zone is not None else ""
    marks = [*sorted(one.features), *(["no stamps"] if not one.stamped else [])]
    return (
        f"c{one.number} {name} {_PROTOCOLS[one.proto]} {source} > {target}, {answerer} > {public}"
        f"{zone} id {one.ct_id % 1000}" + (f" ({', '.join(marks)})" if marks else "")
    )


def _lines(history: History) -> Iterator[Line]:
    for one in history.connections:
        gateway = history.gateways[one.gateway]
        at = f"{gateway.name} c{one.number}"
        lead = f", its event {one.lead} us before" if one.lead and gateway.event_times else ""
        yield one.start, f"{at} begins" + lead + ("" if one.opening_told else ", untold")
        if one.stop < FOREVER:
            yield one.stop, f"{at} has ended" + ("" if one.end_told else ", untold")
        if one.stop + 1000 < one.destroyed < FOREVER:
            yield one.destroyed, f"{at} is deleted"
    for gateway in history.gateways:
        yield from _gateway_lines(gateway)
    for number, stage in enumerate(history.stages, 1):
        lags = "".join(
            f", {history.gateways[lag].name} until {format_time(at)}" for lag, at in stage.lags
        )
        yield stage.at, f"---- stage {number}: what is committed by now is asked{lags}"
    yield from _recorded(history, record(history))


def _gateway_lines(gateway: Gateway) -> Iterator[Line]:
    for at in gateway.reboots:
        yield at, f"{gateway.name} loses power"
    for at, size in gateway.clock.steps():
        yield at, f"{gateway.name} clock stepped by {size / 1e6:+.6f} s, now {_wall(gateway, at)}"
    for stream in gateway.streams:
        for loss in stream.losses:
            part = "" if loss.share == 1 else ", in part"
            yield loss.begin, f"{gateway.name} {loss.kind} until {format_time(loss.end)}{part}"
        for pause in stream.pauses:
            yield pause.begin, f"{gateway.name} receiver away until {format_time(pause.end)}"
        for backlog in stream.backlogs:
            yield backlog.begin, f"{gateway.name} recorder away until {format_time(backlog.end)}"


def _recorded(history: History, calls: Sequence[Call]) -> Iterator[Line]:
    for call in calls:
        gateway = history.gateways[call.gateway]
        told = ", ".join(_tell(fact) for fact in call.facts if fact.kind != "drained")
        covered = [fact.at for fact in call.facts if fact.kind == "drained"]
        words = [f"{call.node} {call.mode}> {call.note or 'batch'}"]
        if told and not (call.note and told == call.note):
            words.append(f"[{told}]")
        if covered:
            words.append(f"covered until {format_time(max(covered))}")
        if call.note == "clock":
            words.append(f"{call.detail}")
        if gateway.clock.offset(call.at):
            words.append(f"(its clock: {_wall(gateway, call.at)})")
        yield call.at, " ".join(words)


def _wall(gateway: Gateway, at: int) -> str:
    return as_datetime(gateway.clock.wall(at)).strftime("%Y-%m-%d %H:%M:%S.%f")


def _tell(fact: Fact) -> str:
    name = {"opening": "NEW", "end": "DESTROY"}.get(fact.kind, fact.kind)
    return f"{name} c{fact.connection}" if fact.connection >= 0 else name
