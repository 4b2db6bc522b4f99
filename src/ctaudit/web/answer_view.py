"""What an answer's page shows beside the report's sections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ctaudit.conntrack.event import name_protocol
from ctaudit.letter.caution import CAUTIONS
from ctaudit.query.answer import Answer
from ctaudit.query.answer_text import format_host, format_public, format_remote
from ctaudit.query.reply import Reply
from ctaudit.query.value_text import format_time
from ctaudit.report.page import CONNECTIONS_MAX


@dataclass(frozen=True)
class ReplyView:
    """``rows``: the connections, where the section does not show them all.

    ``heading``: of them. ``cautions``: what must not be concluded, of a letter.
    """

    rows: tuple[tuple[str, ...], ...]
    heading: str
    cautions: tuple[str, ...]


def view_reply(reply: Reply, most: int, cautions: Sequence[str] = ()) -> ReplyView:
    """``most``: rows. ``cautions``: keys of CAUTIONS."""
    answers = reply.answers if len(reply.connections) > CONNECTIONS_MAX else ()
    return ReplyView(
        tuple(_list_rows(answers[:most])),
        _head(reply, len(answers), most) if answers else "",
        tuple(CAUTIONS[each] for each in cautions),
    )


def _head(reply: Reply, count: int, most: int) -> str:
    hosts = len(reply.hosts or {answer.host for answer in reply.answers})
    number = f"{count:,} connections" if count <= most else f"The first {most:,} connections"
    of = f"more than {count:,}" if reply.cut else "" if count <= most else f"{count:,}"
    return f"{number}{f' of {of}' if of else ''}, of {hosts:,} host{'' if hosts == 1 else 's'}"


def _list_rows(answers: Sequence[Answer]) -> Iterator[tuple[str, ...]]:
    for answer in answers:
        started = "" if answer.started_at is None else format_time(answer.started_at, trim=True)
        ended = "" if answer.ended_at is None else format_time(answer.ended_at, trim=True)
        yield (
            format_host(answer), format_public(answer), format_remote(answer),
            name_protocol(answer.proto), started, ended, answer.node,
        )  # fmt: skip
