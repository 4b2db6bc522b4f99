"""Random histories whose days are closed, at the end or midway, and asked before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg

from tests.store.histories.questions import Question, make_questions
from tests.store.histories.recording import record
from tests.store.histories.sending import Said, Store
from tests.store.histories.truth import History

TABLES = ("opening", "flow", "dump_entry")


@dataclass(frozen=True)
class Compared:
    """A question, and what is said without and with closed days."""

    question: Question
    open: Said
    closed: Said

    @property
    def are_equal(self) -> bool:
        """Whether each answer and the verdict are; answers come in no order."""
        return _sorted(self.open) == _sorted(self.closed)


def _sorted(said: Said) -> Said:
    return replace(said, answers=tuple(sorted(said.answers, key=repr)))


def settle_all(connection: psycopg.Connection[Any]) -> None:
    """Lets days be closed at any time: what is still to come must not matter either."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION ctaudit.is_settled(p_day date) RETURNS boolean "
        "LANGUAGE sql STABLE AS 'SELECT true'"
    )


def close_days(connection: psycopg.Connection[Any]) -> int:
    """Closes each day with rows; how many openings were left out."""
    days = [
        (table, day)
        for table in TABLES
        for (day,) in connection.execute(
            f"SELECT DISTINCT (received_at AT TIME ZONE 'UTC')::date FROM ctaudit.{table}_default"  # type: ignore[arg-type]
        ).fetchall()
    ]
    for place in days:
        connection.execute("SELECT ctaudit.make_partition(%s, %s)", place)
    left_out = 0
    for place in sorted(days):
        count = close_day(connection, place)
        assert count is not None
        left_out += count
    return left_out


def close_day(connection: psycopg.Connection[Any], place: tuple[str, Any]) -> int | None:
    """How many openings of a table's day were left out; None: it was empty, and closed at once."""
    if not _call(connection, "begin_copy", place):
        return None
    left_out = _call(connection, "copy_partition", place)
    assert _call(connection, "exchange_partition", place)
    return left_out


def _call(connection: psycopg.Connection[Any], function: str, place: tuple[str, Any]) -> int:
    row = connection.execute(f"SELECT ctaudit.{function}(%s, %s)", place).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


@contextmanager
def _begun(store: Store) -> Iterator[None]:
    """As store.begin, but in the isolation level that copying needs."""
    store.connection.execute("BEGIN")
    try:
        yield
    finally:
        store.forget()


def compare(
    store: Store, history: History, count: int, cut: int | None
) -> tuple[int, list[Compared]]:
    """How many openings were left out, and each question.

    ``cut``: days are closed after that many of the calls, the others follow; None: after all.
    """
    questions = make_questions(history, count)
    calls = record(history)
    early, late = (calls, []) if cut is None else (calls[:cut], calls[cut:])
    opened: Sequence[Said] = ()
    if cut is not None:
        with _begun(store):
            store.send_each(calls, set())
            opened = store.ask(questions, protocols=False)
    with _begun(store):
        refused: set[UUID] = set()
        store.send_each(early, refused)
        if cut is None:
            opened = store.ask(questions, protocols=False)
        left_out = close_days(store.connection)
        store.send_each(late, refused)
        closed = store.ask(questions, protocols=False)
    return left_out, list(map(Compared, questions, opened, closed))
