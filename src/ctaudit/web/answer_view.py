"""What an answer's page shows beside the report's sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ctaudit.conntrack.event import name_protocol
from ctaudit.letter.caution import CAUTIONS, find_cautions
from ctaudit.letter.reading import Found
from ctaudit.query.answer_text import format_host, format_public, format_remote
from ctaudit.query.reply import Reply
from ctaudit.query.value_text import format_time

LISTED = 10  # connections that the report's section shows; of more there is a table


@dataclass(frozen=True)
class ReplyView:
    """``rows``: every connection, where the section does not show them all.

    ``cautions``: what must not be concluded, of a letter.
    """

    rows: tuple[tuple[str, ...], ...]
    cut: bool
    hosts: int
    cautions: tuple[str, ...]
    inquiry: int | None


def view_reply(reply: Reply, found: Found | None) -> ReplyView:
    rows = tuple(_list_rows(reply)) if len(reply.connections) > LISTED else ()
    cautions = () if found is None else tuple(find_cautions(found, reply))
    hosts = len(reply.hosts or {answer.host for answer in reply.answers})
    return ReplyView(
        rows, reply.cut, hosts, tuple(CAUTIONS[each] for each in cautions), reply.inquiry
    )


def _list_rows(reply: Reply) -> Iterator[tuple[str, ...]]:
    for answer in reply.answers:
        started = "" if answer.started_at is None else format_time(answer.started_at, trim=True)
        ended = "" if answer.ended_at is None else format_time(answer.ended_at, trim=True)
        yield (
            format_host(answer), format_public(answer), format_remote(answer),
            name_protocol(answer.proto), started, ended, answer.node,
        )  # fmt: skip
