"""who's reply: as text for people, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ctaudit.conntrack.endpoint import Address, format_party
from ctaudit.conntrack.event import STATUS_DST_NAT, name_protocol
from ctaudit.query.answer import BY_THE_LAST_DUMP, Answer, Coverage
from ctaudit.query.answer_text import format_host, format_public, format_remote
from ctaudit.query.connection_text import (
    format_place,
    format_sighting,
    plain_connection,
    plain_hint,
)
from ctaudit.query.filter_text import format_filters
from ctaudit.query.lookup import ANSWERS_MAX, Reply
from ctaudit.query.path import Connection
from ctaudit.query.question import WhoQuestion
from ctaudit.query.value_text import (
    format_duration,
    format_time,
    format_traffic,
    localise_times,
    plain_time,
)
from ctaudit.query.verdict import ProtocolVerdict, Verdict, find_outside

_SOURCES = {
    "kernel": "kernel",
    "event": "kernel event",
    "receiver": "receiver, no later than this",
    "dump": "seen in a table dump, at or before this",
}


def plain_reply(reply: Reply) -> dict[str, Any]:
    """The keys that ``who --json`` promises."""
    question, verdict = reply.question, reply.verdict
    return {
        "question": _plain_question(question),
        "verdict": verdict.name,
        "exit_status": verdict.exit_status,
        "complete": verdict.complete,
        "reasons": list(verdict.reasons),
        "hosts": sorted(map(str, reply.hosts)),
        "answers": [plain_connection(connection) for connection in reply.connections],
        "cut": reply.cut,
        "completeness": [_plain_coverage(item) for item in reply.coverage],
        "protocols": {_label(item): _plain_verdict(item) for item in reply.protocols},
        "scope_wrong": list(find_outside(reply.of_the_address, reply.coverage)),
        "hints": [plain_hint(hint) for hint in reply.hints],
    }


def _plain_question(question: WhoQuestion) -> dict[str, Any]:
    remote = question.remote
    return {
        "address": str(question.public.address),
        "port": question.public.port,
        "from": plain_time(question.span.begin),
        "until": plain_time(question.span.end),
        "within": question.within,
        "remote": str(remote.address) if remote else None,
        "remote_port": remote.port if remote else None,
        "proto": question.proto,
        "node": question.node,
        "zone": question.zone,
    }


def _plain_verdict(item: ProtocolVerdict) -> dict[str, Any]:
    verdict = item.verdict
    return {
        "proto": item.proto,
        "verdict": verdict.name,
        "exit_status": verdict.exit_status,
        "complete": verdict.complete,
        "reasons": list(verdict.reasons),
    }


def _label(item: ProtocolVerdict) -> str:
    return "other" if item.proto is None else name_protocol(item.proto)


def _plain_coverage(item: Coverage) -> dict[str, Any]:
    return {
        "node": item.node,
        "complete": item.complete,
        "why": item.why,
        "covered_from": plain_time(item.covered_from),
        "covered_until": plain_time(item.covered_until),
        "in_scope": item.in_scope,
        "by_pair": item.by_pair,
    }


def format_reply(reply: Reply) -> Iterator[str]:
    """Aligned lines: the answers, what was asked, and whether the record is complete."""
    connections, verdict = reply.connections, reply.verdict
    if not connections:
        yield f"No connection is recorded for {_format_question(reply.question)}."
    elif len(connections) == 1:
        yield from _format_connection(connections[0])
    else:
        number = f"More than {ANSWERS_MAX}" if reply.cut else str(len(connections))
        yield f"{number} candidates for {_format_question(reply.question)}:"
        for place, connection in enumerate(connections, 1):
            yield ""
            first, *rest = _format_connection(connection)
            yield f"{place}. {first}"
            yield from rest
        yield ""
        yield _format_hosts(reply.hosts)
        yield format_filters(reply)
    yield f"Asked: {_format_span(reply.question)}."
    yield from _format_renamed(reply)
    for reason in verdict.reasons:
        yield f"Unknown: {localise_times(reason)}."
    if reply.protocols:
        yield f"{'; '.join(_format_verdict(item, verdict) for item in reply.protocols)}."
    for sentence in find_outside(reply.of_the_address, reply.coverage):
        yield f"Wrong scope: {localise_times(sentence)}, and yet it had this connection."
    for item in reply.coverage:
        if item.by_pair:
            yield f"Pair: {localise_times(item.by_pair)}."
    yield from _format_completeness(reply)
    for hint in reply.hints:
        yield f"Hint: {hint.text}."


def _format_completeness(reply: Reply) -> Iterator[str]:
    verdict = reply.verdict
    if verdict.name == "none":
        yield "The record of the connections that conntrack tracks is complete here."
    elif verdict.complete and not verdict.reasons:
        yield "The record is complete here."
    elif reply.connections and not verdict.complete:
        yield "Another connection may be the one asked for."


def _format_renamed(reply: Reply) -> Iterator[str]:
    """Where the name that was asked for is one that a gateway had before."""
    for item in reply.coverage:
        if reply.question.node not in (None, item.node) and not _is_behind(item, reply):
            yield f"The gateway that was called {reply.question.node} is called {item.node} now."


def _is_behind(item: Coverage, reply: Reply) -> bool:
    """Whether it is asked only because it has the address of another gateway's host."""
    sightings = (one for connection in reply.connections for one in connection.seen_by)
    return any(one.node != item.node and one.host in item.holds for one in sightings)


def _format_verdict(item: ProtocolVerdict, whole: Verdict) -> str:
    """``tcp: one, proven``; with the reasons that are not said of the ``whole``."""
    verdict = item.verdict
    if verdict.name != "unknown":
        return f"{_label(item)}: {verdict.name}, proven"
    reasons = "; ".join(map(localise_times, [r for r in verdict.reasons if r not in whole.reasons]))
    return f"{_label(item)}: unknown" + (f" ({reasons})" if reasons else "")


def _format_connection(connection: Connection) -> Iterator[str]:
    yield _format_who(connection.answer)
    for label, text in _format_details(connection):
        yield f"  {label:<9}  {text}"


def _format_who(answer: Answer) -> str:
    """``192.168.1.129:53400 was behind 1.2.3.4:53500 (tcp to 19.1.16.7:443)``."""
    host, public = format_host(answer), format_public(answer)
    way = "from" if answer.direction == "inward" else "to"
    rest = f"({name_protocol(answer.proto)} {way} {format_remote(answer)})"
    if host == public:
        return f"{host} was the host itself, its address was not translated {rest}"
    return f"{host} was behind {public} {rest}"


def _format_details(connection: Connection) -> Iterator[tuple[str, str]]:
    answer = connection.answer
    if answer.direction != "inward" and (answer.status or 0) & STATUS_DST_NAT:
        asked = format_party(answer.proto, answer.orig_dst, answer.orig_dport)
        yield "called", f"{asked}, which the gateway translated"
    yield "started", _format_start(answer)
    yield "ended", _format_end(answer)
    if answer.duration is not None:
        length = format_duration(answer.duration)
        yield "duration", f"{length}, which includes the kernel's closing time-out"
    orig = _format_counters(answer, answer.orig_packets, answer.orig_bytes)
    back = _format_counters(answer, answer.reply_packets, answer.reply_bytes)
    sent, received = (back, orig) if answer.direction == "inward" else (orig, back)
    yield "sent", sent
    yield "received", received
    if answer.idle_since is not None:
        yield "idle", _format_idle(answer.idle_since, answer.ended_at or answer.last_seen_at)
    yield "gateway", format_place(answer)
    for other in connection.seen_by[1:]:
        yield "seen by", format_sighting(other, answer)
    if answer.mark:
        yield "mark", f"{answer.mark:#x}"


def _format_start(answer: Answer) -> str:
    if answer.started_at is None:
        return "unknown"
    source = _SOURCES.get(answer.started_source or "", answer.started_source)
    if answer.started_after is not None:
        source = f"{source}; no earlier than {format_time(answer.started_after)}"
    return f"{format_time(answer.started_at)} ({source})"


def _format_end(answer: Answer) -> str:
    if answer.ended_at is not None:
        source = _SOURCES.get(answer.ended_source or "", answer.ended_source)
        return f"{format_time(answer.ended_at)} ({source})"
    if answer.state == "open":
        return "still open"
    if answer.state == "unknown":
        return "unknown, no end is recorded"
    after = f"after {format_time(answer.ended_after)}" if answer.ended_after else ""
    before = f"before {format_time(answer.ended_before)}" if answer.ended_before else ""
    between = " and ".join(part for part in (after, before) if part)
    if answer.state == "unobserved":
        return f"unobserved, {between}" if between else "unobserved"
    cause = f": {answer.ended_cause}" if answer.ended_cause else ""
    return f"at an unknown time {between}".rstrip() + cause


def _format_counters(answer: Answer, packets: int | None, octets: int | None) -> str:
    """Where not all were counted: that there were at least so many, by when or why."""
    text, cause = format_traffic(packets, octets), answer.counters_cause
    if answer.counters == "at least":
        if text == "unknown":
            return text
        text = f"at least {text}"
        if answer.state != "ended" and answer.last_seen_at is not None:
            text += f" by {format_time(answer.last_seen_at)}"
            cause = None if cause == BY_THE_LAST_DUMP else cause
    return f"{text} ({cause})" if cause else text


def _format_idle(since: datetime, until: datetime | None) -> str:
    """An entry outlives the last packet by a time-out: 5 days where a TCP host is gone."""
    to = f" to {format_time(until)}" if until else ""
    return f"no packet from {format_time(since)}{to}, by the table dumps"


def _format_question(question: WhoQuestion) -> str:
    text = str(question.public)
    if question.public.port is None:
        text += " (any port)"
    if question.proto is not None:
        text += f", {name_protocol(question.proto)}"
    if question.remote:
        text += f", to {question.remote}"
    if question.node is not None:
        text += f", on {question.node or '(empty)'}"
    return text + (f", in zone {question.zone}" if question.zone is not None else "")


def _format_span(question: WhoQuestion) -> str:
    begin, end = question.span.begin, question.span.end
    zone = begin.astimezone().tzname()
    return f"{format_time(begin, trim=True)} to before {format_time(end, trim=True)} ({zone})"


def _format_hosts(hosts: frozenset[Address]) -> str:
    if len(hosts) == 1:
        return f"All belong to the same host, {next(iter(hosts))}."
    return f"They belong to {len(hosts)} different hosts."
