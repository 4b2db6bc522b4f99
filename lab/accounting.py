"""Whether the record holds each connection of a load once, and whether its sums agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from lab import addresses as a
from lab.rig import Rig
from lab.traffic.burst import Tuple, burst_tuple

_BIRTH = "10 ms"


def stored(rig: Rig, table: str, provenance: str | None = "event") -> Counter[Tuple]:
    """The burst's connections in a table: source, source port, destination port."""
    rows = rig.query(
        f"""
        SELECT host(orig_src), orig_sport, orig_dport FROM ctaudit.{table}
        WHERE orig_dst = %s AND proto = 17 AND orig_dport BETWEEN %s AND %s
            AND reply_src = orig_dst AND reply_sport = orig_dport AND reply_dst = %s
            AND (%s::text IS NULL OR provenance = %s::ctaudit.provenance)
        """,
        *(a.SERVER, a.SILENT_PORTS.start, a.SILENT_PORTS.stop - 1, a.GATEWAY),
        *(provenance, provenance),
    )
    return Counter(rows)


def find_unannounced(rig: Rig) -> Counter[Tuple]:
    """Connections that ended while they began: the kernel sends their end only.

    nf_conntrack_ecache.c, nf_ct_deliver_cached_events: no NEW of an entry that is dying already,
    as one is that a flush finds between its insertion and that call. Microseconds, on a busy CPU
    at most the time until it is run again.
    """
    rows = rig.query(
        "SELECT host(f.orig_src), f.orig_sport, f.orig_dport FROM ctaudit.flow AS f"
        " WHERE f.ended_at - f.started_at < %s::interval"
        " AND NOT EXISTS (SELECT FROM ctaudit.opening AS o WHERE o.orig_dport = f.orig_dport"
        " AND o.orig_src = f.orig_src AND o.orig_sport = f.orig_sport"
        " AND o.reply_dst = f.reply_dst AND o.reply_dport = f.reply_dport)",
        _BIRTH,
    )
    return Counter(rows)


def expect_once(rig: Rig, indexes: Iterable[int]) -> None:
    """Each connection of the burst has one opening and one end; nothing else is there."""
    wanted = Counter(burst_tuple(index) for index in indexes)
    announced = wanted - find_unannounced(rig)
    # Seen about once in a million: a short run must have every opening.
    assert len(wanted) - len(announced) <= len(wanted) // 200_000
    for table, expected in (("opening", announced), ("flow", wanted)):
        found = stored(rig, table, None)
        missing, more = expected - found, found - expected
        assert (len(missing), len(more)) == (0, 0), (
            f"{table}: {len(missing)} missing, {len(more)} too many, such as "
            f"{[*missing][:3]} and {[*more][:3]}"
        )


def expect_no_gap(rig: Rig) -> None:
    assert rig.query("SELECT cause, gap_from, gap_until, lost FROM ctaudit.gap") == []
    assert rig.count("undecodable") == 0


def expect_closed_accounting(rig: Rig) -> dict[str, int]:
    """Received = stored + filtered + undecodable over all streams; returns the sums."""
    names = ("received", "stored", "filtered", "undecodable", "dropped")
    columns = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in names)
    (row,) = rig.query(f"SELECT {columns} FROM ctaudit.stream")
    sums: dict[str, Any] = dict(zip(names, row, strict=True))
    assert sums["received"] == sums["stored"] + sums["filtered"] + sums["undecodable"]
    return sums
