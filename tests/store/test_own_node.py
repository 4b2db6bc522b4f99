"""A login records as its own gateways; each right of each role is in sql/tests/recorder.sql."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ctaudit.admin import check_database
from ctaudit.admin.finding import Finding, Level
from ctaudit.config import BatchSection, Config, JournalSection
from ctaudit.database import schema
from ctaudit.host.log import MESSAGE_IDS
from ctaudit.record.recorder import Recorder
from ctaudit.record.session import Session, open_store
from ctaudit.spool.note import Note, pack_note
from ctaudit.spool.order import list_paths
from ctaudit.spool.segment import HEADER_SIZE, opened_segment
from lab.cluster import Cluster
from tests.store.gateway import Gateway
from tests.store.scenario import after, refuse, run
from tests.unit.streams import NODE, make_segment
from tests.unit.test_recorder import events

NAME = "own_node"
PROCEDURE = "ctaudit.record_live"
REFUSAL = "the login rex does not record as gw1"
ADVICE = "if it is a login of that gateway, run as the owner: ctaudit node login gw1 rex"


@pytest.fixture
def place(cluster: Cluster) -> Iterator[str]:
    """A database in which nobody may record."""
    cluster.create_database(NAME)
    schema.install(cluster.dsn(NAME))
    yield NAME
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')


def fetch(cluster: Cluster, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.dsn(NAME)) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


def test_recorder_waits_with_its_spool_and_goes_on(
    cluster: Cluster, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ctaudit")
    bodies = (pack_note(Note("start", 500, {"mode": "live"})), events(*range(50)))
    make_segment(tmp_path, bodies=bodies, sealed=True).close()
    (path,) = list_paths(tmp_path)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        with opened_segment(path, writable=False) as segment:
            assert segment.committed <= HEADER_SIZE
        assert fetch(cluster, "SELECT node FROM ctaudit.node") == []
        if len(waits) == 3:
            assert run("node", "login", NODE, "rex", "--dsn", cluster.dsn(place)).status == 0

    config = Config(
        node=NODE, batch=BatchSection(events=20, wait=0.001), journal=JournalSection(rate=0)
    )
    session = Session(lambda: open_store(cluster.dsn(place, user="rex"), PROCEDURE), wait)
    recorder = Recorder(config, session, lambda: list_paths(tmp_path))
    assert recorder.work(lambda: len(waits) >= 3) == 50
    assert fetch(cluster, "SELECT node, received FROM ctaudit.stream") == [(NODE, 50)]
    told = [
        (record.levelname, record.__dict__["MESSAGE_ID"], record.getMessage())
        for record in caplog.records
        if "MESSAGE_ID" in record.__dict__
    ]
    assert told == [
        (
            "ERROR", MESSAGE_IDS["login refused"],
            f"login refused, events wait in the spool: {REFUSAL}; {ADVICE}",
        ),
        ("INFO", MESSAGE_IDS["database back"], "the database is back, recording continues"),
    ]  # fmt: skip


def test_attempt_is_in_the_server_s_log(cluster: Cluster, place: str) -> None:
    """Also where it is caught, so that there is no error."""
    before = cluster.read_log().count("LOG:  ctaudit: rex refused as gw2")
    with psycopg.connect(cluster.dsn(place, user="rex"), autocommit=True) as rex:
        rex.execute(
            "DO $$ BEGIN CALL ctaudit.record_note('gw2', gen_random_uuid(), 0, 1, now(), 'start',"
            " '{}'); EXCEPTION WHEN OTHERS THEN NULL; END $$"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rex.execute("SET log_min_messages = panic")
    assert cluster.read_log().count("LOG:  ctaudit: rex refused as gw2") == before + 1


def test_commands(cluster: Cluster, place: str) -> None:
    owner = ("--dsn", cluster.dsn(place))
    auditor = ("--dsn", cluster.dsn(place, user="audrey"))
    given = run("node", "login", "gw1", "rex", "--reason", "it is new", *owner)
    assert given.out == "The login rex records as gw1 from now on.\n"
    assert refuse(2, "node", "login", "gw1", "rex", *owner) == (
        "the login rex records as gw1 already"
    )
    assert refuse(2, "node", "login", "gw1", "no one", *owner) == "this server has no login no one"
    assert refuse(2, "node", "login", "gw2", "rex", "--remove", *owner) == (
        "the login rex does not record as gw2"
    )
    assert run("node", "list", *auditor).out == "gw1\n  recorded   nothing yet\n  login      rex\n"
    (node,) = run("node", "list", "--json", *auditor).json["nodes"]
    assert (node["node"], node["first_seen"], node["logins"]) == ("gw1", None, ["rex"])
    for login in ("rex", "audrey"):
        said = refuse(7, "node", "login", "gw2", "rex", "--dsn", cluster.dsn(place, user=login))
        assert "permission denied to set role" in said
    taken = run("node", "login", "gw1", "rex", "--remove", *owner)
    assert taken.out == "The login rex does not record as gw1 any more.\n"
    assert run("node", "list", *auditor).out == "No gateway has recorded anything yet.\n"
    assert fetch(
        cluster, "SELECT change, node, login, reason FROM ctaudit.login_change ORDER BY 1"
    ) == [("added", "gw1", "rex", "it is new"), ("removed", "gw1", "rex", None)]


def test_a_rename_takes_the_login_along(cluster: Cluster, place: str) -> None:
    gateway = Gateway(cluster.dsn(place, user="rex"), "gw1")
    gateway.listen(after(0))
    run("node", "rename", "gw1", "edge", "--dsn", cluster.dsn(place))
    gateway.record([], after(10))
    gateway.close()
    assert fetch(cluster, "SELECT node, login FROM ctaudit.node_login") == [("edge", "rex")]
    assert fetch(cluster, "SELECT node, login FROM ctaudit.login_change") == [("edge", "rex")]


@pytest.mark.usefixtures("place")
def test_check_names_the_command(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_database, "RECORDER_USER", "no-such-user")
    found = check_database.check_database(cluster.dsn(NAME, user="rex"), PROCEDURE, "gw1")
    assert found[-1] == Finding(
        "login", Level.UNFIT, "rex does not record as gw1", "a login that records as gw1", ADVICE
    )


def test_a_known_stream_of_another_node_tells_nothing(cluster: Cluster, place: str) -> None:
    gateway = Gateway(cluster.dsn(place), "gw2")
    gateway.listen(after(0))
    gateway.close()
    with (
        psycopg.connect(cluster.dsn(place, user="rex")) as rex,
        pytest.raises(psycopg.Error, match="the login rex does not record as gw2"),
    ):
        rex.execute("SELECT ctaudit.resume_position('gw2', %s)", (gateway.stream,))
