"""Every question is on record: its row, and the line in the server's log that nobody silences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ctaudit.admin.check_server import judge_log
from ctaudit.admin.finding import Level
from lab.cluster import Cluster
from lab.standby import hot_standby
from lab.waiting import comes_true
from tests.store.scenario import after, run

WHO = (
    "SELECT count(*) FROM ctaudit.who('203.0.113.77', 4711, '2026-11-01 00:00+00', "
    "'2026-11-01 00:01+00')"
)
FLOWS = "SELECT count(*) FROM ctaudit.flows(p_limit => 1)"
LIVE = "SELECT count(*) FROM ctaudit.live('gw1')"
TRAFFIC = "SELECT count(*) FROM ctaudit.traffic('2026-11-01 00:00+00', '2026-11-01 02:00+00')"
DURATIONS = "SELECT count(*) FROM ctaudit.durations('2026-11-01 00:00+00', '2026-11-02 00:00+00')"
QUESTIONS = {
    "who": WHO, "flows": FLOWS, "live": LIVE, "traffic": TRAFFIC, "durations": DURATIONS,
}  # fmt: skip
# Not of an internal host: nothing of a connection comes back.
OTHERS = (
    "SELECT * FROM ctaudit.status()",
    "SELECT * FROM ctaudit.gaps()",
    "SELECT * FROM ctaudit.nodes()",
    "SELECT * FROM ctaudit.completeness('gw1', '2026-11-01 00:00+00', '2026-11-01 00:01+00')",
)
READ_ONLY = psycopg.errors.ReadOnlySqlTransaction
SENTENCE = (
    "each question is put on record, which a read-only transaction cannot do; begin it READ WRITE"
)


@pytest.fixture
def audrey(cluster: Cluster) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.dsn(user="audrey"), autocommit=True) as connection:
        yield connection


def inquiries(cluster: Cluster) -> list[tuple[object, ...]]:
    """Question, arguments, answers of each, the latest first."""
    with psycopg.connect(cluster.dsn()) as connection:
        return connection.execute(
            "SELECT question, arguments, answers FROM ctaudit.inquiries(p_by => 'audrey') "
            "ORDER BY inquiry_id DESC"
        ).fetchall()


def log_lines(cluster: Cluster, question: str) -> int:
    lines = cluster.read_log().splitlines()
    return sum("LOG: " in line and f"audrey asked {question}(" in line for line in lines)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_leaves_a_row_and_a_line(
    cluster: Cluster, audrey: psycopg.Connection, question: str
) -> None:
    rows, lines = len(inquiries(cluster)), log_lines(cluster, question)
    [(answers,)] = audrey.execute(QUESTIONS[question]).fetchall()  # type: ignore[call-overload]
    latest, *earlier = inquiries(cluster)
    assert len(earlier) == rows
    assert (latest[0], latest[2]) == (question, answers)
    assert log_lines(cluster, question) == lines + 1


def test_live_says_of_which_gateway(cluster: Cluster, audrey: psycopg.Connection) -> None:
    audrey.execute(LIVE)
    assert inquiries(cluster)[0][:2] == ("live", {"node": "gw1"})


@pytest.mark.parametrize("statement", OTHERS)
def test_what_names_no_host_is_not_on_record(
    cluster: Cluster, audrey: psycopg.Connection, statement: str
) -> None:
    rows = len(inquiries(cluster))
    audrey.execute(statement)  # type: ignore[call-overload]
    assert len(inquiries(cluster)) == rows


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("how", ["the transaction", "the session"])
def test_a_read_only_transaction_is_refused(
    cluster: Cluster, audrey: psycopg.Connection, question: str, how: str
) -> None:
    rows, lines = len(inquiries(cluster)), log_lines(cluster, question)
    if how == "the session":
        audrey.execute("SET default_transaction_read_only = on")
    else:
        audrey.execute("BEGIN READ ONLY")
    with pytest.raises(READ_ONLY) as caught:
        audrey.execute(QUESTIONS[question])  # type: ignore[call-overload]
    assert caught.value.diag.message_primary == SENTENCE
    assert len(inquiries(cluster)) == rows
    assert log_lines(cluster, question) == lines + 1


def test_a_command_puts_its_question_on_record_all_the_same(cluster: Cluster, dsn: str) -> None:
    read_only = f"{dsn} options='-c default_transaction_read_only=on'"
    rows = len(inquiries(cluster))
    done = run("who", "1.2.3.4:53500", "--at", after(60).isoformat(), "--dsn", read_only)
    assert (done.status, done.err) == (0, "")
    assert len(inquiries(cluster)) == rows + 1


def test_what_is_rolled_back_leaves_the_line(cluster: Cluster, audrey: psycopg.Connection) -> None:
    rows, lines = len(inquiries(cluster)), log_lines(cluster, "who")
    with audrey.transaction(force_rollback=True):
        audrey.execute(WHO)
    # An error after the answer does the same.
    with pytest.raises(psycopg.errors.DivisionByZero):
        audrey.execute(WHO.replace("count(*)", "1 / count(*)"))
    assert len(inquiries(cluster)) == rows
    assert log_lines(cluster, "who") == lines + 2


def test_an_auditor_cannot_silence_the_log(cluster: Cluster, audrey: psycopg.Connection) -> None:
    refused = psycopg.errors.InsufficientPrivilege
    for name in ("log_min_messages", "log_error_verbosity", "log_min_error_statement"):
        value = {"log_error_verbosity": "terse"}.get(name, "panic")
        for statement in (
            f"SET {name} = {value}",
            f"SET LOCAL {name} = {value}",
            f"SELECT set_config('{name}', '{value}', false)",
            f"ALTER ROLE audrey SET {name} = {value}",
            f"ALTER DATABASE ctaudit SET {name} = {value}",
        ):
            with pytest.raises(refused), audrey.transaction():
                audrey.execute(statement)  # type: ignore[call-overload]
    for statement in ("SET log_destination = ''", "SET logging_collector = off"):
        with pytest.raises(psycopg.errors.CantChangeRuntimeParam):
            audrey.execute(statement)  # type: ignore[call-overload]
    lines = log_lines(cluster, "who")
    audrey.execute("SET client_min_messages = error")
    audrey.execute(WHO)
    assert log_lines(cluster, "who") == lines + 1
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(cluster.dsn(user="audrey"), options="-c log_min_messages=panic")


@pytest.mark.parametrize("level", ["warning", "log", "fatal", "panic"])
def test_check_warns_of_a_log_that_leaves_questions_out(cluster: Cluster, level: str) -> None:
    """And warns of no other level: the line is there, or not, as check says."""
    lines = log_lines(cluster, "who")
    with psycopg.connect(cluster.dsn(), autocommit=True) as superuser:
        superuser.execute(f"ALTER ROLE audrey SET log_min_messages = {level}")  # type: ignore[arg-type]
    with psycopg.connect(cluster.dsn(user="audrey"), autocommit=True) as connection:
        connection.execute(WHO)
    with psycopg.connect(cluster.dsn(), autocommit=True) as superuser:
        superuser.execute("ALTER ROLE audrey RESET log_min_messages")
    is_logged = log_lines(cluster, "who") == lines + 1
    assert is_logged == (judge_log(level).level is Level.GOOD)


def test_on_a_hot_standby_the_log_alone_has_it(primary: Cluster, tmp_path: Path) -> None:
    rows = len(inquiries(primary))
    with hot_standby(primary) as standby:
        dsn = standby.dsn(user="audrey")

        def has_caught_up() -> bool:
            with psycopg.connect(dsn) as connection:
                return connection.execute("SELECT count(*) FROM ctaudit.status()").fetchone() != (
                    0,
                )

        assert comes_true(has_caught_up, 30, pause=0.1)
        with psycopg.connect(dsn, autocommit=True) as audrey:
            for question, statement in QUESTIONS.items():
                assert log_lines(standby, question) == 0
                audrey.execute(statement)  # type: ignore[call-overload]
                assert log_lines(standby, question) == 1
        asked = run("who", "1.2.3.4:53500", "--at", after(60).isoformat(), "--dsn", dsn)
        assert asked.status == 0, asked
        assert run("flows", "--limit", "1", "--dsn", dsn).status == 4, "not all is covered"
        assert (log_lines(standby, "who"), log_lines(standby, "flows")) == (2, 2)
        cases = tmp_path / "cases.csv"
        cases.write_text("public,at\n" + f"1.2.3.4:53500,{after(60).isoformat()}\n" * 3)
        asked = run("who", "--batch", str(cases), "--dsn", dsn)
        assert (asked.status, asked.out.count(",one,")) == (0, 3), asked
        assert log_lines(standby, "who") == 5
    assert len(inquiries(primary)) == rows
