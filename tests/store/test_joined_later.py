"""A gateway that joined after the asked time: its first dump may show who had the port then.

What is needed of it lies days away from what is needed of the others. It is read by the same query,
without the days between, and left out once it is known that nothing of it began so early.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from bench.store import LOCKS, one
from ctaudit.config import RetentionSection
from ctaudit.database import schema
from ctaudit.database.maintenance import maintain
from lab.cluster import Cluster
from tests.store.closed_histories import TABLES, close_day, settle_all
from tests.store.gateway import Event, Gateway, ended, numbered, opened, tuples

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = (datetime.now(UTC) - DAY).replace(hour=12, minute=0, second=0, microsecond=0)
ASKED = NOON - 40 * DAY
WHO = "SELECT node, exact, ct_id FROM ctaudit.who('1.2.3.4', %s, %s, %s) ORDER BY 1, 3"


def join(
    dsn: str,
    node: str,
    at: datetime,
    began: Sequence[tuple[int, datetime]],
    make: Callable[[int], Event] = numbered,
) -> Gateway:
    """Its first hours; ``began``: connections of its first dump, and when each began."""
    gateway = Gateway(dsn, node)
    gateway.note("start", at, {"mode": "live", "timestamp": 1, "events": 1})
    entries = [{**make(number), "start_sent": start} for number, start in began]
    gateway.dump(at + timedelta(seconds=1), entries)
    listen(gateway, at, 3)
    gateway.dump(at + 3 * HOUR, entries)
    return gateway


def listen(gateway: Gateway, at: datetime, hours: int) -> None:
    """Nothing happens; what is not heard of for an hour may have been read late."""
    for halves in range(1, 2 * hours + 1):
        gateway.record([], at + halves * HOUR / 2)


@pytest.fixture
def dsn(cluster: Cluster) -> str:
    """A store of 50 days, in which gw1 had one connection when ASKED."""
    name = f"joined_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    dsn = cluster.dsn(name)
    schema.install(dsn)
    gateway = join(dsn, "gw1", ASKED - 6 * HOUR, [])
    begun = ASKED - timedelta(minutes=1)
    listen(gateway, ASKED - 3 * HOUR, 2)
    lived = [opened(numbered(7), begun), ended(numbered(7), begun, ASKED + HOUR / 2)]
    gateway.record(lived, ASKED - HOUR / 2)
    listen(gateway, ASKED - HOUR / 2, 1)
    gateway.dump(ASKED + HOUR / 2, [])
    listen(gateway, ASKED + HOUR / 2, 4)
    gateway.close()
    list(maintain(dsn, RetentionSection(days=100)))
    with psycopg.connect(dsn, autocommit=True) as owner:
        for table in TABLES:
            for days in range(-50, 2):
                owner.execute(
                    "SELECT ctaudit.make_partition(%s, %s)", (table, (NOON + days * DAY).date())
                )
    return dsn


def ask(dsn: str, number: int, at: datetime = ASKED) -> tuple[list[tuple[object, ...]], int]:
    """The answers, and how many relations a new session has locked then."""
    with psycopg.connect(dsn) as session:
        answers = session.execute(WHO, (10_000 + number, at, at)).fetchall()
        return answers, one(session, LOCKS)


def test_days_between_are_not_opened(dsn: str) -> None:
    """Nor those between the first days of two gateways that joined later."""
    alone, few = ask(dsn, 7)
    assert alone == [("gw1", True, 7)]
    for days in (30, 20, 10):
        at = NOON - days * DAY
        join(dsn, f"later{days}", at, [(1, at - HOUR)]).close()
    # Of each gateway two partitions, with their indexes.
    answers, locks = ask(dsn, 7)
    assert answers == alone
    assert few < locks < few + 3 * 20


def test_nearer_to_the_host_by_the_first_dump_alone(dsn: str) -> None:
    """The packets passed it already, as only the entry of that dump shows."""
    alone, _ = ask(dsn, 7)

    def nearer(number: int) -> Event:
        behind = tuples("192.168.7.7 5000 > 19.1.16.7 443", "19.1.16.7 443 > 10.0.0.7 4000")
        return {**behind, "proto": 6, "ct_id": number, "status": 0x19E}

    join(dsn, "inner", NOON, [(70, ASKED - timedelta(minutes=2))], nearer).close()
    assert ask(dsn, 7)[0] == [*alone, ("inner", True, 70)]


def test_closed_days_without_rows_are_not_opened(dsn: str) -> None:
    """Until a row comes all the same, as from a receiver that was read late."""
    alone, few = ask(dsn, 7)
    with psycopg.connect(dsn, autocommit=True) as owner:
        settle_all(owner)
        for table in TABLES:
            close_day(owner, (table, ASKED.date()))
    closed, fewer = ask(dsn, 7)
    assert closed == alone
    # The opening went with its end, and no dump had an entry: two partitions, with their indexes.
    assert fewer <= few - 10
    late = Gateway(dsn, "gw2")
    late.note("start", ASKED - HOUR, {"mode": "live", "timestamp": 1, "events": 1})
    late.record([opened(numbered(8), ASKED - HOUR / 2)], ASKED)
    late.close()
    [(node, _, number)] = ask(dsn, 8)[0]
    assert (node, number) == ("gw2", 8)


def test_one_that_joined_later_costs_nothing_when_its_reach_is_known(dsn: str) -> None:
    alone, few = ask(dsn, 7)
    join(dsn, "later", NOON - 10 * DAY, [(1, NOON - 11 * DAY)]).close()
    assert ask(dsn, 7)[1] > few
    list(maintain(dsn, RetentionSection(days=100)))
    assert ask(dsn, 7) == (alone, few)


def test_what_began_before_it_joined_is_found(dsn: str) -> None:
    join(dsn, "later", NOON - 10 * DAY, [(1, NOON - 11 * DAY), (2, ASKED - DAY)]).close()
    list(maintain(dsn, RetentionSection(days=100)))
    assert ask(dsn, 2)[0] == [("later", True, 2)]


def test_it_is_not_known_too_early(dsn: str) -> None:
    """What ends within two hours of the first dump may have begun before all that it shows."""
    gateway = Gateway(dsn, "later")
    at = NOON - 10 * DAY
    gateway.note("start", at, {"mode": "live", "timestamp": 1, "events": 1})
    gateway.dump(at + timedelta(seconds=1), [{**numbered(1), "start_sent": at}])
    gateway.record([], at + HOUR)
    list(maintain(dsn, RetentionSection(days=100)))
    gateway.record([ended(numbered(2), ASKED - HOUR, at + HOUR)], at + 3 * HOUR / 2)
    listen(gateway, at + 3 * HOUR / 2, 2)
    gateway.close()
    list(maintain(dsn, RetentionSection(days=100)))
    assert ask(dsn, 2)[0] == [("later", True, 2)]


def test_one_that_turns_out_to_be_older_is_looked_at_again(dsn: str) -> None:
    """A recorder that was replaced had left a stream behind, which is read in last."""
    at = NOON - 10 * DAY
    join(dsn, "later", at, [(1, at - HOUR)]).close()
    list(maintain(dsn, RetentionSection(days=100)))
    gateway = Gateway(dsn, "later")
    gateway.note("start", at - HOUR, {"mode": "live", "timestamp": 1, "events": 1})
    begun = ASKED - HOUR
    gateway.record([ended(numbered(2), begun, at - HOUR / 2)], at - HOUR / 3)
    gateway.close()
    assert ask(dsn, 2)[0] == [("later", True, 2)]
    list(maintain(dsn, RetentionSection(days=100)))
    assert ask(dsn, 2)[0] == [("later", True, 2)]


def test_answers_are_the_same_with_and_without(dsn: str) -> None:
    chance = random.Random(5)
    begun: list[tuple[int, datetime]] = []
    for days in (30, 12, 3):
        at = NOON - days * DAY
        shown = [
            (number, at - chance.choice([HOUR, DAY, 15 * DAY, 60 * DAY]) * chance.random())
            for number in range(20 * days, 20 * days + 12)
        ]
        join(dsn, f"later{days}", at, shown).close()
        begun += shown

    asked = [
        (number, start + chance.choice([-3, -1, 1, 3, 50]) * HOUR)
        for number, start in begun
        for _ in range(2)
    ]
    before = [ask(dsn, *each)[0] for each in asked]
    list(maintain(dsn, RetentionSection(days=100)))
    assert [ask(dsn, *each)[0] for each in asked] == before
    assert {len(answers) for answers in before} == {0, 1}
