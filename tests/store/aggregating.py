"""A gateway whose recorder calls record_aggregate, and connections that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from ctaudit.conntrack.event import COLUMNS
from tests.store.gateway import _ARRAYS, SEEN, SRC_NAT, Event, Gateway, tuples

BASE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)


def second(number: float) -> datetime:
    return BASE + timedelta(seconds=number)


class Aggregating(Gateway):
    """A gateway in history mode whose recorder calls record_aggregate."""

    procedure = "ctaudit.record_aggregate"

    def __init__(self, dsn: str, node: str = "gw1") -> None:
        super().__init__(dsn, node, "history")

    def record(self, events: Sequence[Event], covered_until: datetime) -> None:
        arrays = [[event.get(name) for event in events] for name in COLUMNS]
        self.connection.execute(
            f"CALL {self.procedure}(%s, %s, %s::bigint, %s::bigint, %s, {_ARRAYS})",  # type: ignore[arg-type]
            (*self._move(), covered_until, *arrays),
        )


def forget_all(dsn: str) -> None:
    """Of the owner: no gateway and none of its rows is left."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE ctaudit.node CASCADE")
        connection.execute(
            "TRUNCATE ctaudit.flow_row, ctaudit.dump_entry_row, ctaudit.aggregate_row"
        )


def begin(gateway: Gateway) -> None:
    gateway.note("start", second(-20), {"mode": "history", "timestamp": "1"})
    gateway.dump(second(-10))


def finish(gateway: Gateway) -> None:
    gateway.dump(second(3600))
    gateway.record([], second(3800))
    gateway.close()


def flow(port: int, client: int = 129, remote: str = "19.1.16.7", **more: Any) -> Event:
    return {
        **tuples(f"192.168.1.{client} {port} > {remote} 443", f"{remote} 443 > 1.2.3.4 {port}"),
        "proto": 6, "ct_id": port, "status": SRC_NAT | SEEN, "orig_packets": 3, "orig_bytes": 300,
        "reply_packets": 2, "reply_bytes": 200, **more,
    }  # fmt: skip
