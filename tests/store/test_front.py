"""A front before three stores: what it answers when one is stopped, slow, or of another version."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from ctaudit.admin import stores
from ctaudit.database import front, schema
from ctaudit.database.connection import connect
from ctaudit.database.version import EXPECTED_SCHEMA
from ctaudit.errors import SchemaError
from ctaudit.query.lookup import ask_who
from ctaudit.query.question import read_who
from ctaudit.query.reply import Reply
from ctaudit.web import inquiry_pages
from lab.stores import ASKER, Fleet
from tests.store import pages
from tests.store.conftest import LOGINS
from tests.store.fleets import open_fleet, stopped
from tests.store.gateway import Gateway, ended, opened, tuples
from tests.store.pages import AT, browsing, letter
from tests.store.scenario import COUNTS, COVERED, OUT, after, fill_live, refuse, run, who

PATIENCE = 2.0
# Gateways of the three stores: gw1 has the article's connection, gw2 and gw3 one each.
BEHIND = {
    "b": ("gw2", "192.168.2.2 40000 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.5 50002"),
    "c": ("gw3", "192.168.3.3 40000 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.6 50003"),
}


def make_event(orig: str, reply: str) -> dict[str, Any]:
    return {**tuples(orig, reply), **COUNTS, "proto": 6, "ct_id": 77, "status": OUT}


@pytest.fixture(scope="module")
def made() -> Iterator[Fleet]:
    with open_fleet("abc", LOGINS, {"fsync": "off"}, PATIENCE) as made:
        fill_live(made.stores["a"].dsn(user="rex"))
        for name, (node, orig, reply) in BEHIND.items():
            gateway = Gateway(made.stores[name].dsn(user="rex"), node)
            gateway.listen(after(-600))
            event = make_event(orig, reply)
            gateway.record([opened(event, after(5)), ended(event, after(5), after(100))], COVERED)
            gateway.close()
        yield made


def ask(
    made: Fleet, public: str = "1.2.3.4:53500", login: str = "audrey", node: str | None = None
) -> Reply:
    with connect(made.dsn(login), "auditor") as connection:
        question = read_who(public, after(60).isoformat(), node=node)
        return ask_who(connection, question, with_hints=False)


def count_inquiries(made: Fleet, name: str) -> list[tuple[Any, ...]]:
    """Those of who in a store: how often each question stands there, and how many were answered."""
    with psycopg.connect(made.stores[name].dsn()) as connection:
        return connection.execute(
            "SELECT arguments ->> 'address', arguments ->> 'port', count(*), count(answered_at),"
            " min(asked_by), min(on_behalf_of) FROM ctaudit.inquiries() WHERE question = 'who'"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()


def forget_inquiries(made: Fleet) -> None:
    for cluster in made.stores.values():
        with psycopg.connect(cluster.dsn()) as connection:
            connection.execute(
                "TRUNCATE ctaudit.inquiry, ctaudit.inquiry_answer, ctaudit.inquiry_call"
            )


@pytest.fixture(autouse=True)
def nothing_asked(made: Fleet) -> None:
    forget_inquiries(made)


def test_each_store_has_the_question_once(made: Fleet) -> None:
    reply = ask(made)
    assert reply.verdict.name == "one"
    assert [str(one.host) for one in reply.answers] == ["192.168.1.129"]
    assert {item.node for item in reply.coverage} == {"gw1", "gw2", "gw3"}
    for name in made.stores:
        assert count_inquiries(made, name) == [("1.2.3.4", "53500", 1, 1, ASKER, "audrey")]
    assert ask(made, "1.2.3.6:50003").verdict.name == "one"
    assert ask(made, "1.2.3.4:1").verdict.name == "none"


def test_a_gateway_is_asked_for_where_it_is_known(made: Fleet) -> None:
    """In no other store is the question on record."""
    reply = ask(made, "1.2.3.5:50002", node="gw2")
    assert reply.verdict.name == "one"
    assert [item.node for item in reply.coverage] == ["gw2"]
    assert [len(count_inquiries(made, name)) for name in "abc"] == [0, 1, 0]
    span = {"from": after(0), "until": after(200), "host": "192.168.3.3"}
    with connect(made.dsn("audrey"), "auditor") as connection:
        for query in (
            "flows(%(host)s, NULL, NULL, %(from)s, %(until)s, p_node => 'gw3')",
            "traffic(%(from)s, %(until)s, '1 h', 'host', p_node => 'gw3')",
            "durations(%(from)s, %(until)s, 'gw3')",
        ):
            found = connection.execute(b"SELECT FROM ctaudit." + query.encode(), span).fetchall()
            assert len(found) > 0
    assert [list_questions(made, name) for name in "abc"] == [
        [], ["who"], ["durations", "flows", "traffic"],
    ]  # fmt: skip


def test_a_gateway_that_no_store_knows_is_asked_for_in_all(made: Fleet) -> None:
    assert ask(made, node="gw9").coverage == ()
    assert [len(count_inquiries(made, name)) for name in "abc"] == [1, 1, 1]


def test_a_store_that_cannot_say_whether_it_knows_a_gateway(made: Fleet) -> None:
    with stopped(made, "c"):
        reply = ask(made, "1.2.3.5:50002", node="gw2")
    assert reply.verdict.name == "unknown"
    assert [str(one.host) for one in reply.answers] == ["192.168.2.2"]


def list_questions(made: Fleet, name: str) -> list[str]:
    with psycopg.connect(made.stores[name].dsn()) as connection:
        rows = connection.execute("SELECT DISTINCT question FROM ctaudit.inquiries() ORDER BY 1")
        return [question for (question,) in rows]


def test_a_person_is_named(made: Fleet) -> None:
    with connect(made.dsn("desk"), "auditor") as connection, connection.transaction():
        connection.execute("SELECT ctaudit.set_purpose('7', 'a report', 'alice')")
        connection.execute(
            "SELECT FROM ctaudit.who('1.2.3.4', 53500, %s, %s)", (after(60), after(61))
        )
    for name in made.stores:
        assert count_inquiries(made, name)[0][-2:] == (ASKER, "desk for alice")
    refusal = pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not name a person")
    with connect(made.dsn("audrey"), "auditor") as connection, refusal:
        connection.execute("SELECT ctaudit.set_purpose('7', 'a report', 'alice')")


def test_inquiries_stand_once(made: Fleet) -> None:
    """To the one who asked, and to a supervisor of the front; to nobody else."""
    ask(made)
    seen = {}
    for login in ("audrey", "sue", "desk"):
        done = run("inquiries", "--dsn", made.dsn(login), "--json")
        seen[login] = [
            (one["asked_by"], one["question"], one["answers"]) for one in done.json["inquiries"]
        ]
    assert seen == {"audrey": [("audrey", "who", 1)], "sue": [("audrey", "who", 1)], "desk": []}


def test_the_pages_at_a_front(made: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """One list of what a person asked, each question once, by the number of its answer."""
    monkeypatch.setattr(inquiry_pages, "LISTED", 2)
    with browsing(made.dsn("desk"), is_named=True) as client:
        places = [pages.ask(client), pages.ask(client, address="/letter", letter=letter(10, 60))]
        pages.ask(client, pages.BOB)
        with stopped(made, "a"):
            # By the number of the next store that has it.
            places.append(pages.ask(client, public="1.2.3.5:50002", at=AT))
        for place, words in zip(places, ("192.168.1.129", "2 questions", "store a"), strict=True):
            assert words in pages.read(client, place).text
            assert client.get(f"{place}.json", headers=pages.BOB).status_code == 404
        said = [client.get(f"{place}.json", headers=pages.ALICE).json for place in places]
        numbers = [number for one in said for number in one["inquiries"]]
        assert [number % 1000 for number in numbers] == [1, 1, 1, 2]
        listed: list[int] = []
        address = "/inquiries.json"
        while address:
            plain = client.get(address, headers=pages.ALICE).json
            listed = [each["inquiry_id"] for each in plain["inquiries"]] + listed
            assert {each["on_behalf_of"] for each in plain["inquiries"]} == {"alice"}
            address = plain["older"]
        # Also what was asked for the surroundings of an answer; store b has all of it.
        with psycopg.connect(made.stores["b"].dsn()) as connection:
            [(asked,)] = connection.execute(
                "SELECT count(*) FROM ctaudit.inquiries(p_by => 'desk for alice')"
            ).fetchall()
        assert len(listed) == len(set(listed)) == asked
        assert [number for number in listed if number in numbers] == numbers
        assert "192.168.1.129" in pages.read(client, f"/inquiries/{numbers[0]}").text
        newest = client.get("/inquiries.json?case=2026-17", headers=pages.BOSS).json["inquiries"]
        assert {each["on_behalf_of"] for each in newest} == {"bob"}
        # It has one number, whichever stores have it.
        assert client.get(f"/inquiries/{numbers[0] + 2}", headers=pages.ALICE).status_code == 404
    # Kept no longer: by what is on record.
    with browsing(made.dsn("desk"), is_named=True) as client:
        one = client.get(f"/inquiries/{numbers[0]}.json", headers=pages.ALICE).json
        assert (one["inquiry_id"], one["answers"]) == (numbers[0], 1)
        assert client.get(f"/inquiries/{numbers[0]}", headers=pages.BOB).status_code == 404


_COMPLETE = (
    "SELECT complete FROM ctaudit.completeness_for(NULL, %(from)s, %(until)s, '1.2.3.7', 7, "
    "p_proto => %(proto)s::smallint, p_hosts => %(hosts)s::inet[]) WHERE node = 'gw5'"
)


def test_what_is_committed_between_two_calls(made: Fleet) -> None:
    """A connection that is in no answer, since it came after them, is not said to be covered."""
    gateway = Gateway(made.stores["b"].dsn(user="rex"), "gw5")
    gateway.listen(after(-600))
    gateway.record([], after(100))
    span = {"from": after(200), "until": after(201)}
    event = make_event("192.168.5.5 40000 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.7 7")

    def is_complete(connection: psycopg.Connection[Any], proto: int | None, hosts: str) -> bool:
        values = {**span, "proto": proto, "hosts": hosts}
        [(complete,)] = connection.execute(_COMPLETE.encode(), values).fetchall()
        return bool(complete)

    with connect(made.dsn("audrey"), "auditor") as connection:
        with connection.transaction():
            found = connection.execute(
                "SELECT FROM ctaudit.who('1.2.3.7', 7, %(from)s, %(until)s)", span
            ).fetchall()
            gateway.record([opened(event, after(199))], COVERED)
            assert found == []
            assert not is_complete(connection, None, "{}")
            # Other hosts, or a protocol: the stores are asked again, and say that it is.
            assert not is_complete(connection, None, "{10.0.0.1}")
            assert not is_complete(connection, 6, "{}")
        with connection.transaction():
            assert is_complete(connection, None, "{10.0.0.1}")
            assert is_complete(connection, 6, "{}")
    gateway.close()


@contextmanager
def frozen(made: Fleet, name: str) -> Iterator[None]:
    """Its processes do not run; the kernel goes on accepting connections for it."""
    pids = [made.stores[name].pid or 0]
    children = f"/proc/{pids[0]}/task/{pids[0]}/children"
    with open(children) as file:  # noqa: PTH123
        pids += map(int, file.read().split())
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("public", ["1.2.3.4:53500", "1.2.3.5:50002", "1.2.3.4:1"])
def test_a_stopped_store_makes_it_unknown(made: Fleet, public: str) -> None:
    """Whether an answer was found elsewhere, none was, or the store had it."""
    with stopped(made, "b"):
        reply = ask(made, public)
        assert reply.verdict.name == "unknown"
        [reason] = reply.verdict.reasons
        assert reason.startswith("store b is not reachable: ")
        assert len(reply.answers) == (public == "1.2.3.4:53500")
    address, port = public.split(":")
    for name in "ac":
        assert count_inquiries(made, name) == [(address, port, 1, 1, ASKER, "audrey")]
    assert count_inquiries(made, "b") == []
    assert ask(made, public).verdict.name != "unknown"


def test_a_store_is_stopped_while_a_session_has_its_connection(made: Fleet) -> None:
    question = read_who("1.2.3.4:53500", after(60).isoformat())
    with connect(made.dsn("audrey"), "auditor") as connection:
        names = []
        for _ in range(2):
            names.append(ask_who(connection, question, with_hints=False).verdict.name)
            with stopped(made, "b"):
                names.append(ask_who(connection, question, with_hints=False).verdict.name)
        names.append(ask_who(connection, question, with_hints=False).verdict.name)
    assert names == ["one", "unknown", "one", "unknown", "one"]
    for name, times in (("a", 5), ("b", 3), ("c", 5)):
        [(_, _, asked, answered, *_)] = count_inquiries(made, name)
        assert (asked, answered) == (times, times)


def test_a_frozen_store_makes_it_unknown(made: Fleet) -> None:
    """It takes what is sent, and says nothing; what it does later stands once all the same."""
    question = read_who("1.2.3.4:53500", after(60).isoformat())
    with connect(made.dsn("audrey"), "auditor") as connection:
        ask_who(connection, question, with_hints=False)
        forget_inquiries(made)
        with frozen(made, "c"):
            began = time.monotonic()
            reply = ask_who(connection, question, with_hints=False)
            took = time.monotonic() - began
    assert reply.verdict.name == "unknown"
    assert reply.verdict.reasons[0].startswith("store c is not reachable: ")
    assert took < 6 * PATIENCE
    for name in "ab":
        assert count_inquiries(made, name) == [("1.2.3.4", "53500", 1, 1, ASKER, "audrey")]
    time.sleep(0.5)
    assert all(row[2] <= 1 for row in count_inquiries(made, "c"))


def test_a_slow_store_makes_it_unknown(made: Fleet) -> None:
    """The question waits there for a lock, longer than the front waits for it."""
    with psycopg.connect(made.stores["b"].dsn()) as other:
        other.execute("LOCK TABLE ctaudit.inquiry IN ACCESS EXCLUSIVE MODE")
        reply = ask(made)
        assert reply.verdict.name == "unknown"
        assert "did not answer within" in reply.verdict.reasons[0]
    time.sleep(0.5)
    rows = count_inquiries(made, "b")
    assert all(row[2] == 1 for row in rows)
    assert ask(made).verdict.name == "one"


@contextmanager
def versioned(made: Fleet, name: str, *migration: object) -> Iterator[None]:
    """A store on which another migration was the last; without one the last is missing."""
    with psycopg.connect(made.stores[name].dsn(), autocommit=True) as connection:
        if migration:
            connection.execute("INSERT INTO ctaudit.migration VALUES (%s, 'next', %s)", migration)
        else:
            kept = connection.execute(
                "DELETE FROM ctaudit.migration WHERE number = %s RETURNING name", [EXPECTED_SCHEMA]
            ).fetchall()
    yield
    with psycopg.connect(made.stores[name].dsn(), autocommit=True) as connection:
        if migration:
            connection.execute("DELETE FROM ctaudit.migration WHERE name = 'next'")
        else:
            connection.execute(
                "INSERT INTO ctaudit.migration VALUES (%s, %s, 1)", (EXPECTED_SCHEMA, kept[0][0])
            )


def test_a_store_that_was_upgraded_first_goes_on(made: Fleet) -> None:
    with versioned(made, "b", EXPECTED_SCHEMA + 1, EXPECTED_SCHEMA):
        assert ask(made, "1.2.3.5:50002").verdict.name == "one"


def test_a_store_that_is_too_new(made: Fleet) -> None:
    with versioned(made, "b", EXPECTED_SCHEMA + 1, EXPECTED_SCHEMA + 1):
        verdict = ask(made).verdict
    assert verdict.name == "unknown"
    assert verdict.reasons[0].startswith(
        f"store b is not reachable: it has schema version {EXPECTED_SCHEMA + 1}, with which a "
        f"front of version {EXPECTED_SCHEMA} does not go on"
    )


def test_a_store_that_is_too_old(made: Fleet) -> None:
    with versioned(made, "b"):
        verdict = ask(made).verdict
    assert verdict.name == "unknown"
    assert f"and the front needs {EXPECTED_SCHEMA}" in verdict.reasons[0]


def test_a_required_reason_is_asked_for(made: Fleet) -> None:
    """It is the question's fault, and not that of the store that says so."""
    with psycopg.connect(made.stores["b"].dsn()) as connection:
        connection.execute("SELECT ctaudit.require_reason(true)")
    try:
        said = refuse(
            2, "who", "1.2.3.4:53500", "--at", after(60).isoformat(), "--dsn", made.dsn("audrey")
        )
        assert "give --case and --reason" in said
    finally:
        with psycopg.connect(made.stores["b"].dsn()) as connection:
            connection.execute("SELECT ctaudit.require_reason(false)")


def test_commands_through_a_front(made: Fleet) -> None:
    dsn = made.dsn("audrey")
    done = who(dsn, "1.2.3.4:53500", 60)
    assert done.status == 0
    assert "192.168.1.129:53400 was behind 1.2.3.4:53500" in done.out
    flows = run("flows", "--dsn", dsn, "--from", after(0).isoformat(), "--format", "json")
    assert flows.out.count('"node"') > 10 or "gw3" in flows.out
    assert "gw1" in run("status", "--dsn", dsn).out
    traffic = run(
        "traffic", "--dsn", dsn, "--from", after(0).isoformat(), "--until", after(300).isoformat(),
        "--format", "json",
    )  # fmt: skip
    assert traffic.status in (0, 4)
    listed = run("store", "list", "--dsn", dsn, "--json")
    assert [one["name"] for one in listed.json["stores"]] == ["a", "b", "c"]


@pytest.mark.parametrize("command", ["flows", "traffic"])
def test_rows_that_a_stopped_store_lacks(made: Fleet, command: str) -> None:
    span = ("--from", after(0).isoformat(), "--until", after(300).isoformat())
    words = (command, "--dsn", made.dsn("audrey"), *span)
    assert run(*words).status == 0
    with stopped(made, "b"):
        done = run(*words)
    assert done.status == 4
    assert "store b is not reachable" in done.err


def test_a_store_that_is_gone(made: Fleet) -> None:
    try:
        assert "is asked all the same" in stores.retire(made.front.dsn(), "c", is_gone=False)
        assert ask(made, "1.2.3.6:50003").verdict.name == "one"
        stores.retire(made.front.dsn(), "c", is_gone=True)
        verdict = ask(made).verdict
        assert verdict.name == "unknown"
        assert verdict.reasons[0].startswith("store c was taken out at ")
    finally:
        stores.add(made.front.dsn(), "c", made.stores["c"].dsn(user=ASKER), PATIENCE)


def test_nobody_speaks_by_the_fronts_connections(made: Fleet) -> None:
    """Neither by dblink nor by what the front keeps of a transaction."""
    ask(made)
    with connect(made.dsn("audrey"), "auditor") as connection:
        for statement in (
            "SELECT ctaudit_dblink.dblink_get_connections()",
            "SELECT * FROM ctaudit.ask_stores('[]')",
            "SELECT * FROM ctaudit.store",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())
        with connection.transaction():
            connection.execute("SELECT FROM ctaudit.requires_reason()")
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute("DELETE FROM pg_temp.ctaudit_kept")
    with connect(made.dsn("audrey"), "auditor") as connection:
        connection.execute("CREATE TEMPORARY TABLE ctaudit_kept (kind text)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is in the way"):
            connection.execute("SELECT FROM ctaudit.requires_reason()")


def test_a_front_is_no_store_and_a_store_no_front(made: Fleet) -> None:
    with pytest.raises(SchemaError, match="is a front, which records nothing"):
        schema.install(made.front.dsn())
    with pytest.raises(SchemaError, match="is a store, which records"):
        front.install(made.stores["a"].dsn())
    assert schema.upgrade(made.front.dsn()).is_front
    assert "it is a front" in run("schema", "status", "--dsn", made.front.dsn()).out
    assert ask(made).verdict.name == "one"
