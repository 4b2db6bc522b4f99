"""A connection of who's reply with all who saw it, and a hint: as text and as JSON values."""

from __future__ import annotations

from typing import Any

from ctaudit.query.answer import Answer
from ctaudit.query.answer_text import format_host, format_public, plain_answer
from ctaudit.query.hint import Hint
from ctaudit.query.path import Connection
from ctaudit.query.value_text import plain_time

_HINT_FOUND = 10  # connections that the JSON has of a hint


def plain_connection(connection: Connection) -> dict[str, Any]:
    """The keys of its answer, then ``seen_by``: each gateway and zone, away from the host."""
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
    return plain_answer(connection.answer) | {"seen_by": seen_by}


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
