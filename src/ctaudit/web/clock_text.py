"""What the clock of a gateway was like in a span, in words."""

from __future__ import annotations

from collections.abc import Iterator

from ctaudit.query.recorded import Basis
from ctaudit.query.value_text import format_count, format_time
from ctaudit.web import record_text as text


def describe_clock(basis: Basis) -> str:
    """Its last state that was noted, then what else was noted in the span."""
    if basis.mode is None:
        return ""
    return "; ".join(_list_parts(basis))


def _list_parts(basis: Basis) -> Iterator[str]:
    if basis.noted_at is None:
        yield text.CLOCK_UNNOTED
    else:
        at = format_time(basis.noted_at.replace(microsecond=0), trim=True)
        yield text.CLOCK_NOTED.format(state=_describe_state(basis), at=at)
    if basis.unsynchronised and basis.clock_notes > 1:
        yield text.CLOCK_MIXED.format(
            bad=f"{basis.unsynchronised:,}", notes=f"{basis.clock_notes:,}"
        )
    if (basis.largest_error_us or 0) > (basis.estimated_error_us or 0):
        yield text.CLOCK_WORST.format(error=_milliseconds(basis.largest_error_us or 0))
    if basis.steps:
        times = "once" if basis.steps == 1 else format_count(basis.steps, "time")
        yield text.CLOCK_STEPPED.format(times=times, step=f"{basis.largest_step or 0.0:+,.3f}")


def _describe_state(basis: Basis) -> str:
    if basis.synchronised is None:
        return text.CLOCK_UNSAID
    if not basis.synchronised:
        return text.CLOCK_BAD
    if basis.estimated_error_us is None:
        return text.CLOCK_GOOD_UNSAID
    return text.CLOCK_GOOD.format(error=_milliseconds(basis.estimated_error_us))


def _milliseconds(microseconds: int) -> str:
    return f"{microseconds / 1000:,.1f}"
