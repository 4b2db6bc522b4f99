"""One connection of an answer: its three parties as text, and all of it as a JSON object."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any

from ctaudit.conntrack.endpoint import format_party
from ctaudit.conntrack.event import name_protocol, name_state
from ctaudit.query.answer import Answer
from ctaudit.query.value_text import plain_value

_DERIVED = ("public", "public_port", "proto_name", "protocol_state_name", "duration_seconds")
_COLUMNS = tuple(item.name for item in fields(Answer))
_get_columns = attrgetter(*_COLUMNS)
PLAIN_KEYS = (*_COLUMNS, *_DERIVED)


def format_host(answer: Answer) -> str:
    return format_party(answer.proto, answer.host, answer.host_port)


def format_public(answer: Answer) -> str:
    return format_party(answer.proto, answer.public, answer.public_port)


def format_remote(answer: Answer) -> str:
    if not answer.is_remote_stored:
        return "a remote end that is not stored"
    return format_party(answer.proto, answer.remote, answer.remote_port)


def plain_answer(answer: Answer) -> dict[str, Any]:
    """PLAIN_KEYS: the columns by their names in the store, then what is derived from them."""
    duration = answer.duration
    derived = (
        answer.public,
        answer.public_port,
        name_protocol(answer.proto),
        name_state(answer.proto, answer.protocol_state),
        None if duration is None else duration.total_seconds(),
    )
    values = (*_get_columns(answer), *derived)
    return dict(zip(PLAIN_KEYS, map(plain_value, values), strict=True))
