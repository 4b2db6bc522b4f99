"""An entry of the kernel's table as an answer: what flows shows of an open connection."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from operator import itemgetter
from typing import Any

from ctaudit.conntrack.endpoint import PARTIES, Direction, Parties, choose_direction
from ctaudit.conntrack.event import STATUS_HW_OFFLOAD, STATUS_OFFLOAD
from ctaudit.conntrack.layout import Layout
from ctaudit.query.answer import BY_THE_LAST_DUMP, NOT_COUNTED, OFFLOADED, Answer
from ctaudit.query.notation import Network
from ctaudit.query.question import FlowsQuestion
from ctaudit.spool.decoder import Row, decode_text

# Fields of an Answer from orig_src to labels, in its order, then what the others are made of.
COLUMNS = (
    "orig_src", "orig_dst", "orig_sport", "orig_dport",
    "reply_src", "reply_dst", "reply_sport", "reply_dport",
    "orig_icmp_type", "orig_icmp_code", "reply_icmp_type", "reply_icmp_code",
    "orig_packets", "orig_bytes", "reply_packets", "reply_bytes",
    "ct_id", "mark", "status", "state", "helper", "labels",
    "zone", "orig_zone", "reply_zone", "start_sent",
)  # fmt: skip
_PLACE = {column: place for place, column in enumerate(COLUMNS)}
_ADDRESSES = [_PLACE[column] for column in ("orig_src", "orig_dst", "reply_src", "reply_dst")]
_STATUS, _HELPER, _ZONE = _PLACE["status"], _PLACE["helper"], _PLACE["zone"]
_PACKETS = _PLACE["orig_packets"]
_COUNTERS = slice(_PACKETS, _PLACE["reply_bytes"] + 1)
_NOT_NUMBERS = {"orig_src", "orig_dst", "reply_src", "reply_dst", "helper", "labels"}
_NUMBERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_HOST_AND_REMOTE = {
    direction: itemgetter(*(_PLACE[column] for column in (*parties.host, *parties.remote)))
    for direction, parties in PARTIES.items()
}
_NOT_ENDED = (None,) * 5  # ended_at, ended_source, ended_after, ended_before, ended_cause
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The same hosts and remotes come again and again.
_read_address = lru_cache(1 << 14)(ip_address)

# What COLUMNS say of one entry, None where it has none.
Values = list[Any]
Condition = tuple[int, Network]


class EntryReader:
    """Reads the entries of one gateway's table, less those that were not asked for.

    ``began_at``: when the dump began. Each entry in it was alive then, or began later.
    """

    def __init__(self, node: str, question: FlowsQuestion, began_at: datetime) -> None:
        self._node = node
        self._began_at = began_at
        self._outward = _list_conditions(PARTIES[Direction.OUTWARD], question)
        self._inward = _list_conditions(PARTIES[Direction.INWARD], question)

    def read_rows(self, layout: Layout, rows: Iterable[Row]) -> Iterator[Answer]:
        read_values, outward, inward = _compile(layout), self._outward, self._inward
        for row in rows:
            values = read_values(row)
            direction = choose_direction(
                values[_STATUS],
                outward=not outward or all(values[place] in network for place, network in outward),
                inward=not inward or all(values[place] in network for place, network in inward),
            )
            if direction is not None:
                yield self._make_answer(direction, layout.proto, values)

    def _make_answer(self, direction: Direction, proto: int, values: Values) -> Answer:
        zone, orig_zone, reply_zone, start = values[_ZONE:]
        started_at = None if start is None else _read_time(start)
        counters, cause = "at least", BY_THE_LAST_DUMP
        if (values[_STATUS] or 0) & (STATUS_OFFLOAD | STATUS_HW_OFFLOAD):
            values[_COUNTERS] = (None,) * 4
            counters, cause = "unknown", OFFLOADED
        elif values[_PACKETS] is None:
            counters, cause = "unknown", NOT_COUNTED
        fields = (
            self._node, direction.value, "open", True, *_HOST_AND_REMOTE[direction](values),
            started_at, started_at and "kernel", None, *_NOT_ENDED,
            max(started_at or self._began_at, self._began_at), "dump",
            zone or 0, orig_zone, reply_zone, proto, *values[:_ZONE], counters, cause,
            None,
        )  # fmt: skip
        return Answer(*fields)


@lru_cache(1024)
def _compile(layout: Layout) -> Callable[[Row], Values]:
    """How a row of that layout is read: its leaves in one go, then put into their places."""
    leaves = struct.Struct("!" + "".join(map(_name_format, layout.columns, layout.sizes)))
    absent = len(layout.columns)
    found = {column: place for place, column in enumerate(layout.columns)}
    pick = itemgetter(*(found.get(column, absent) for column in COLUMNS))

    def read_values(row: Row) -> Values:
        values = list(pick((*leaves.unpack(b"".join(row[:-1])), None)))
        for place in _ADDRESSES:
            values[place] = _read_address(values[place])
        if values[_HELPER] is not None:
            values[_HELPER] = decode_text(values[_HELPER])
        return values

    return read_values


def _name_format(column: str, size: int) -> str:
    return f"{size}s" if column in _NOT_NUMBERS else _NUMBERS[size]


def _list_conditions(parties: Parties, question: FlowsQuestion) -> list[Condition]:
    asked = (
        (parties.host, question.host), (parties.public, question.nat),
        (parties.remote, question.remote),
    )  # fmt: skip
    return [(_PLACE[columns.address], network) for columns, network in asked if network]


def _read_time(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
