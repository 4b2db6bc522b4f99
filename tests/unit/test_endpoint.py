"""Who is host, public and remote: as the store says it."""

from __future__ import annotations

import pytest

from ctaudit.conntrack.endpoint import PARTIES, Direction, choose_direction
from ctaudit.query.lookup import Answer
from tests.unit import answers

CONFIRMED, SNAT, DNAT = 0x18E, 0x10, 0x20
OUTWARD, INWARD = Direction.OUTWARD, Direction.INWARD

# status, whether outward's parties are asked for, whether inward's are: direction
TABLE = [
    (None, True, True, OUTWARD),
    (None, False, True, None),
    (CONFIRMED, True, True, OUTWARD),
    (CONFIRMED, True, False, OUTWARD),
    (CONFIRMED, False, True, None),
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
