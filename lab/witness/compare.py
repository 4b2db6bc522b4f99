"""What was sent, what the witness saw of it, and what the store should say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ctaudit.conntrack.event import STATUS_ASSURED, STATUS_DST_NAT, STATUS_SEEN_REPLY, name_state
from lab.traffic.senders import Sent
from lab.witness.conntrack_text import Entry, Tuple

ICMP = (1, 58)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = Mapping[str, Any]


def fits(entry: Entry, sent: Sent) -> bool:
    """Whether the entry is of the connection that was sent."""
    orig = entry.orig
    ports = (sent.get("sport", sent.get("srckey")), sent.get("dport", sent.get("dstkey")))
    icmp = (sent.get("icmp_type"), sent.get("icmp_code"), sent.get("icmp_id"))
    return (
        (entry.proto, orig.src, orig.dst) == (sent["proto"], sent["src"], sent["dst"])
        and (orig.sport, orig.dport) == ports
        and (orig.icmp_type, orig.icmp_code, orig.icmp_id) == icmp
    )


def the(rows: Iterable[Row], entry: Entry) -> Row:
    """The one row of the entry's connection; AssertionError when there is none or two."""
    found = [row for row in rows if row["ct_id"] == entry.id]
    assert len(found) == 1, f"{len(found)} rows of {entry.line}"
    return found[0]


def expect_columns(entry: Entry, node: str) -> dict[str, Any]:
    """The columns that an opening and a flow share."""
    return {
        "node": node,
        "proto": entry.proto,
        **_expect_side("orig", entry.orig, entry.proto),
        **_expect_side("reply", entry.reply, entry.proto),
        "zone": entry.zone or 0,
        "orig_zone": entry.orig.zone,
        "reply_zone": entry.reply.zone,
        "ct_id": entry.id,
        "mark": entry.mark,
        "helper": entry.helper,
        "state": entry.state,
        "seen reply": not entry.unreplied,
        "assured": entry.assured,
        "provenance": "event",
    }


def expect_end(entry: Entry, node: str) -> dict[str, Any]:
    """All columns of a flow."""
    return {
        **expect_columns(entry, node),
        "orig_packets": entry.orig.packets,
        "orig_bytes": entry.orig.bytes,
        "reply_packets": entry.reply.packets,
        "reply_bytes": entry.reply.bytes,
        "started_at": to_time(entry.start_ns),
        "started_source": "kernel",
        "ended_at": to_time(entry.stop_ns),
        "ended_source": "kernel",
        "stop_sent": None,
        "ended_after": None,
        "ended_before": None,
        "ended_cause": None,
    }


def read_row(row: Row, columns: Iterable[str]) -> dict[str, Any]:
    """Those columns of a row, in the witness's words."""
    status = row["status"]
    words = {
        **row,
        **{name: str(row[name]) for name in ("orig_src", "orig_dst", "reply_src", "reply_dst")},
        "state": name_state(row["proto"], row["state"]),
        "seen reply": bool(status & STATUS_SEEN_REPLY),
        "assured": bool(status & STATUS_ASSURED),
    }
    return {name: words[name] for name in columns}


def name_public(row: Row) -> tuple[str, ...]:
    """The public end of a row's connection, as the words of ``ctaudit who``."""
    side, port = "reply_dst", "reply_dport"
    if row["status"] & STATUS_DST_NAT:
        side, port = "orig_dst", "orig_dport"
    address = f"[{row[side]}]" if row[side].version == 6 else str(row[side])
    return f"{address}:{row[port]}", "--proto", str(row["proto"])


def to_time(nanoseconds: int | None) -> datetime | None:
    """What PostgreSQL can hold of it: whole microseconds, the rest cut off."""
    return None if nanoseconds is None else EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _expect_side(side: str, ends: Tuple, proto: int) -> dict[str, Any]:
    is_icmp = proto in ICMP
    sport, dport = ends.sport, ends.dport
    if is_icmp:
        sport, dport = (ends.icmp_id, None) if side == "orig" else (None, ends.icmp_id)
    return {
        f"{side}_src": ends.src,
        f"{side}_dst": ends.dst,
        f"{side}_sport": sport,
        f"{side}_dport": dport,
        f"{side}_icmp_type": ends.icmp_type,
        f"{side}_icmp_code": ends.icmp_code,
    }
