"""UDP entries that the kernel makes beside another one, without a NEW.

Two packets of one socket come at once, so that each gets an entry of its own. The first to be
inserted is announced. The other one has a public port of its own (IPS_NAT_CLASH) and a fixed
time-out; its DESTROY is sent as any other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Final

from tests.store.histories.traffic import PORTS
from tests.store.histories.truth import (
    FOREVER,
    MINUTE,
    NAT_CLASH,
    SECOND,
    Connection,
    Gateway,
)

_UNREPLIED: Final = 30 * SECOND  # nf_conntrack_udp_timeout


def make_clashes(
    rng: random.Random, gateway: Gateway, connections: Sequence[Connection]
) -> Iterator[Connection]:
    """The other entry of each of the connections that were made for one, where it has room."""
    there, numbers = list(connections), count(len(connections))
    for first in connections:
        if "clashes" in first.features and not _is_cut_off(gateway, first.start):
            second = _make_second(rng, first)
            if not any(_is_in_the_way(other, second) for other in there):
                there.append(replace(second, number=next(numbers)))
                yield there[-1]


def _make_second(rng: random.Random, first: Connection) -> Connection:
    service, port = first.reply.ports or (0, 0)
    start = first.start + rng.randrange(1, 200)
    stop = start + rng.randrange(SECOND, _UNREPLIED)
    return replace(
        first,
        reply=replace(first.reply, ports=(service, rng.choice([p for p in PORTS if p != port]))),
        ct_id=rng.randrange(1, 1 << 32),
        status=first.status | NAT_CLASH,
        start=start,
        stop=stop,
        destroyed=stop + rng.randrange(MINUTE),
        opening_told=False,
        end_told=True,
    )


def _is_in_the_way(other: Connection, second: Connection) -> bool:
    over = other.stop if other.destroyed == FOREVER else other.destroyed
    is_same = (other.proto, other.reply) == (second.proto, second.reply)
    return is_same and second.start <= over and other.start <= second.destroyed


def _is_cut_off(gateway: Gateway, start: int) -> bool:
    """Whether the receiver, or the kernel, is gone before all of it is told."""
    ends = [stream.end - 3 * SECOND for stream in gateway.streams]
    away = [(end, end + 3 * SECOND) for end in ends]
    away += [(at - _UNREPLIED - MINUTE, at) for at in gateway.reboots]
    return any(begin <= start < end for begin, end in away)
