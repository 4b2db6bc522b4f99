"""Many questions at once are answered as each of them alone."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.database.connection import connect
from ctaudit.query import batch
from ctaudit.query.batch import ask_batch
from ctaudit.query.inquiries import WantedInquiries, ask_inquiries
from ctaudit.query.lookup import ask_who
from ctaudit.query.purpose import Purpose
from ctaudit.query.question import WhoQuestion, read_who
from ctaudit.query.reply import Reply
from lab.cluster import Cluster
from tests.store.histories.questions import make_questions
from tests.store.histories.recording import record
from tests.store.histories.sending import Store, open_store
from tests.store.histories.world import make_history
from tests.store.scenario import Done, after, fill_live, refuse, run

HISTORIES = 30


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "batches") as opened:
        yield opened


def by_themselves(
    connection: psycopg.Connection[Any], questions: Sequence[WhoQuestion]
) -> list[Reply]:
    return [replace(ask_who(connection, one), hints=()) for one in questions]


def test_random_questions_both_ways(store: Store) -> None:
    """Of every kind: with and without port, remote end, protocol, gateway and zone."""
    asked, names = 0, set()
    for seed in range(HISTORIES):
        history = make_history(seed)
        chance = random.Random(seed)  # noqa: S311
        last = len(history.stages) - 1
        questions = [one.as_who() for one in make_questions(history) if one.stage == last]
        questions += [vary(one, chance) for one in questions]
        store.begin()
        store.send(record(history))
        at_once = list(ask_batch(store.connection, questions))
        alone = by_themselves(store.connection, questions)
        for question, one, other in zip(questions, at_once, alone, strict=True):
            assert one == other, f"seed {seed}: {question}"
        asked += len(questions)
        names |= {one.verdict.name for one in at_once}
        store.forget()
    assert asked > 10 * HISTORIES
    assert names == {"one", "none", "several", "unknown"}


def vary(question: WhoQuestion, chance: random.Random) -> WhoQuestion:
    """Less or more of what may be said, and another span."""
    public = question.public
    return replace(
        question,
        public=replace(public, port=chance.choice([public.port, public.port, None])),
        remote=chance.choice([question.remote, None]),
        proto=chance.choice([question.proto, None]),
        node=chance.choice([question.node, None, "gw1"]),
        zone=chance.choice([question.zone, None, 0]),
        span=question.span.widen(chance.choice([0, 1, 600])),
    )
