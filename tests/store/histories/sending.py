"""Calls into a store, and questions to it: one history in one transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ctaudit.conntrack.event import COLUMNS
from ctaudit.database import schema
from ctaudit.query import lookup
from ctaudit.query.answer import Answer, Coverage
from ctaudit.query.path import begin_of
from ctaudit.query.reply import Reply, make_reply
from ctaudit.query.verdict import ProtocolVerdict, Verdict
from ctaudit.record.encoder import build_columns, register_columns
from ctaudit.record.procedures import to_time
from ctaudit.spool.decoder import Batch, Decoder
from lab.cluster import Cluster, private_cluster
from tests.store.histories.questions import Question
from tests.store.histories.recording import Call

# A history is small and never kept; the server's own log of each question costs the most.
SETTINGS = {
    "fsync": "off", "synchronous_commit": "off", "jit": "off", "autovacuum": "off",
    "log_min_messages": "fatal",
}  # fmt: skip
_NOTE = "CALL ctaudit.record_note(%s, %s, %s::bigint, %s::bigint, %s, %s, %s)"
_BATCH = "CALL {}(%s, %s, %s::bigint, %s::bigint, %s, {})"
_TYPES = {
    "address": "inet", "port": "integer", "begin": "timestamptz", "until": "timestamptz",
    "remote": "inet", "remote_port": "integer", "proto": "smallint", "node": "text",
    "zone": "integer", "hosts": "text",
    "since": "timestamptz",
}  # fmt: skip
_ASKED = "unnest({}) WITH ORDINALITY AS q ({}, place)".format(
    ", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items()), ", ".join(_TYPES)
)
_WHO = (
    "ctaudit.who(q.address, q.port, q.begin, q.until, q.remote, q.remote_port, q.proto, q.node, "
    "q.zone)"
)
_COMPLETENESS = (
    "ctaudit.completeness_for(q.node, q.begin, q.until, q.address, q.port, q.remote, "
    "q.remote_port, q.proto, q.zone, q.hosts::inet[], q.since)"
)
_ORDER = "ORDER BY q.place, a.node"
_EMPTY_EVERY = 100  # histories

T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """What the store says to one question."""

    answers: tuple[Answer, ...]
    coverage: tuple[Coverage, ...]
    verdict: Verdict
    protocols: tuple[ProtocolVerdict, ...] = ()


@contextmanager
def judged_store() -> Iterator[Store]:
    """A private cluster with an empty store for histories."""
    with private_cluster(settings=SETTINGS) as cluster, open_store(cluster) as store:
        yield store


@contextmanager
def open_store(cluster: Cluster, name: str = "histories") -> Iterator[Store]:
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    with psycopg.connect(cluster.dsn(name), autocommit=True) as connection:
        connection.execute("SET jit = off")
        _keep_default_partitions(connection)
        register_columns(connection.adapters)
        yield Store(connection)


def _keep_default_partitions(connection: psycopg.Connection[Any]) -> None:
    """Fewer partitions are planned faster, and hold the same."""
    names = connection.execute(
        "SELECT c.oid::regclass::text "
        "FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid "
        "WHERE c.relnamespace = 'ctaudit'::regnamespace AND c.relkind = 'r' "
        "AND c.relname !~ '_default$'"
    ).fetchall()
    for (name,) in names:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(name)))


def _list_hosts(answers: Sequence[Answer]) -> str:
    return "{" + ",".join(sorted({str(answer.host) for answer in answers})) + "}"


def _say(reply: Reply) -> Said:
    return Said(reply.answers, reply.coverage, reply.verdict, reply.protocols)


class Store:
    """The connection; ``begin`` and ``forget`` around each history."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._decoder = Decoder()
        self._forgotten = 0

    def begin(self) -> None:
        self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")

    def forget(self) -> None:
        self.connection.execute("ROLLBACK")
        self._forgotten += 1
        if self._forgotten % _EMPTY_EVERY == 0:
            # What was rolled back still takes room in tables and indexes.
            # That takes the rest with it, and the numbers of the nodes begin anew.
            self.connection.execute(
                "TRUNCATE ctaudit.node, ctaudit.opening_row, ctaudit.flow_row, "
                "ctaudit.dump_entry_row, ctaudit.gap, ctaudit.dump, ctaudit.note, "
                "ctaudit.undecodable, ctaudit.clock, ctaudit.inquiry RESTART IDENTITY CASCADE"
            )

    def send(self, calls: Sequence[Call]) -> None:
        """Raises psycopg.Error where the store refuses one."""
        with self.connection.pipeline():
            for call in calls:
                self._send_one(call)

    def send_each(self, calls: Sequence[Call], refused: set[UUID]) -> None:
        """The same, but what is refused is added to the streams that wait, and goes no further."""
        for call in calls:
            if call.stream not in refused:
                try:
                    with self.connection.transaction():
                        self._send_one(call)
                except psycopg.Error:
                    refused.add(call.stream)

    def _send_one(self, call: Call) -> None:
        if call.statement:
            self.connection.execute(call.statement.encode())
        elif call.note:
            self._send_note(call)
        else:
            self._send_batch(call)

    def _send_note(self, call: Call) -> None:
        place = (call.node, call.stream, call.first, call.until)
        self.connection.execute(_NOTE, (*place, to_time(call.wall), call.note, Jsonb(call.detail)))

    def _send_batch(self, call: Call) -> None:
        batch = Batch()
        for message, received in call.messages:
            step = self._decoder.read(message, 0, received, batch, 1)
            assert step.stop is None, step
        columns = build_columns(batch)
        assert len(columns) == len(COLUMNS)
        procedure = call.procedure or f"ctaudit.record_{call.mode}"
        statement = _BATCH.format(procedure, ", ".join(["%b"] * len(columns)))
        covered = to_time(call.covered) if call.covered else None
        self.connection.execute(
            statement, (call.node, call.stream, call.first, call.until, covered, *columns)
        )

    def ask(self, questions: Sequence[Question], *, protocols: bool = True) -> list[Said]:
        """What lookup.ask_who would say to each, in two statements for all of them.

        Where protocols have gaps of their own, or a gateway has a host's address, it is asked
        itself, but not without ``protocols``: it needs the isolation level of ``begin``.
        """
        asked = [question.as_values() | {"hosts": "{}", "since": None} for question in questions]
        values = {name: [one[name] for one in asked] for name in _TYPES}
        answers = self._select(Answer, _WHO, values, len(questions))
        values["hosts"] = [_list_hosts(found) for found in answers]
        values["since"] = [min(map(begin_of, found), default=None) for found in answers]
        coverage = self._select(Coverage, _COMPLETENESS, values, len(questions))
        said = [
            _say(make_reply(question.as_who(), found, covered))
            for found, covered, question in zip(answers, coverage, questions, strict=True)
        ]
        return [
            self.ask_alone(question)
            if protocols and any(item.protocols or item.holds for item in one.coverage)
            else one
            for one, question in zip(said, questions, strict=True)
        ]

    def ask_alone(self, question: Question) -> Said:
        """The same by lookup.ask_who itself."""
        return _say(lookup.ask_who(self.connection, question.as_who()))

    def _select(
        self, shape: type[T], source: str, values: dict[str, list[Any]], count: int
    ) -> list[list[T]]:
        found: list[list[T]] = [[] for _ in range(count)]
        columns = ", ".join(f"a.{item.name}" for item in fields(shape))  # type: ignore[arg-type]
        statement = f"SELECT q.place - 1, {columns} FROM {_ASKED}, LATERAL {source} AS a {_ORDER}"
        for place, *row in self.connection.execute(statement, values):
            found[place].append(shape(*row))
        return found
