"""Case and reason of a question: by the commands, by psql, and from a database of 0.1.0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from ctaudit.database import schema, version
from ctaudit.database.connection import connect
from ctaudit.errors import PrivilegeError
from ctaudit.query.inquiries import Inquiry, WantedInquiries, ask_inquiries
from ctaudit.query.lookup import ask_who
from ctaudit.query.purpose import Purpose
from ctaudit.query.question import read_who
from lab import release
from lab.cluster import Cluster
from tests.store.scenario import after, fill_live, refuse, run
from tests.store.test_inquiries import QUESTIONS

AT = after(60).isoformat()
WHO = ("who", "1.2.3.4:53500", "--at", AT)
FLOWS = ("flows", "--host", "192.168.1.131", "--from", AT)
TRAFFIC = ("traffic", "--from", AT, "--host", "192.168.1.131")
WHY = ("--case", "2026-17", "--reason", "a letter")
SENTENCE = "this record answers no question without a case and a reason; give --case and --reason"


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    cluster.create_database("purposes")
    schema.install(cluster.dsn("purposes"))
    fill_live(cluster.dsn("purposes", user="rex"))
    return "purposes"


@pytest.fixture
def strict(cluster: Cluster, place: str) -> Iterator[str]:
    """The auditor's DSN, while the database requires a reason."""
    with psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        owner.execute("SELECT ctaudit.require_reason(true)")
        yield cluster.dsn(place, user="audrey")
        owner.execute("SELECT ctaudit.require_reason(false)")


def inquiries(cluster: Cluster, place: str, user: str = "sue") -> tuple[Inquiry, ...]:
    with connect(cluster.dsn(place, user=user)) as connection:
        return ask_inquiries(connection, WantedInquiries())


@pytest.mark.parametrize("words", [WHO, FLOWS, TRAFFIC, (*TRAFFIC, "--durations")])
def test_a_reason_is_on_record(cluster: Cluster, strict: str, words: tuple[str, ...]) -> None:
    place = "purposes"
    before = len(inquiries(cluster, place))
    assert refuse(2, *words, "--dsn", strict) == SENTENCE
    assert refuse(2, *words, "--case", "2026-17", "--dsn", strict) == SENTENCE
    assert refuse(2, *words, "--reason", "a letter", "--dsn", strict) == SENTENCE
    assert len(inquiries(cluster, place)) == before
    assert run(*words, *WHY, "--dsn", strict).status in (0, 4)
    (asked,) = inquiries(cluster, place)[before:]
    assert (asked.case_reference, asked.reason) == ("2026-17", "a letter")
    assert asked.is_answered


@pytest.mark.parametrize("question", QUESTIONS)
def test_psql_is_refused_with_the_way_out(strict: str, question: str) -> None:
    with psycopg.connect(strict) as connection:
        with pytest.raises(psycopg.DatabaseError) as caught:
            connection.execute(QUESTIONS[question])  # type: ignore[call-overload]
        assert caught.value.sqlstate == "CT006"
        assert (caught.value.diag.message_hint or "").endswith(
            "first: SELECT ctaudit.set_purpose('CASE', 'REASON')."
        )
        connection.rollback()
        connection.execute("SELECT ctaudit.set_purpose('2026-17', 'a letter')")
        connection.execute(QUESTIONS[question])  # type: ignore[call-overload]
        connection.rollback()
        with pytest.raises(psycopg.DatabaseError, match="without a case and a reason"):
            connection.execute(QUESTIONS[question])  # type: ignore[call-overload]


def test_what_a_session_was_told_is_not_taken_over(cluster: Cluster, place: str) -> None:
    """A client of a pooler that sets it for the session would say why the next one asks."""
    with psycopg.connect(cluster.dsn(place, user="audrey"), autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SELECT ctaudit.set_purpose('2026-17', 'a letter')")
            row = connection.execute("SHOW ctaudit.purpose").fetchone()
        assert row is not None
        connection.execute("SELECT set_config('ctaudit.purpose', %s, false)", row)
        with pytest.raises(psycopg.DatabaseError, match="is set for the session"):
            connection.execute(QUESTIONS["who"])
        connection.execute("RESET ctaudit.purpose")
        connection.execute(QUESTIONS["who"])


def test_a_front_end_names_a_person(cluster: Cluster, place: str) -> None:
    question = read_who("1.2.3.4:53500", AT)
    purpose = Purpose("2026-18", "a mail", "Ann")
    with connect(cluster.dsn(place, user="desk")) as connection:
        ask_who(connection, question, purpose)
    refused = pytest.raises(PrivilegeError, match="the login audrey may not name a person for whom")
    with connect(cluster.dsn(place, user="audrey")) as connection, refused:
        ask_who(connection, question, purpose)
    *_, asked = inquiries(cluster, place)
    assert (asked.asked_by, asked.on_behalf_of, asked.answers) == ("desk", "Ann", 1)
    assert {one.asked_by for one in inquiries(cluster, place, "desk")} == {"desk"}
    assert "desk" not in {one.asked_by for one in inquiries(cluster, place, "audrey")}


def test_a_question_stays_where_its_answer_is_rolled_back(
    cluster: Cluster, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(inquiries(cluster, place))
    monkeypatch.setattr("ctaudit.query.lookup.follow", _interrupt)
    question = read_who("1.2.3.4:53500", AT)
    with (
        connect(cluster.dsn(place, user="audrey")) as connection,
        pytest.raises(KeyboardInterrupt),
    ):
        ask_who(connection, question, Purpose("2026-19", "a letter"))
    (asked,) = inquiries(cluster, place)[before:]
    assert (asked.answers, asked.answered_at) == (None, None)
    done = run("inquiries", "--case", "2026-19", "--dsn", cluster.dsn(place, user="audrey"))
    assert "not answered, or the answer was rolled back; case 2026-19; reason: a letter" in done.out


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_announced_question_is_no_other(cluster: Cluster, place: str) -> None:
    """Neither another login's answer, nor a second one, nor that of other arguments counts."""
    before = len(inquiries(cluster, place))
    announcement = "0c9bd8c1-5d4c-4d3e-a3cb-1ae5ee6a7f11"
    who = "SELECT count(*) FROM ctaudit.who('1.2.3.4', 53500, %s, %s)"
    asked = (after(60), after(61))

    def say(connection: psycopg.Connection, *, announce: bool) -> None:
        connection.execute(
            "SELECT ctaudit.set_purpose('1', 'x', NULL, %s, %s)", (announcement, announce)
        )

    with psycopg.connect(cluster.dsn(place, user="audrey"), autocommit=True) as audrey:
        with audrey.transaction():
            say(audrey, announce=True)
            assert audrey.execute(who, asked).fetchall() == [(0,)], "announced, not answered"
        with psycopg.connect(cluster.dsn(place, user="desk")) as desk:
            say(desk, announce=False)
            desk.execute(who, asked)
        with audrey.transaction():
            say(audrey, announce=False)
            audrey.execute(who, (after(60), after(62)))
            assert audrey.execute(who, asked).fetchall() == [(1,)]
            audrey.execute(who, asked)
    found = inquiries(cluster, place)[before:]
    assert [(one.asked_by, one.answers) for one in found] == [
        ("audrey", 1), ("desk", 1), ("audrey", 1), ("audrey", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["flows", "--from", AT], "this asked for every host without"),
        (["flows", "--host", "192.168.1.0/24", "--from", AT], "this asked for a whole network"),
        (["flows", "--host", "192.168.1.131"], "this asked for more than a day"),
        (["who", "1.2.3.4:53500", "--at", AT, "--within", "86400"], "asked for more than a day"),
        (["traffic", "--from", AT, "--by", "host"], "this asked for every host"),
        (["flows", "--host", "192.168.1.131", "--from", AT], None),
        (["flows", "--host", "192.168.0.0/16", "--nat", "1.2.3.4", "--from", AT], None),
        (["traffic", "--from", AT], None),
        (["who", "1.2.3.4:53500", "--at", AT], None),
    ],
)
def test_a_broad_question_gets_a_notice(
    cluster: Cluster, place: str, words: list[str], said: str | None
) -> None:
    dsn = cluster.dsn(place, user="audrey")
    notice = run(*words, "--dsn", dsn)
    assert ("without a case and a reason" in notice.err) == (said is not None)
    assert said is None or said in notice.err
    assert "without a case" not in run(*words, *WHY, "--dsn", dsn).err


def test_inquiries_are_found(cluster: Cluster, place: str) -> None:
    dsn = cluster.dsn(place, user="audrey")
    run(*WHO, "--case", "2026-20", "--reason", "a log", "--dsn", dsn)
    (asked,) = run("inquiries", "--case", "2026-20", "--json", "--dsn", dsn).json["inquiries"]
    assert (asked["question"], asked["answers"], asked["reason"]) == ("who", 1, "a log")
    assert asked["arguments"]["port"] == 53500
    text = run("inquiries", "--case", "2026-20", "--tz", "UTC", "--dsn", dsn).out.splitlines()
    at = after(60).astimezone(UTC).isoformat(" ")
    assert f"  audrey  who(from {at}, port 53500, until " in text[0]
    assert text[1].startswith("    1 answer; case 2026-20; reason: a log; by ctaudit auditor")
    for words, count in (
        (["--address", "1.2.3.0/24"], 1), (["--address", "5.6.7.8"], 0),
        (["--by", "audrey"], 1), (["--by", "desk"], 0),
        (["--from", after(-60).isoformat()], 1),
    ):  # fmt: skip
        done = run("inquiries", "--case", "2026-20", "--json", *words, "--dsn", dsn)
        assert len(done.json["inquiries"]) == count, words
    soon = datetime.now(UTC).isoformat()
    assert run("inquiries", "--from", soon, "--dsn", dsn).out.startswith("No such question")
    assert refuse(7, "inquiries", "--dsn", cluster.dsn(place, user="rex"))


def test_of_a_database_of_the_last_release(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its inquiries keep their answers, and its program goes on asking."""
    commit = release.find_commit("v0.1.0")
    if commit is None:
        pytest.skip(release.say_missing("v0.1.0"))
    old = tmp_path / "old"
    old.mkdir()
    release.unpack(commit, old, "sql", "src")
    cluster.create_database("asked_before")
    dsn = cluster.dsn("asked_before")
    with monkeypatch.context() as patch:
        patch.setattr(version, "EXPECTED_SCHEMA", 1)
        patch.setenv("CTAUDIT_SQL", str(old / "sql"))
        schema.install(dsn)
    fill_live(cluster.dsn("asked_before", user="rex"))
    asking = cluster.dsn("asked_before", user="audrey")
    by_it = {"PYTHONPATH": str(old / "src")}
    assert run(*WHO, "--dsn", asking, env=by_it).status == 0
    needed = f"version 1, but this program needs {version.EXPECTED_SCHEMA}; run: ctaudit schema"
    assert needed in refuse(6, *WHO, "--dsn", asking)
    schema.upgrade(dsn)
    assert run(*WHO, "--dsn", asking).status == 0
    assert run(*WHO, "--dsn", asking, env=by_it).status == 0
    assert run(*FLOWS, "--dsn", asking, env=by_it).status == 4
    found = inquiries(cluster, "asked_before")
    assert [(one.question, one.answers, one.answered_at is None) for one in found] == [
        ("who", 1, True), ("who", 1, False), ("who", 1, False), ("flows", 2, False),
    ]  # fmt: skip
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("SELECT ctaudit.require_reason(true)")
        sentence = refuse(5, *WHO, "--dsn", asking, env=by_it)
        assert "answers no question without a case and a reason" in sentence
        assert json.loads(run(*WHO, *WHY, "--json", "--dsn", asking).out)["verdict"] == "one"
        # The maintenance deletes a question with the number of its answers.
        owner.execute("UPDATE ctaudit.inquiry SET asked_at = now() - interval '40 days'")
        assert owner.execute("SELECT ctaudit.delete_inquiries(30)").fetchone() == (5,)
        assert owner.execute("SELECT count(*) FROM ctaudit.inquiry_answer").fetchone() == (0,)
