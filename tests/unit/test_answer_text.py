"""One connection as text and as JSON keys."""

from __future__ import annotations

from dataclasses import fields

from ctaudit.query.answer import Answer
from ctaudit.query.answer_text import (
    PLAIN_KEYS,
    format_host,
    format_public,
    format_remote,
    plain_answer,
)
from tests.unit.answers import ECHO, INWARD, OPEN, OUTWARD


def test_every_field_of_an_answer_has_its_key() -> None:
    assert [item.name for item in fields(Answer)] == list(PLAIN_KEYS[: len(fields(Answer))])
    assert tuple(plain_answer(OUTWARD)) == PLAIN_KEYS


def test_the_parties_by_direction() -> None:
    assert [show(OUTWARD) for show in (format_host, format_public, format_remote)] == [
        "192.168.1.129:53400", "1.2.3.4:53500", "19.1.16.7:443",
    ]  # fmt: skip
    assert [show(INWARD) for show in (format_host, format_public, format_remote)] == [
        "192.168.1.130:443", "1.2.3.4:8443", "61.174.51.209:6000",
    ]  # fmt: skip


def test_what_is_derived() -> None:
    plain = plain_answer(OUTWARD)
    assert (plain["proto_name"], plain["protocol_state_name"]) == ("tcp", "TIME_WAIT")
    assert plain["duration_seconds"] == 123.28
    assert plain_answer(OPEN)["duration_seconds"] is None
    assert plain_answer(ECHO)["protocol_state_name"] is None
