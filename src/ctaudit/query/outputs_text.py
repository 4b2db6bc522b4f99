"""The outputs of this gateway: as lines of the status, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ctaudit.query.outputs import OutputLag
from ctaudit.query.value_text import format_duration, format_time, plain_value
from ctaudit.spool.output_state import OutputState


def plain_outputs(outputs: Sequence[OutputLag]) -> list[dict[str, Any]]:
    return [_plain_output(output) for output in outputs]


def _plain_output(output: OutputLag) -> dict[str, Any]:
    state = output.state or OutputState(output.name)
    return {
        "name": output.name,
        "to": output.to,
        "lines": state.lines,
        "lag_bytes": output.unread,
        "lag_seconds": round(output.seconds, 3),
        "lost_segments": state.lost.segments,
        "lost_bytes": state.lost.bytes,
        "lost_until": plain_value(_time(state.lost.until)),
        "fault": state.fault or None,
        "fault_since": plain_value(_time(state.fault_since)),
    }


def format_outputs(outputs: Sequence[OutputLag]) -> Iterator[str]:
    """Nothing where there are none."""
    if not outputs:
        return
    yield "outputs of this gateway"
    for output in outputs:
        yield f"  {output.name:<9}  {output.to}: {describe_output(output)}"


def describe_output(output: OutputLag) -> str:
    state = output.state
    if state is None:
        return "nothing forwarded yet"
    words = f"{state.lines:,} lines"
    if output.unread:
        behind = format_duration(timedelta(seconds=round(output.seconds, 1)))
        words += f", {behind} behind ({output.unread:,} bytes)"
    if state.lost.segments or state.lost.until:
        until = _time(state.lost.until)
        words += f", {state.lost.segments:,} segments lost, the last made"
        words += f" before {format_time(until, trim=True)}" if until else " at an unknown time"
    if state.fault:
        since = _time(state.fault_since)
        words += f", {state.fault}" + (f" since {format_time(since, trim=True)}" if since else "")
    return words


def _time(nanoseconds: int) -> datetime | None:
    if not nanoseconds:
        return None
    return datetime.fromtimestamp(nanoseconds // 1000 / 1e6, UTC)
