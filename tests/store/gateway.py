"""A gateway's stream as its recorder would commit it: notes and events through the procedures."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from ctaudit.conntrack.event import (
    BIGINT,
    BYTEA,
    COLUMNS,
    INET,
    INTEGER,
    SMALLINT,
    TEXT,
    TIMESTAMPTZ,
    Kind,
)
from lab.cluster import system_user

_NAMES = {
    SMALLINT: "smallint", INTEGER: "integer", BIGINT: "bigint", INET: "inet", TEXT: "text",
    TIMESTAMPTZ: "timestamptz", BYTEA: "bytea",
}  # fmt: skip
_ARRAYS = ", ".join(f"%s::{_NAMES[kind]}[]" for kind in COLUMNS.values())
STEP = 100

Event = dict[str, Any]


class Gateway:
    """One stream of one node. Times are wall clock; each batch and note moves on the position."""

    def __init__(self, dsn: str, node: str, mode: str = "live") -> None:
        let_record(dsn, node)
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.node = node
        self.mode = mode
        self.stream = uuid.uuid4()
        self.position = 0

    def close(self) -> None:
        self.connection.close()

    def listen(self, at: datetime, entries: Sequence[Event] = ()) -> None:
        """The stream's start and the first table dump, a second later."""
        self.note("start", at, {"mode": self.mode})
        self.dump(at + timedelta(seconds=1), entries)

    def dump(self, at: datetime, entries: Sequence[Event] = ()) -> None:
        self.note("dump begin", at, {"cause": "test"})
        rows = [{**entry, "kind": Kind.DUMP, "received_at": at} for entry in entries]
        self.record(rows, at)
        self.note("dump end", at, {"entries": len(rows)})

    def note(self, name: str, at: datetime, detail: dict[str, Any]) -> None:
        self.connection.execute(
            "CALL ctaudit.record_note(%s, %s, %s::bigint, %s::bigint, %s, %s, %s)",
            (*self._move(), at, name, Jsonb(detail)),
        )

    def record(self, events: Sequence[Event], covered_until: datetime) -> None:
        arrays = [[event.get(name) for event in events] for name in COLUMNS]
        self.connection.execute(
            f"CALL ctaudit.record_{self.mode}(%s, %s, %s::bigint, %s::bigint, %s, {_ARRAYS})",  # type: ignore[arg-type]
            (*self._move(), covered_until, *arrays),
        )

    def _move(self) -> tuple[Any, ...]:
        first = self.position
        self.position += STEP
        return self.node, self.stream, first, self.position


def let_record(dsn: str, node: str) -> None:
    """The login of ``dsn`` records as ``node``: as the owner would say it, unless he has."""
    login = str(conninfo_to_dict(dsn)["user"])
    with psycopg.connect(make_conninfo(dsn, user=system_user())) as connection:
        connection.execute(
            "SELECT ctaudit.add_login(%(node)s::text, %(login)s::text) WHERE NOT EXISTS"
            " (SELECT FROM ctaudit.node_login WHERE node = %(node)s AND login = %(login)s)"
            " AND NOT pg_has_role(%(login)s, 'ctaudit_owner', 'MEMBER')",
            {"node": node, "login": login},
        )


def numbered(number: int) -> Event:
    """A connection of a host and a public port of its own."""
    host = f"10.0.{number // 250}.{number % 250} 4000 > 19.1.16.7 443"
    reply = f"19.1.16.7 443 > 1.2.3.4 {10_000 + number}"
    return {**tuples(host, reply), "proto": 6, "ct_id": number, "status": 0x18E}


def nanoseconds(time: datetime) -> int:
    """As a note's detail holds times."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def split(end: str) -> tuple[str, int | None]:
    address, _, port = end.rpartition(" ")
    return (address, int(port)) if address else (end, None)


def tuples(orig: str, reply: str) -> Event:
    """``192.168.1.129 53400 > 19.1.16.7 443`` for each direction; ports may be left out."""
    (orig_src, orig_sport), (orig_dst, orig_dport) = map(split, orig.split(" > "))
    (reply_src, reply_sport), (reply_dst, reply_dport) = map(split, reply.split(" > "))
    return {
        "orig_src": orig_src, "orig_sport": orig_sport,
        "orig_dst": orig_dst, "orig_dport": orig_dport,
        "reply_src": reply_src, "reply_sport": reply_sport,
        "reply_dst": reply_dst, "reply_dport": reply_dport,
    }  # fmt: skip


def opened(connection: Event, at: datetime, *, timed: bool = True) -> Event:
    """Its NEW: read 1 ms after it was sent; ``timed``: with CTA_TIMESTAMP_EVENT."""
    event = {name: value for name, value in connection.items() if not name.endswith(COUNTERS)}
    read = at + timedelta(milliseconds=1)
    return {"kind": Kind.NEW, "event_at": at if timed else None, **event, "received_at": read}


def ended(connection: Event, start: datetime, stop: datetime) -> Event:
    """Its DESTROY, with the kernel's times."""
    read = stop + timedelta(milliseconds=1)
    return {
        "kind": Kind.DESTROY, **connection,
        "received_at": read, "start_sent": start, "stop_sent": stop,
    }  # fmt: skip


COUNTERS = ("_packets", "_bytes")
SRC_NAT, DST_NAT, SEEN, ASSURED = 0x10, 0x20, 0x2, 0x4
