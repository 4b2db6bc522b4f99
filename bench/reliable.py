"""What ``reliable = true`` costs the server at the end of a day: CALLs of mode live, in turn.

A CALL of openings, then CALLs with the ends of connections whose openings the day holds, with
`reliable` and without. A stream pays only for what a gap may hide: so all is measured once more
under the gap of an overrun.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from psycopg.types.json import Jsonb

from bench.store import BATCH, SETTINGS, Store, Stream, install_functions, one
from ctaudit.database import schema
from lab.cluster import private_cluster

_CALLS = 40  # of each kind
_PORTION = 1_000_000
_SET = "UPDATE ctaudit.stream SET detail = detail || %s"
_LATE = "SELECT count(*) FROM ctaudit.opening_row WHERE provenance = 'l'"


def run_reliable(openings: int) -> Iterator[dict[str, Any]]:
    """Events a second of either stream, and their ratio: nothing lost, then under a gap."""
    with private_cluster(settings=SETTINGS) as cluster:
        cluster.create_database("ctaudit")
        schema.install(cluster.dsn())
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        day -= timedelta(days=1)
        store = Store(cluster.dsn(), day + timedelta(hours=23, minutes=30))
        install_functions(store.connection)
        store.make_partitions([day.date()])
        stream = store.start("gw1", day)
        _fill(store, openings, day)
        yield {"what": "nothing lost", "openings": openings} | _measure(store, stream)
        stream.note(store.now, "overrun", lost=None)
        yield {"what": "under a gap", "openings": openings} | _measure(store, stream)


def _fill(store: Store, openings: int, day: datetime) -> None:
    """A day of 23.5 hours, evenly; what began in its last 30 s is open."""
    span = store.now - day
    for first in range(0, openings, _PORTION):
        count = min(_PORTION, openings - first)
        store.fill("gw1", count, day + span * (first / openings), span * (count / openings))
    store.connection.execute("VACUUM ANALYZE")


def _measure(store: Store, stream: Stream) -> dict[str, Any]:
    """Milliseconds of a CALL of openings, of ends, and of ends in a reliable stream; the rates."""
    count = 2 * _CALLS * BATCH
    begun, since, span = store.next, store.now, timedelta(seconds=30)
    store.fill("gw1", count, since, span, kept=1)
    store.now += 2 * span
    _make_batches(
        store, f"ends {begun}", begun, count,
        f"3, timestamptz '{store.now}', timestamptz '{since}'"
        f" + (n - {begun}) * interval '30 s' / {count} + interval '10 us'",
    )  # fmt: skip
    _make_batches(
        store, f"openings {begun}", store.next, count // 2,
        f"1, timestamptz '{store.now}', timestamptz '{store.now}'",
    )  # fmt: skip
    store.next += count // 2
    spent: dict[str, list[float]] = {"openings": [], "ends": [], "reliable": []}
    for number in range(_CALLS):
        stream.send(store.now, f"openings {begun}", number)
        spent["openings"].append(stream.spent[-1])
        for turn in range(2):
            is_reliable = (number + turn) % 2 == 0
            store.connection.execute(_SET, (Jsonb({"reliable": is_reliable}),))
            stream.send(store.now, f"ends {begun}", 2 * number + turn)
            spent["reliable" if is_reliable else "ends"].append(stream.spent[-1])
    each = {kind: median(found) for kind, found in spent.items()}
    rate, reliable_rate = (
        1000 * 2 * BATCH / (each["openings"] + each[kind]) for kind in ("ends", "reliable")
    )
    return {f"{kind}_ms": round(took, 1) for kind, took in each.items()} | {
        "rate": round(rate),
        "reliable_rate": round(reliable_rate),
        "ratio": round(reliable_rate / rate, 2),
        "late": one(store.connection, _LATE),
    }


def _make_batches(store: Store, name: str, first: int, count: int, values: str) -> None:
    rows = f"SELECT n, {values} FROM generate_series({first}, {first + count - 1}) AS n"
    store.batches(name, "gw1", rows)
