"""The status: as text for people, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from ctaudit.conntrack.event import name_protocol
from ctaudit.query.status import Gap, Pair, Status, Stream
from ctaudit.query.value_text import format_duration, format_time, plain_value


def plain_status(status: Status) -> dict[str, Any]:
    """The keys that ``status --json`` promises: the functions' columns by their names."""
    return {
        "streams": [_plain_row(stream) for stream in status.streams],
        "open_gaps": [_plain_row(gap) for gap in status.open_gaps],
        "pairs": [asdict(pair) for pair in status.pairs],
    }


def _plain_row(row: Stream | Gap) -> dict[str, Any]:
    record = {item.name: plain_value(getattr(row, item.name)) for item in fields(row)}
    record["stream"] = str(row.stream)
    if isinstance(row, Stream):
        lag = record.pop("lag")
        record["lag_seconds"] = None if lag is None else lag.total_seconds()
    return record


def format_status(status: Status) -> Iterator[str]:
    """For each node: its latest stream, its open gaps, and a line on its earlier streams."""
    if not status.streams:
        yield "No gateway has recorded anything yet."
    for node, group in groupby(status.streams, key=lambda stream: stream.node):
        latest, *earlier = group
        yield f"{node} ({latest.mode}, stream {latest.stream})"
        rows = [*_format_stream(latest)]
        rows += [_format_gap(gap) for gap in status.open_gaps if gap.node == node]
        rows += [_format_pair(pair) for pair in status.pairs if pair.node == node]
        if earlier:
            rows.append(("before", _format_earlier(earlier)))
        for label, text in rows:
            yield f"  {label:<9}  {text}"


def _format_stream(stream: Stream) -> Iterator[tuple[str, str]]:
    started = format_time(stream.started_at, trim=True)
    if stream.stopped_at is None:
        yield "running", f"since {started}"
    else:
        yield "stopped", f"at {format_time(stream.stopped_at, trim=True)}, started at {started}"
    if stream.retired_at is not None:
        yield "retired", f"at {format_time(stream.retired_at, trim=True)}"
    if stream.covered_from is None:
        yield "covered", "nothing at present; coverage begins with the next table dump"
    else:
        begin = format_time(stream.covered_from, trim=True)
        yield "covered", f"from {begin} until {format_time(stream.covered_until, trim=True)}"
    if stream.lag is not None:
        yield "behind", format_duration(max(stream.lag, timedelta(0)))
    committed = format_time(stream.committed_at, trim=True)
    yield "position", f"{stream.position:,} bytes, committed {committed}"
    stored = f"{stream.stored:,} stored + {stream.filtered:,} filtered"
    undecodable = f"{stream.undecodable:,} undecodable"
    yield "received", f"{stream.received:,} events = {stored} + {undecodable}"
    dropped = f"{stream.dropped:,} events by the receiver, {stream.kernel_drops:,} by the kernel"
    yield "dropped", dropped
    yield "gaps", f"{stream.gaps:,}, {stream.open_gaps or 'none'} open"
    if isinstance(sent := stream.detail.get("canary"), int):
        # As ctaudit.set_canary wrote it: nanoseconds since 1970.
        at = datetime.fromtimestamp(sent / 1e9, tz=UTC)
        age = format_duration(max(datetime.now(UTC) - at, timedelta(0)))
        yield (
            "canary",
            f"found, {age} old: sent {format_time(at.replace(microsecond=0), trim=True)}",
        )


def _format_gap(gap: Gap) -> tuple[str, str]:
    lost = "an unknown number of" if gap.lost is None else f"{gap.lost:,}"
    cause = gap.cause if gap.proto is None else f"{gap.cause} of {name_protocol(gap.proto)}"
    span = f"since {format_time(gap.gap_from, trim=True)}"
    if gap.gap_until is not None:
        span += f" until {format_time(gap.gap_until, trim=True)}"
    return "open gap", f"{cause} {span}, {lost} events lost"


def _format_pair(pair: Pair) -> tuple[str, str]:
    if not pair.is_known:
        return "pair", f"{pair.pair}, which is no gateway here: it does not count"
    if not pair.is_mutual:
        return "pair", f"{pair.pair}, which does not name {pair.node}: it does not count"
    return "pair", pair.pair


def _format_earlier(streams: Sequence[Stream]) -> str:
    received = sum(stream.received for stream in streams)
    dropped = sum(stream.dropped for stream in streams)
    first = min(stream.started_at for stream in streams)
    word = "stream" if len(streams) == 1 else "streams"
    return (
        f"{len(streams)} earlier {word} since {format_time(first, trim=True)}: "
        f"{received:,} events received, {dropped:,} dropped"
    )
