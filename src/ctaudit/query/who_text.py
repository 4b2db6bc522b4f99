"""who's reply: as text for people, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ctaudit.conntrack.endpoint import format_party
from ctaudit.conntrack.event import STATUS_DST_NAT, name_protocol
from ctaudit.query.answer import BY_THE_LAST_DUMP, IMPORTED, Answer, Coverage, Import
from ctaudit.query.answer_text import format_host, format_public, format_remote, plain_answer
from ctaudit.query.lacking_text import NO_START
from ctaudit.query.lookup import ANSWERS_MAX, Reply
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
    "ulogd2": "as ulogd2 wrote it, the kernel's or its own clock's",
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
        "hosts": sorted({str(answer.host) for answer in reply.answers}),
        "answers": [plain_answer(answer) for answer in reply.answers],
        "cut": reply.cut,
        "completeness": [_plain_coverage(item) for item in reply.coverage],
        "protocols": {_label(item): _plain_verdict(item) for item in reply.protocols},
        "imported": [_plain_import(item) for item in reply.imports],
        "scope_wrong": list(find_outside(reply.answers, reply.coverage)),
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
    }


def _plain_import(item: Import) -> dict[str, Any]:
    return {
        "node": item.node,
        "from": item.imported_from,
        "first_at": plain_time(item.first_at),
        "last_at": plain_time(item.last_at),
        "not_taken": item.not_taken,
    }


def format_reply(reply: Reply) -> Iterator[str]:
    """Aligned lines: the answers, what was asked, and whether the record is complete."""
    answers, verdict = reply.answers, reply.verdict
    answers = tuple(answer for answer in answers if answer.provenance != IMPORTED)
    if not answers:
        yield f"No connection is recorded for {_format_question(reply.question)}."
    elif len(answers) == 1:
        yield from _format_answer(answers[0])
    else:
        number = f"More than {ANSWERS_MAX}" if reply.cut else str(len(answers))
        yield f"{number} candidates for {_format_question(reply.question)}:"
        for place, answer in enumerate(answers, 1):
            yield ""
            first, *rest = _format_answer(answer)
            yield f"{place}. {first}"
            yield from rest
        yield ""
        yield _format_hosts(answers)
        yield _format_filters(reply)
    yield from _format_imports(reply)
    yield f"Asked: {_format_span(reply.question)}."
    yield from _format_renamed(reply)
    for reason in verdict.reasons:
        yield f"Unknown: {localise_times(reason)}."
    if reply.protocols:
        yield f"{'; '.join(_format_verdict(item, verdict) for item in reply.protocols)}."
    for sentence in find_outside(answers, reply.coverage):
        yield f"Wrong scope: {localise_times(sentence)}, and yet it had this connection."
    if verdict.name == "none":
        yield "The record of the connections that conntrack tracks is complete here."
    elif verdict.complete and not verdict.reasons:
        yield "The record is complete here."
    elif answers and not verdict.complete:
        yield "Another connection may be the one asked for."


def _format_imports(reply: Reply) -> Iterator[str]:
    """What was imported is named, whether it had an answer or not; it has no verdict."""
    found = [answer for answer in reply.answers if answer.provenance == IMPORTED]
    for item in reply.imports:
        own = [answer for answer in found if answer.node == item.node]
        span = " until ".join(
            format_time(at, trim=True) for at in (item.first_at, item.last_at) if at
        )
        rest = f"; {item.not_taken:,} of its rows could not be read" if item.not_taken else ""
        yield f"{item.why} ({span}): {len(own)} found{rest}."
        for answer in own:
            yield from _format_answer(answer)


def _format_renamed(reply: Reply) -> Iterator[str]:
    """Where the name that was asked for is one that a gateway had before."""
    for item in reply.coverage:
        if reply.question.node not in (None, item.node):
            yield f"The gateway that was called {reply.question.node} is called {item.node} now."


def _format_verdict(item: ProtocolVerdict, whole: Verdict) -> str:
    """``tcp: one, proven``; with the reasons that are not said of the ``whole``."""
    verdict = item.verdict
    if verdict.name != "unknown":
        return f"{_label(item)}: {verdict.name}, proven"
    reasons = "; ".join(map(localise_times, [r for r in verdict.reasons if r not in whole.reasons]))
    return f"{_label(item)}: unknown" + (f" ({reasons})" if reasons else "")


def _format_answer(answer: Answer) -> Iterator[str]:
    yield _format_who(answer)
    for label, text in _format_details(answer):
        yield f"  {label:<9}  {text}"


def _format_who(answer: Answer) -> str:
    """``192.168.1.129:53400 was behind 1.2.3.4:53500 (tcp to 19.1.16.7:443)``."""
    host, public = format_host(answer), format_public(answer)
    way = "from" if answer.direction == "inward" else "to"
    rest = f"({name_protocol(answer.proto)} {way} {format_remote(answer)})"
    if host == public:
        return f"{host} was the host itself, its address was not translated {rest}"
    return f"{host} was behind {public} {rest}"


def _format_details(answer: Answer) -> Iterator[tuple[str, str]]:
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
    yield "gateway", answer.node + (f", zone {answer.zone}" if answer.zone else "")
    if answer.mark:
        yield "mark", f"{answer.mark:#x}"


def _format_start(answer: Answer) -> str:
    if answer.started_at is None:
        return f"unknown ({NO_START})"
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


def _format_question(question: WhoQuestion) -> str:
    text = str(question.public)
    if question.public.port is None:
        text += " (any port)"
    if question.proto is not None:
        text += f", {name_protocol(question.proto)}"
    if question.remote:
        text += f", to {question.remote}"
    return text + (f", on {question.node}" if question.node else "")


def _format_span(question: WhoQuestion) -> str:
    begin, end = question.span.begin, question.span.end
    zone = begin.astimezone().tzname()
    return f"{format_time(begin, trim=True)} to before {format_time(end, trim=True)} ({zone})"


def _format_hosts(answers: tuple[Answer, ...]) -> str:
    hosts = {str(answer.host) for answer in answers}
    if len(hosts) == 1:
        return f"All belong to the same host, {hosts.pop()}."
    return f"They belong to {len(hosts)} different hosts."


def _format_filters(reply: Reply) -> str:
    """The options that would distinguish the candidates, given how these differ."""
    question, answers = reply.question, reply.answers
    filters = []
    if len({(answer.public, answer.public_port) for answer in answers}) > 1:
        filters.append("the port")
    if question.proto is None and len({answer.proto for answer in answers}) > 1:
        names = sorted({name_protocol(answer.proto) for answer in answers})
        filters.append(f"--proto ({', '.join(names)})")
    if len({(answer.remote, answer.remote_port) for answer in answers}) > 1:
        filters.append("--to with the remote address" + _and_port(answers))
    if question.node is None and len({answer.node for answer in answers}) > 1:
        filters.append(f"--node ({', '.join(sorted({answer.node for answer in answers}))})")
    if question.within:
        filters.append("a smaller --within")
    elif _is_reused(answers):
        filters.append("a more exact --at, with a fraction of the second")
    if not filters:
        return "No further filter can distinguish them."
    return f"To distinguish them, add: {'; '.join(filters)}."


def _and_port(answers: tuple[Answer, ...]) -> str:
    pairs = {(answer.remote, answer.remote_port) for answer in answers}
    return " and port" if len({address for address, _ in pairs}) < len(pairs) else ""


def _is_reused(answers: tuple[Answer, ...]) -> bool:
    """Whether one candidate had ended when another began."""
    ends = [answer.ended_at for answer in answers if answer.ended_at]
    starts = [answer.started_at for answer in answers if answer.started_at]
    return bool(ends and starts) and min(ends) <= max(starts)
