"""The same questions to one store with all rows, and to three with a part each: equal answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.database.connection import connect
from ctaudit.query.batch import ask_batch
from ctaudit.query.lookup import ask_who
from ctaudit.query.reply import Reply
from ctaudit.record.encoder import register_columns
from lab.cluster import private_cluster
from lab.stores import Fleet
from tests.markers import torture
from tests.store.fleets import open_fleet
from tests.store.histories.questions import make_questions
from tests.store.histories.recording import record
from tests.store.histories.sending import SETTINGS, Store
from tests.store.histories.truth import History
from tests.store.histories.world import make_history
from tests.store.test_batch import vary

STORES = "abc"
_EMPTY = (
    "TRUNCATE ctaudit.node, ctaudit.opening_row, ctaudit.flow_row, ctaudit.dump_entry_row, "
    "ctaudit.gap, ctaudit.dump, ctaudit.note, ctaudit.undecodable, ctaudit.clock, ctaudit.inquiry, "
    "ctaudit.inquiry_answer, ctaudit.inquiry_call "
    "RESTART IDENTITY CASCADE"
)


@pytest.fixture(scope="module")
def parts() -> Iterator[Fleet]:
    with open_fleet(STORES, {"audrey": "ctaudit_auditor"}, SETTINGS, patience=30) as made:
        yield made


@pytest.fixture(scope="module")
def whole() -> Iterator[str]:
    with private_cluster(settings=SETTINGS) as cluster:
        cluster.create_database("ctaudit")
        schema.install(cluster.dsn())
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("CREATE ROLE audrey LOGIN IN ROLE ctaudit_auditor")
        yield cluster.dsn()


def make_fleet_histories() -> Iterator[History]:
    """Of several gateways; where one name is that of two, they are of one store."""
    seed = 0
    while True:
        history = make_history(seed)
        seed += 1
        if len({gateway.name for gateway in history.gateways}) > 1:
            yield history


def send(dsn: str, history: History, names: str | None = None) -> None:
    """Those calls alone that are of gateways with these last letters."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        register_columns(connection.adapters)
        connection.execute(_EMPTY)
        calls = record(history)
        chosen = [one for one in calls if names is None or one.node[-1] in names]
        Store(connection).send(chosen)


def plain(reply: Reply) -> tuple[Any, ...]:
    """Without the order of answers that began at the same time."""
    return (
        reply.verdict,
        sorted(map(repr, reply.connections)),
        sorted(map(repr, reply.coverage)),
        sorted(map(repr, reply.protocols)),
        reply.hosts,
        reply.cut,
        reply.imports,
    )


_ALONE = 14  # of a history's questions, also asked one by one


@pytest.mark.parametrize(("count", "variations"), [(30, 1), torture(1000, 6)])
def test_three_stores_answer_as_one(parts: Fleet, whole: str, count: int, variations: int) -> None:
    """A batch is answered as its questions by themselves (test_batch)."""
    asked, names, behind = 0, set(), 0
    histories = make_fleet_histories()
    while asked < count:
        history = next(histories)
        chance = random.Random(history.seed)
        last = len(history.stages) - 1
        questions = [one.as_who() for one in make_questions(history) if one.stage == last]
        questions += [vary(one, chance) for _ in range(variations) for one in tuple(questions)]
        send(whole, history)
        for name, gateways in zip(STORES, ("14", "25", "36"), strict=True):
            send(parts.stores[name].dsn(), history, gateways)
        with ExitStack() as stack:
            one, three = (
                stack.enter_context(connect(dsn, "auditor"))
                for dsn in (whole.replace("user=postgres", "user=audrey"), parts.dsn("audrey"))
            )
            expected = [replace(reply, hints=()) for reply in ask_batch(one, questions)]
            at_once = [replace(reply, hints=()) for reply in ask_batch(three, questions)]
            alone = [ask_who(three, each, with_hints=False) for each in questions[:_ALONE]]
        for question, wanted, batched in zip(questions, expected, at_once, strict=True):
            assert plain(batched) == plain(wanted), f"seed {history.seed}: {question}"
        for question, wanted, single in zip(questions, expected, alone, strict=False):
            assert plain(single) == plain(wanted), f"seed {history.seed}, alone: {question}"
        asked += len(questions)
        names |= {reply.verdict.name for reply in expected}
        behind += sum(len(one.seen_by) > 1 for reply in expected for one in reply.connections)
    print(f"{asked} questions, {behind} connections that several gateways saw")
    assert names == {"one", "none", "several", "unknown"}
