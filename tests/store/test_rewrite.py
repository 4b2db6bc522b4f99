"""A question whose snapshot is older than a move of rows: it is asked again, never answered none.

Each test was seen to answer none, and complete, without ctaudit.refuse_rewritten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ctaudit.config import RetentionSection
from ctaudit.database import schema
from ctaudit.database.connection import RewrittenError, begin_question, connect, repeated
from ctaudit.database.maintenance import maintain
from ctaudit.query import lookup
from ctaudit.query.question import read_flows, read_who
from lab.cluster import Cluster
from lab.waiting import comes_true
from tests.store.gateway import Gateway, ended, opened, tuples

AT = (datetime.now(UTC) - timedelta(days=5)).replace(hour=12, minute=0, second=0, microsecond=0)
CONNECTION = {
    **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
    "proto": 6, "status": 0x198, "ct_id": 5,
}  # fmt: skip
ASKED = AT + timedelta(minutes=5)
SPAN = f"'{ASKED:%Y-%m-%d %H:%M:%S+00}', '{ASKED + timedelta(seconds=1):%Y-%m-%d %H:%M:%S+00}'"
QUESTIONS = {
    "who": f"SELECT count(*) FROM ctaudit.who('1.2.3.4', 53500, {SPAN})",
    "flows": f"SELECT count(*) FROM ctaudit.flows('192.168.1.129', NULL, NULL, {SPAN})",
    "live": "SELECT count(*) FROM ctaudit.live('gw1')",
}


@pytest.fixture
def dsn(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A connection on a day without a partition, bounded by dumps with times."""
    name = request.node.name.replace("[", "_").replace("]", "")[:60]
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = Gateway(cluster.dsn(name), "gw1")
    gateway.note("start", AT, {"mode": "live", "timestamp": 1})
    gateway.dump(AT + timedelta(seconds=1))
    begun = AT + timedelta(minutes=1)
    gateway.record([opened(CONNECTION, begun)], AT + timedelta(minutes=2))
    gateway.record(
        [ended(CONNECTION, begun, AT + timedelta(minutes=9))], AT + timedelta(minutes=10)
    )
    gateway.dump(AT + timedelta(minutes=20))
    gateway.record([opened({**CONNECTION, "ct_id": 6}, AT + timedelta(minutes=25))],
        AT + timedelta(minutes=40))  # fmt: skip
    gateway.close()
    yield cluster.dsn(name)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def keep(dsn: str, days: int) -> None:
    list(maintain(dsn, RetentionSection(days=days)))


def ask(connection: psycopg.Connection, question: str) -> object:
    row = connection.execute(QUESTIONS[question]).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("days", [30, 2], ids=["moved", "dropped"])
def test_in_a_transaction_that_began_before(dsn: str, question: str, days: int) -> None:
    if days == 2:
        keep(dsn, 30)
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM ctaudit.node")
        keep(dsn, days)
        with pytest.raises(psycopg.errors.SerializationFailure, match="rows of the record"):
            ask(connection, question)
        connection.rollback()
        assert ask(connection, question) == (1 if days == 30 else 0)


@pytest.mark.parametrize("question", QUESTIONS)
def test_within_one_statement(dsn: str, question: str) -> None:
    """READ COMMITTED: the function has its snapshot, and then waits for a lock of a third."""
    answers: list[object] = []

    def work() -> None:
        with psycopg.connect(dsn) as connection:
            try:
                answers.append(ask(connection, question))
            except psycopg.errors.SerializationFailure as error:
                answers.append(type(error))

    with psycopg.connect(dsn) as holder:
        holder.execute("LOCK TABLE ctaudit.dump IN ACCESS EXCLUSIVE MODE")
        worker = threading.Thread(target=work)
        worker.start()
        with psycopg.connect(dsn, autocommit=True) as other:
            waiting = (
                "SELECT FROM pg_locks WHERE NOT granted AND relation = 'ctaudit.dump'::regclass"
            )
            assert comes_true(lambda: other.execute(waiting).fetchone() is not None, 20)
            for table in ("opening", "flow", "dump_entry"):
                other.execute("SELECT ctaudit.make_partition(%s, %s)", (table, AT.date()))
        holder.rollback()
        worker.join()
    assert answers == [psycopg.errors.SerializationFailure]


@pytest.mark.parametrize("question", ["who", "flows"])
def test_the_commands_ask_again(dsn: str, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maintenance runs once, in the middle of the first try."""
    moves: list[Callable[[], None]] = [lambda: keep(dsn, 30)]
    select_answers = lookup._select_answers

    def move_once(connection: psycopg.Connection) -> None:
        if moves:
            connection.execute("SELECT count(*) FROM ctaudit.node")
            moves.pop()()

    def select_after(connection, *rest):  # type: ignore[no-untyped-def]
        move_once(connection)
        return select_answers(connection, *rest)

    def begin_and_move(connection: psycopg.Connection) -> None:
        first = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;" if moves else b""
        begin_question(connection, first)
        move_once(connection)

    with connect(dsn, "auditor") as connection:
        if question == "who":
            monkeypatch.setattr(lookup, "_select_answers", select_after)
            asked = read_who(
                "1.2.3.4:53500", ASKED.isoformat(), to=None, proto=None, node=None, within="0"
            )
            assert lookup.ask_who(connection, asked).verdict.exit_status == 0
        else:
            monkeypatch.setattr(lookup, "begin_question", begin_and_move)
            listed = read_flows(
                host="192.168.1.129", nat=None, remote=None, begin=ASKED.isoformat(),
                until=(ASKED + timedelta(seconds=1)).isoformat(), only_open=False, node=None,
                limit=None,
            )  # fmt: skip
            assert len(list(lookup.ask_flows(connection, listed))) == 1
    assert moves == []


def test_what_is_moved_each_time_is_an_error_at_last() -> None:
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise RewrittenError("moved")

    with pytest.raises(RewrittenError):
        repeated(fail)
    assert len(tries) == 3
