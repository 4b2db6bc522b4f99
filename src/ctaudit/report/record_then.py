"""How complete each gateway's record was around the asked time, and what its clock was like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ctaudit.query.answer import Coverage
from ctaudit.query.reply import Reply
from ctaudit.query.value_text import format_time
from ctaudit.report import report_text as text
from ctaudit.report.conclusions import explain
from ctaudit.report.surroundings import ClockState, Surroundings, list_nodes

_PARTS_MAX = 10


@dataclass(frozen=True)
class NodeRecord:
    """What the page says of one gateway; ``gaps``: parts that are not complete."""

    node: str
    state: str
    is_complete: bool
    covered: str
    gaps_title: str
    gaps: tuple[str, ...]
    clock: str
    notes: tuple[str, ...] = ()


def describe_records(reply: Reply, around: Surroundings) -> Iterator[NodeRecord]:
    concerned = list_nodes(reply)
    clocks = {each.node: each for each in around.clocks}
    for item in reply.coverage:
        if item.node in concerned:
            yield _describe(item, around, clocks.get(item.node))


def _describe(item: Coverage, around: Surroundings, clock: ClockState | None) -> NodeRecord:
    parts = [each for each in around.uncovered if each.node == item.node]
    gaps = [
        text.RECORD_GAP.format(
            begin=_format(each.uncovered_from),
            end=_format(each.uncovered_until),
            why=explain(each.why.removeprefix(f"{item.node}: ")),
        )
        for each in parts[:_PARTS_MAX]
    ]
    if len(parts) > _PARTS_MAX:
        gaps.append(text.RECORD_MORE.format(count=len(parts) - _PARTS_MAX))
    return NodeRecord(
        item.node,
        text.RECORD_COMPLETE if item.complete else text.RECORD_INCOMPLETE,
        item.complete,
        _describe_coverage(item),
        text.RECORD_GAPS if gaps else text.RECORD_NO_GAPS,
        tuple(gaps),
        describe_clock(clock),
        (text.OUTSIDE,) if item.in_scope is False else (),
    )


def _describe_coverage(item: Coverage) -> str:
    if item.covered_from is None or item.covered_until is None:
        return text.RECORD_UNCOVERED
    begin, end = _round_up(item.covered_from), item.covered_until.replace(microsecond=0)
    form = text.RECORD_COVERED if item.complete else text.RECORD_COVERED_IN_PART
    return form.format(begin=_format(begin), end=_format(end))


def _round_up(time: datetime) -> datetime:
    return (time + timedelta(microseconds=999_999)).replace(microsecond=0)


def describe_clock(clock: ClockState | None) -> str:
    """After "Its clock": a sentence, and one more where a step makes its times doubtful."""
    if clock is None:
        return f"{text.CLOCK} {text.CLOCK_UNNOTED}."
    sentence = f"{text.CLOCK} {_describe_state(clock)}."
    if clock.stepped_at is None:
        return sentence
    stepped = text.CLOCK_STEPPED.format(
        step=f"{clock.step_seconds or 0.0:+,.3f}",
        at=_format(clock.stepped_at),
        begin=_format(clock.doubt_from),
        end=_format(clock.doubt_until) if clock.doubt_until else text.CLOCK_WITHOUT_END,
    )
    return f"{sentence} {stepped}"


def _describe_state(clock: ClockState) -> str:
    if clock.noted_at is None:
        return text.CLOCK_UNNOTED
    at = _format(clock.noted_at.replace(microsecond=0))
    if clock.synchronised is None:
        return text.CLOCK_UNSAID.format(at=at)
    if clock.synchronised:
        return text.CLOCK_GOOD.format(at=at, error=_format_error(clock))
    return text.CLOCK_BAD.format(at=at)


def _format_error(clock: ClockState) -> str:
    if clock.estimated_error_us is None or clock.maximum_error_us is None:
        return ""
    return text.CLOCK_ERROR.format(
        estimated=f"{clock.estimated_error_us / 1000:,.1f}",
        most=f"{clock.maximum_error_us / 1000:,.1f}",
    )


def _format(time: datetime | None) -> str:
    return "?" if time is None else format_time(time, trim=True)
