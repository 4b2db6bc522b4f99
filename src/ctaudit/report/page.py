"""What stands on the page: values for the template, which only puts them in their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ctaudit.conntrack.event import name_protocol
from ctaudit.letter.claim import Unread
from ctaudit.picture.ticks import format_zone
from ctaudit.query.answer import IMPORTED
from ctaudit.query.answer_text import format_host, format_public, format_remote
from ctaudit.query.connection_text import format_details
from ctaudit.query.path import Connection
from ctaudit.query.reply import Reply
from ctaudit.query.value_text import format_duration, format_time, localise_times
from ctaudit.query.verdict import find_outside
from ctaudit.report import report_text as text
from ctaudit.report.asked import Asked, Row, format_span, read_rows
from ctaudit.report.conclusions import (
    explain_reasons,
    find_basis,
    format_headline,
    list_may,
    list_must_not,
    list_recorded,
)
from ctaudit.report.record_then import NodeRecord, describe_records
from ctaudit.report.surroundings import Surroundings
from ctaudit.report.timeline import Timeline, make_timeline
from ctaudit.report.timeline_svg import Words, draw

CONNECTIONS_MAX = 10  # of a question


@dataclass(frozen=True)
class Section:
    """One question. ``id`` is an anchor; ``timeline`` an SVG element, escaped."""

    number: int
    id: str
    subject: str
    question: str
    when: str
    asked: tuple[Row, ...]
    read: tuple[Row, ...]
    verdict: str
    headline: str
    basis: tuple[str, ...]
    reasons: tuple[str, ...]
    may: tuple[str, ...]
    must_not: tuple[str, ...]
    connections: tuple[tuple[Row, ...], ...]
    not_shown: str
    imported: tuple[str, ...]
    timeline: str
    timeline_notes: tuple[str, ...]
    records: tuple[NodeRecord, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """When the page was made, and by what; ``case`` and ``reason`` as they were given."""

    at: datetime
    program: str
    schema: int
    login: str
    case: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Page:
    """``unread``: what could not be read of a letter."""

    made: Made
    sections: tuple[Section, ...]
    unread: tuple[Unread, ...] = ()

    @property
    def made_text(self) -> str:
        at = format_time(self.made.at.replace(microsecond=0), trim=True)
        return text.MADE.format(at=at, program=self.made.program, login=self.made.login)

    @property
    def schema_text(self) -> str:
        return text.SCHEMA.format(schema=self.made.schema)

    @property
    def zone_text(self) -> str:
        return text.ALL_TIMES.format(zone=format_zone(self.made.at))


def make_section(number: int, asked: Asked, reply: Reply, around: Surroundings) -> Section:
    found = list_recorded(reply)
    timeline = make_timeline(reply, around)
    name = f"question-{number}"
    return Section(
        number,
        name,
        str(reply.question.public),
        text.LABELS.subject.format(public=reply.question.public),
        format_span(reply.question.span),
        asked.words,
        tuple(read_rows(asked, reply.question)),
        reply.verdict.name,
        format_headline(reply),
        tuple(find_basis(reply)),
        tuple(explain_reasons(reply)),
        tuple(list_may(reply)),
        tuple(list_must_not(reply)),
        tuple(tuple(_list_rows(each)) for each in found[:CONNECTIONS_MAX]),
        _count_rest(reply, len(found) - CONNECTIONS_MAX),
        tuple(_list_imported(reply)),
        draw(timeline, _name_timeline(reply, timeline), name),
        tuple(_list_timeline_notes(reply, timeline)),
        tuple(describe_records(reply, around)),
        tuple(map(localise_times, find_outside(reply.of_the_address, reply.coverage))),
    )


def _count_rest(reply: Reply, count: int) -> str:
    form = text.NOT_SHOWN_CUT if reply.cut else text.NOT_SHOWN
    return form.format(count=f"{count:,}") if count > 0 else ""


def _list_rows(connection: Connection) -> Iterator[Row]:
    answer = connection.answer
    host, public = format_host(answer), format_public(answer)
    yield text.HOST, host
    yield text.PUBLIC, text.PUBLIC_SAME.format(public=public) if host == public else public
    yield text.REMOTE[answer.direction], format_remote(answer)
    yield text.PROTOCOL, name_protocol(answer.proto)
    for label, value in format_details(connection):
        yield text.DETAILS[label], value


def _list_imported(reply: Reply) -> Iterator[str]:
    """What another program had recorded; nothing is concluded from it."""
    for item in reply.imports:
        alone = [
            each.answer
            for each in reply.connections
            if each.answer.provenance == IMPORTED and each.answer.node == item.node
        ]
        yield f"{item.why}: {len(alone)} found."
        for answer in alone[:CONNECTIONS_MAX]:
            yield f"{format_host(answer)}, {format_public(answer)}, {format_remote(answer)}"


def _name_timeline(reply: Reply, timeline: Timeline) -> Words:
    public, window = str(reply.question.public), timeline.window
    title = text.TIMELINE_TITLE.format(
        public=public,
        begin=format_time(window.begin, trim=True),
        end=format_time(window.end, trim=True),
    )
    description = text.TIMELINE_LANES.format(
        lanes="; ".join(_describe_lanes(timeline)) or text.TIMELINE_NOBODY,
        asked=format_span(timeline.asked),
        doubtful=text.TIMELINE_UNSURE if timeline.doubtful else text.TIMELINE_SURE,
    )
    return Words(
        title,
        description,
        text.TIMELINE_ASKED,
        text.TIMELINE_UNNAMED,
        text.TIMELINE_NOBODY,
        text.TIMELINE_ANSWER if timeline.is_proven else text.TIMELINE_UNPROVEN,
        text.TIMELINE_OTHER,
        text.TIMELINE_DOUBTFUL,
    )


def _describe_lanes(timeline: Timeline) -> Iterator[str]:
    for lane in timeline.lanes:
        name = str(lane.host) if lane.host else text.TIMELINE_UNNAMED
        spans = (
            f"{format_time(bar.begin, trim=True)} to {format_time(bar.end, trim=True)}"
            for bar in lane.bars
        )
        yield f"{name}: {', '.join(spans)}"


def _list_timeline_notes(reply: Reply, timeline: Timeline) -> Iterator[str]:
    public = reply.question.public
    if public.port is None:
        yield text.TIMELINE_OF_ANSWERS
    else:
        yield text.TIMELINE_OF_PORT.format(public=public)
    bars = [bar for lane in timeline.lanes for bar in lane.bars]
    window = timeline.window
    if any(bar.begin == window.begin or bar.end == window.end for bar in bars):
        yield text.TIMELINE_CUT
    if any(not bar.is_sure for bar in bars):
        yield text.TIMELINE_DASHED
    if timeline.others:
        side = format_side(timeline.asked.begin - timeline.window.begin)
        others = f"{timeline.others:,} other host{'s' if timeline.others > 1 else ''}"
        form = text.REUSED if list_recorded(reply) else text.USED_BESIDE
        yield form.format(side=side, others=others)
    left_out = timeline.hidden + sum(lane.left_out for lane in timeline.lanes)
    if left_out:
        yield text.HIDDEN.format(count=left_out)


def format_side(side: timedelta) -> str:
    """``15 s``, ``5 min``."""
    return format_duration(side).replace(".000 s", " s").replace(" min 0 s", " min")


def summarise(sections: Sequence[Section]) -> tuple[tuple[Section, str], ...]:
    """Each question with its verdict, where there are several."""
    return tuple((each, each.verdict) for each in sections) if len(sections) > 1 else ()
