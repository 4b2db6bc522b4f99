"""Who is host, public and remote, as the store says it; and how endpoints are written."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ctaudit.conntrack.endpoint import (
    PARTIES,
    Direction,
    Endpoint,
    choose_direction,
    format_party,
)
from ctaudit.query.answer import Answer
from tests.unit import answers

CONFIRMED, SNAT, DNAT = 0x18E, 0x10, 0x20
OUTWARD, INWARD = Direction.OUTWARD, Direction.INWARD
V4, V6 = ip_address("1.2.3.4"), ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint(V4, 53500), "1.2.3.4:53500"),
        (Endpoint(V4, 0), "1.2.3.4:0"),
        (Endpoint(V4), "1.2.3.4"),
        (Endpoint(V6, 443), "[2001:db8::1]:443"),
        (Endpoint(V6), "2001:db8::1"),
    ],
)
def test_endpoint(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("proto", "number", "text"),
    [
        (6, 443, "1.2.3.4:443"),
        (1, 4711, "1.2.3.4 id 4711"),
        (58, 0, "1.2.3.4 id 0"),
        (47, 7, "1.2.3.4 key 7"),
        (1, None, "1.2.3.4"),
    ],
)
def test_party(proto: int, number: int | None, text: str) -> None:
    assert format_party(proto, V4, number) == text


# status, whether outward's parties are asked for, whether inward's are: direction
TABLE = [
    (None, True, True, OUTWARD),
    (None, False, True, None),
    (CONFIRMED, True, True, OUTWARD),
    (CONFIRMED, True, False, OUTWARD),
    (CONFIRMED, False, True, INWARD),
    (CONFIRMED, False, False, None),
    (CONFIRMED | SNAT, True, True, OUTWARD),
    (CONFIRMED | SNAT, False, True, None),
    (CONFIRMED | DNAT, True, True, INWARD),
    (CONFIRMED | DNAT, True, False, OUTWARD),
    (CONFIRMED | DNAT, False, True, INWARD),
    (CONFIRMED | DNAT, False, False, None),
    (CONFIRMED | SNAT | DNAT, True, True, OUTWARD),
    (CONFIRMED | SNAT | DNAT, True, False, OUTWARD),
    (CONFIRMED | SNAT | DNAT, False, True, INWARD),
    (CONFIRMED | SNAT | DNAT, False, False, None),
]


@pytest.mark.parametrize(("status", "outward", "inward", "direction"), TABLE)
def test_direction(
    status: int | None, outward: bool, inward: bool, direction: Direction | None
) -> None:
    assert choose_direction(status, outward=outward, inward=inward) is direction


@pytest.mark.parametrize("answer", [answers.OUTWARD, answers.INWARD, answers.ECHO])
def test_parties(answer: Answer) -> None:
    parties = PARTIES[Direction(answer.direction)]
    named = {
        name: tuple(getattr(answer, column) for column in getattr(parties, name))
        for name in ("host", "public", "remote")
    }
    assert named == {
        "host": (answer.host, answer.host_port),
        "public": (answer.public, answer.public_port),
        "remote": (answer.remote, answer.remote_port),
    }
