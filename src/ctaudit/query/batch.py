"""Many questions of who at once: the same replies as lookup.ask_who gives, but for hints.

A portion of the questions is asked in one transaction, by ctaudit.who_batch, so that the server
plans its queries for hundreds of questions and neither side holds more than a portion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar

import psycopg

from ctaudit.conntrack.endpoint import Address
from ctaudit.database.connection import asking, repeated
from ctaudit.query.answer import Answer, Coverage, Import
from ctaudit.query.holder import read_holder
from ctaudit.query.lookup import Holders, follow, name_holders, name_values, select_by_protocol
from ctaudit.query.purpose import UNSAID, Purpose, announce, set_purpose
from ctaudit.query.question import WhoQuestion
from ctaudit.query.reply import Reply, make_reply

PORTION = 1000  # questions

_ASKED = {
    "address": "inet", "port": "integer", "begin": "timestamptz", "end": "timestamptz",
    "remote": "inet", "remote_port": "integer", "proto": "smallint", "node": "text",
    "zone": "integer",
}  # fmt: skip
_TYPES = _ASKED | {"hosts": "text", "hosts_from": "timestamptz"}


def _pass(*names: str) -> str:
    """The values of these names as arguments, an array each."""
    return ", ".join(f"%({name})s::{_TYPES[name]}[]" for name in names)


_BATCH = f"ctaudit.who_batch_and_holder({_pass(*_ASKED)}, %(limit)s::integer)"
_SPAN = ("node", "begin", "end")
_REST = tuple(name for name in _TYPES if name not in _SPAN)
_COMPLETENESS = f"ctaudit.completeness_each({_pass(*_SPAN, *_REST)})"
_IMPORTS = (
    f"(SELECT q.place AS question, i.* FROM unnest({_pass(*_SPAN)}) WITH ORDINALITY "  # noqa: S608
    "AS q (node, asked_from, asked_until, place), "
    "LATERAL ctaudit.imports(q.node, q.asked_from, q.asked_until) AS i)"
)

T = TypeVar("T", Coverage, Import)


def ask_batch(
    connection: psycopg.Connection[Any],
    questions: Iterable[WhoQuestion],
    purpose: Purpose = UNSAID,
) -> Iterator[Reply]:
    """A reply to each question, in their order, without hints.

    Each portion is committed before its replies are returned, so that every question is on
    record before its answer is shown. ``questions`` are taken a portion at a time.
    """
    waiting = iter(questions)
    while portion := list(islice(waiting, PORTION)):
        yield from _ask_portion(connection, portion, purpose)


def _ask_portion(
    connection: psycopg.Connection[Any], questions: Sequence[WhoQuestion], purpose: Purpose
) -> list[Reply]:
    values = _join(questions, [()] * len(questions))
    announced = f"SELECT count(*) FROM {_BATCH}".encode()  # noqa: S608
    announcement = announce(connection, purpose, lambda: connection.execute(announced, values))

    def ask() -> list[Reply]:
        with asking(connection):
            set_purpose(connection, purpose, announcement)
            holders: list[Holders] = [{} for _ in questions]
            found, hosts = _select_answers(connection, values, holders)
            joined = _join(questions, found)
            coverage = _select_each(connection, Coverage, _COMPLETENESS, joined, len(questions))
            imports = _select_each(connection, Import, _IMPORTS, joined, len(questions))
            told = zip(questions, found, hosts, coverage, imports, holders, strict=True)
            return [_reply(connection, *one) for one in told]

    return repeated(ask)


def _join(questions: Sequence[WhoQuestion], found: Sequence[Sequence[Answer]]) -> dict[str, Any]:
    """name_values of each as one list a name."""
    each = [
        name_values(question, answers) for question, answers in zip(questions, found, strict=True)
    ]
    values: dict[str, Any] = {name: [one[name] for one in each] for name in _TYPES}
    values["hosts"] = ["{" + ",".join(hosts) + "}" for hosts in values["hosts"]]
    return values | {"limit": each[0]["limit"]}


def _select_answers(
    connection: psycopg.Connection[Any], values: Mapping[str, Any], holders: Sequence[Holders]
) -> tuple[list[list[Answer]], list[list[Address]]]:
    """The answers to each question, and the hosts of all of them; adds to ``holders`` of each."""
    found: list[list[Answer]] = [[] for _ in holders]
    hosts: list[list[Address]] = [[] for _ in holders]
    columns = ", ".join(f"(b.connection).{item.name}" for item in fields(Answer))
    rows = connection.execute(
        f"SELECT b.question - 1, b.hosts, b.holder, {columns} FROM {_BATCH} AS b".encode(),  # noqa: S608
        values,
    )
    for place, every_host, held, *row in rows:
        answer = Answer(*row)
        found[place].append(answer)
        if held is not None:
            holders[place][answer] = read_holder(held)
        hosts[place] += every_host or ()
    return found, hosts


def _select_each(
    connection: psycopg.Connection[Any],
    shape: type[T],
    source: str,
    values: Mapping[str, Any],
    count: int,
) -> list[list[T]]:
    """The rows of a source for each question, by node."""
    found: list[list[T]] = [[] for _ in range(count)]
    columns = ", ".join(f"a.{item.name}" for item in fields(shape))
    rows = connection.execute(
        f"SELECT a.question - 1, {columns} FROM {source} AS a "  # noqa: S608
        "ORDER BY a.question, a.node".encode(),
        values,
    )
    for place, *row in rows:
        found[place].append(shape(*row))
    return found


def _reply(
    connection: psycopg.Connection[Any],
    question: WhoQuestion,
    answers: Sequence[Answer],
    hosts: Sequence[Address],
    coverage: Sequence[Coverage],
    imports: Sequence[Import],
    holders: Holders,
) -> Reply:
    """As ask_who: the few questions that need more are asked further, one by one."""
    if any(item.holds for item in coverage):
        answers, coverage = follow(connection, question, answers, holders)
    by_protocol = select_by_protocol(connection, coverage, name_values(question, answers))
    reply = make_reply(question, answers, coverage, by_protocol, hosts, imports)
    return name_holders(reply, holders)
