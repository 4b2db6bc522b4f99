"""A question as it was asked, and how it was read: its rows on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ctaudit.conntrack.event import name_protocol
from ctaudit.letter.reading import Found
from ctaudit.picture.ticks import format_zone
from ctaudit.query.question import WhoQuestion
from ctaudit.query.time_notation import TimeSpan, find_zone
from ctaudit.query.value_text import format_time
from ctaudit.report import report_text as text

_PLACES_MAX = 5
_SINCE_1970 = "UTC"

Row = tuple[str, str]


@dataclass(frozen=True)
class Asked:
    """``words``: a row for each thing that was said; ``zone_from``: why the time has its zone.

    ``notes``: what else was taken from elsewhere.
    """

    words: tuple[Row, ...]
    zone_from: str
    notes: tuple[str, ...] = ()


def from_call(words: Mapping[str, str], zone_option: str, question: WhoQuestion) -> Asked:
    """``words``: what who was called with, by the names of ASKED_LABELS.

    ``zone_option``: ``--tz ZONE``, ``--utc`` or "".
    """
    said = {name for name in words if name != "within" or question.within}
    rows = tuple((label, words[name]) for name, label in text.ASKED_LABELS.items() if name in said)
    return Asked(rows, _explain_zone(words["at"], zone_option, question.span))


def _explain_zone(at: str, option: str, span: TimeSpan) -> str:
    written = find_zone(at)
    if written == _SINCE_1970 and "UTC" not in at.upper():
        return text.ZONE_UTC
    if written:
        return text.ZONE_WRITTEN.format(zone=written)
    if option:
        return text.ZONE_OPTION.format(option=option)
    return text.ZONE_MACHINE.format(zone=format_zone(span.begin))


def from_letter(found: Found) -> Asked:
    """A question that ask found: where it stands, and what the letter calls its ends."""
    first, *others = found.origins
    rows = [(text.PLACE, f"{first.place} ({first.form})"), (text.EXCERPT, first.excerpt)]
    if others:
        named = "; ".join(str(each.place) for each in others[:_PLACES_MAX])
        more = len(others) - _PLACES_MAX
        rows.append((text.ALSO, f"{named} and {more} more" if more > 0 else named))
    rows.append((text.ASKED_LABELS["at"], " ".join(found.time_from.split())))
    notes = list(found.notes)
    if found.question.remote is None and found.service_port is not None:
        notes.append(text.PORT_OF_SERVICE.format(port=found.service_port))
    return Asked(tuple(rows), found.time_how or text.ZONE_AS_WRITTEN, tuple(notes))


def read_rows(asked: Asked, question: WhoQuestion) -> Iterator[Row]:
    """The question as it was put to the store."""
    labels, public = text.ASKED_LABELS, question.public
    named = str(public)
    if public.port is None:
        named = text.ANY_PORT.format(address=public.address)
    yield labels["public"], named
    remote, proto = question.remote, question.proto
    if remote is None and proto is None:
        yield text.REMOTE_AND_PROTOCOL, text.ANY
    else:
        yield labels["to"], str(remote or text.ANY)
        yield labels["proto"], text.ANY if proto is None else name_protocol(proto)
    if question.node is not None:
        yield labels["node"], question.node
    if question.zone is not None:
        yield labels["zone"], str(question.zone)
    yield labels["at"], format_span(question.span)
    yield text.READ_UTC, format_span(question.span, _format_utc, "UTC")
    yield text.READ_ZONE, asked.zone_from
    if question.within:
        yield labels["within"], text.READ_WITHIN.format(seconds=question.within)
    for note in asked.notes:
        yield text.NOTE, note


def _format_local(time: datetime) -> str:
    return format_time(time, trim=True)


def format_span(
    span: TimeSpan, form: Callable[[datetime], str] = _format_local, zone: str = ""
) -> str:
    """``the whole second ...`` where the span is one; ``zone``: a name, default: the local one."""
    begin, length = span.begin, span.end - span.begin
    name = zone or str(begin.astimezone().tzname())
    if length == timedelta(seconds=1) and not begin.microsecond:
        return text.WHOLE_SECOND.format(begin=form(begin), zone=name)
    if length == timedelta(minutes=1) and not begin.second and not begin.microsecond:
        return text.WHOLE_MINUTE.format(begin=form(begin), zone=name)
    return text.READ_SPAN.format(begin=form(begin), end=form(span.end), zone=name)


def _format_utc(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
