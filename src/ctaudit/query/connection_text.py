"""A connection of who's reply with all who saw it, and a hint: as text and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ctaudit.conntrack.endpoint import format_party
from ctaudit.conntrack.event import STATUS_DST_NAT, name_protocol
from ctaudit.query.answer import BY_THE_LAST_DUMP, Answer
from ctaudit.query.answer_text import format_host, format_public, format_remote, plain_answer
from ctaudit.query.hint import Hint
from ctaudit.query.holder_text import format_holder, plain_holder
from ctaudit.query.lacking_text import NO_START
from ctaudit.query.path import Connection
from ctaudit.query.value_text import format_duration, format_time, format_traffic, plain_time

_SOURCES = {
    "kernel": "kernel",
    "event": "kernel event",
    "receiver": "receiver, no later than this",
    "dump": "seen in a table dump, at or before this",
    "ulogd2": "as ulogd2 wrote it, the kernel's or its own clock's",
}
_HINT_FOUND = 10  # connections that the JSON has of a hint


def plain_connection(connection: Connection) -> dict[str, Any]:
    """The keys of its answer, then ``seen_by``: each gateway and zone, away from the host.

    ``holder`` only where the store has holders.
    """
    seen_by = [
        {
            "node": answer.node,
            "zone": answer.zone,
            "orig_zone": answer.orig_zone,
            "reply_zone": answer.reply_zone,
            "host": str(answer.host),
            "host_port": answer.host_port,
            "public": str(answer.public),
            "public_port": answer.public_port,
            "started_at": plain_time(answer.started_at),
            "ended_at": plain_time(answer.ended_at),
            "ct_id": answer.ct_id,
        }
        for answer in connection.seen_by
    ]
    plain = plain_answer(connection.answer) | {"seen_by": seen_by}
    if connection.holder is not None:
        plain["holder"] = plain_holder(connection.holder)
    return plain


def plain_hint(hint: Hint) -> dict[str, Any]:
    """``found``: the first of its connections."""
    return {
        "kind": hint.kind,
        "text": hint.text,
        "count": len(hint.found),
        "hosts": sorted({str(answer.host) for answer in hint.found}),
        "found": [plain_answer(answer) for answer in hint.found[:_HINT_FOUND]],
    }


def format_place(answer: Answer) -> str:
    """The gateway and its zone; where directions have zones of their own, these."""
    zones = [("zone", answer.zone), ("orig zone", answer.orig_zone)]
    zones.append(("reply zone", answer.reply_zone))
    return ", ".join([answer.node, *(f"{name} {zone}" for name, zone in zones if zone)])


def format_sighting(other: Answer, answer: Answer) -> str:
    """The gateway; where its tuples are not those of the ``answer``, with what it translated."""
    before, after = format_host(other), format_public(other)
    if (before, after) == (format_host(answer), format_public(answer)):
        return format_place(other)
    made = "not translated" if before == after else f"translated to {after}"
    if other.direction == "inward":
        before, made = after, "not translated" if before == after else f"translated to {before}"
    return f"{format_place(other)}, as {before}, {made}"


def format_connection(connection: Connection) -> Iterator[str]:
    yield format_who(connection.answer)
    for label, text in format_details(connection):
        yield f"  {label:<9}  {text}"


def format_who(answer: Answer) -> str:
    """``192.168.1.129:53400 was behind 1.2.3.4:53500 (tcp to 19.1.16.7:443)``."""
    host, public = format_host(answer), format_public(answer)
    way = "from" if answer.direction == "inward" else "to"
    rest = f"({name_protocol(answer.proto)} {way} {format_remote(answer)})"
    if host == public:
        return f"{host} was the host itself, its address was not translated {rest}"
    return f"{host} was behind {public} {rest}"


def format_details(connection: Connection) -> Iterator[tuple[str, str]]:
    """Each line's label and its text."""
    answer = connection.answer
    if connection.holder is not None:
        yield "holder", format_holder(connection.holder)
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


def _format_idle(since: datetime, until: datetime | None) -> str:
    """An entry outlives the last packet by a time-out: 5 days where a TCP host is gone."""
    to = f" to {format_time(until)}" if until else ""
    return f"no packet from {format_time(since)}{to}, by the table dumps"
