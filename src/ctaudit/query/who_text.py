"""who's reply: as text for people, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ctaudit.conntrack.endpoint import Address
from ctaudit.conntrack.event import name_protocol
from ctaudit.query.answer import IMPORTED, Coverage, Import
from ctaudit.query.connection_text import format_connection, plain_connection, plain_hint
from ctaudit.query.filter_text import format_filters
from ctaudit.query.path import Connection
from ctaudit.query.question import WhoQuestion
from ctaudit.query.reply import ANSWERS_MAX, Reply
from ctaudit.query.value_text import (
    format_time,
    localise_times,
    plain_time,
)
from ctaudit.query.verdict import ProtocolVerdict, Verdict, find_outside


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
        "imported": [_plain_import(item) for item in reply.imports],
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


def _plain_import(item: Import) -> dict[str, Any]:
    return {
        "node": item.node,
        "from": item.imported_from,
        "first_at": plain_time(item.first_at),
        "last_at": plain_time(item.last_at),
        "not_taken": item.not_taken,
    }


def format_reply(reply: Reply, most: int = ANSWERS_MAX) -> Iterator[str]:
    """Aligned lines: the answers, what was asked, and whether the record is complete.

    ``most``: how many candidates are shown.
    """
    connections, verdict = _list_recorded(reply), reply.verdict
    if not connections:
        yield f"No connection is recorded for {_format_question(reply.question)}."
    elif len(connections) == 1:
        yield from format_connection(connections[0])
    else:
        yield from _format_candidates(reply, connections, most)
    yield from _format_imports(reply)
    yield f"Asked: {_format_span(reply.question)}."
    yield from _format_renamed(reply)
    for reason in verdict.reasons:
        yield f"Unknown: {localise_times(reason)}."
    if reply.protocols:
        yield f"{format_verdicts(reply)}."
    for sentence in find_outside(reply.of_the_address, reply.coverage):
        yield f"Wrong scope: {localise_times(sentence)}, and yet it had this connection."
    for item in reply.coverage:
        if item.by_pair:
            yield f"Pair: {localise_times(item.by_pair)}."
    yield from _format_completeness(reply)
    for hint in reply.hints:
        yield f"Hint: {hint.text}."


def _format_candidates(reply: Reply, connections: Sequence[Connection], most: int) -> Iterator[str]:
    number = f"More than {ANSWERS_MAX:,}" if reply.cut else str(len(connections))
    yield f"{number} candidates for {_format_question(reply.question)}:"
    for place, connection in enumerate(connections[:most], 1):
        yield ""
        first, *rest = format_connection(connection)
        yield f"{place}. {first}"
        yield from rest
    yield ""
    unseen = len(connections) - most
    if unseen > 0:
        yield f"Not shown: {unseen} more; ctaudit who shows them."
    if reply.cut:
        yield f"Not read: what is beyond the latest {ANSWERS_MAX:,}."
    yield _format_hosts(_find_hosts(reply))
    answers = tuple(one.answer for one in connections)
    yield format_filters(reply.question, answers)


def _format_completeness(reply: Reply) -> Iterator[str]:
    verdict = reply.verdict
    if verdict.name == "none":
        yield "The record of the connections that conntrack tracks is complete here."
    elif verdict.complete and not verdict.reasons:
        yield "The record is complete here."
    elif _list_recorded(reply) and not verdict.complete:
        yield "Another connection may be the one asked for."


def _list_recorded(reply: Reply) -> tuple[Connection, ...]:
    return tuple(one for one in reply.connections if one.answer.provenance != IMPORTED)


def _find_hosts(reply: Reply) -> frozenset[Address]:
    """Those of the candidates; of more than ANSWERS_MAX answers, those of all."""
    if reply.cut:
        return reply.hosts
    return frozenset(one.answer.host for one in _list_recorded(reply))


def _format_imports(reply: Reply) -> Iterator[str]:
    """What was imported is named, whether it had an answer or not; it has no verdict.

    What a gateway recorded as well is shown there, as seen by both.
    """
    for item in reply.imports:
        saw = [one for one in reply.connections if any(a.node == item.node for a in one.seen_by)]
        alone = [one for one in saw if one.answer.provenance == IMPORTED]
        span = " until ".join(
            format_time(at, trim=True) for at in (item.first_at, item.last_at) if at
        )
        found = f"{len(saw)} found"
        if len(alone) < len(saw):
            found += f", {len(saw) - len(alone)} of them recorded as well"
        rest = f"; {item.not_taken:,} of its rows could not be read" if item.not_taken else ""
        yield f"{item.why} ({span}): {found}{rest}."
        for connection in alone:
            if connection.answer.node == item.node:
                yield from format_connection(connection)


def _format_renamed(reply: Reply) -> Iterator[str]:
    """Where the name that was asked for is one that a gateway had before."""
    for item in reply.coverage:
        if reply.question.node not in (None, item.node) and not _is_behind(item, reply):
            yield f"The gateway that was called {reply.question.node} is called {item.node} now."


def _is_behind(item: Coverage, reply: Reply) -> bool:
    """Whether it is asked only because it has the address of another gateway's host."""
    sightings = (one for connection in reply.connections for one in connection.seen_by)
    return any(one.node != item.node and one.host in item.holds for one in sightings)


def format_verdicts(reply: Reply) -> str:
    """Of each protocol, where the record is complete for some only."""
    return "; ".join(_format_verdict(item, reply.verdict) for item in reply.protocols)


def _format_verdict(item: ProtocolVerdict, whole: Verdict) -> str:
    """``tcp: one, proven``; with the reasons that are not said of the ``whole``."""
    verdict = item.verdict
    if verdict.name != "unknown":
        return f"{_label(item)}: {verdict.name}, proven"
    reasons = "; ".join(map(localise_times, [r for r in verdict.reasons if r not in whole.reasons]))
    return f"{_label(item)}: unknown" + (f" ({reasons})" if reasons else "")


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
