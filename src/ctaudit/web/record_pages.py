"""Record: what of a day, a week or a year is recorded at each gateway, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, jsonify, render_template, request, url_for

from ctaudit.database.connection import TooLongError
from ctaudit.errors import UsageError
from ctaudit.picture.record_lanes import draw_lanes
from ctaudit.query.recorded import SPANS, Recorded, RecordQuestion, ask_record, read_record
from ctaudit.query.value_text import format_time
from ctaudit.web import record_text
from ctaudit.web.drawing import draw_both
from ctaudit.web.fields import Fields, find_field, read_fields
from ctaudit.web.record_view import plain_record, view_record
from ctaudit.web.serving import store

pages = Blueprint("record", __name__)

WANTED = ("span", "from", "until", "node")


@dataclass(frozen=True)
class Link:
    """To another span; ``is_current``: it is the one that is shown."""

    label: str
    address: str
    is_current: bool = False


@pages.get("/record")
def show() -> Any:
    """A question by its address, and no inquiry: no connection is shown."""
    fields = Fields({})
    try:
        fields = read_fields(request.args, WANTED)
        recorded = _ask(fields)
    except UsageError as error:
        field = find_field(str(error), WANTED, fields)
        return _render(fields, error=str(error), field_name=field), 400
    except TooLongError as error:
        return _render(fields, error=str(error)), 503
    view = view_record(recorded)
    return _render(
        fields,
        view=view,
        drawing=draw_both(draw_lanes, view.lanes, "record"),
        links=list(_list_links(fields, recorded.question)),
        twin=_address("record.show_plain", fields.values),
    )


def _render(fields: Fields, **values: Any) -> str:
    return render_template(
        "record.html.j2",
        **{"error": "", "field_name": None, "view": None, "drawing": None, "links": (), **values},
        fields=fields,
        spans=list(SPANS),
        text=record_text,
    )


@pages.get("/record.json")
def show_plain() -> Any:
    return jsonify(plain_record(_ask(read_fields(request.args, WANTED))))


def _ask(fields: Fields) -> Recorded:
    span, begin = fields.get("span"), fields.get("from")
    if span is not None and begin is not None:
        raise UsageError(record_text.SPAN_AND_FROM.format(span=span, begin=begin))
    question = read_record(
        span=span,
        begin=begin,
        until=fields.get("until"),
        node=fields.get("node"),
    )
    with store().asking() as connection:
        try:
            return ask_record(connection, question)
        except TooLongError:
            raise TooLongError(record_text.TOO_LONG) from None


def _list_links(fields: Fields, question: RecordQuestion) -> Iterator[Link]:
    """The spans that end where this one does, then the one before it and the one after it."""
    same = {name: fields.values[name] for name in ("node", "until") if name in fields.values}
    shown = None if "from" in fields.values else fields.get("span") or "day"
    labels = record_text.LABELS
    for name in SPANS:
        address = _address("record.show", {"span": name, **same})
        yield Link(getattr(labels, name), address, name == shown)
    node = {"node": question.node} if question.node else {}
    length = question.end - question.begin
    for label, begin in ((labels.earlier, question.begin - length), (labels.later, question.end)):
        if begin < datetime.now(UTC) - length / 100:
            span = {"from": _format(begin), "until": _format(begin + length)}
            yield Link(label, _address("record.show", span | node))


def _address(page: str, values: Mapping[str, str]) -> str:
    return f"{url_for(page)}?{urlencode(values)}" if values else url_for(page)


def _format(time: datetime) -> str:
    """Local time, to the second, as a field takes it."""
    return format_time(time.replace(microsecond=0), trim=True)
