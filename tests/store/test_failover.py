"""Several database hosts in one connection string, and a server that stops answering."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from ctaudit.admin.check_database import Site, check_database, check_database_host
from ctaudit.admin.finding import Level
from ctaudit.database import impatient, limits
from ctaudit.database.connection import connect
from ctaudit.errors import DatabaseError
from ctaudit.record.in_flight import send_batch
from ctaudit.record.positions import Span
from ctaudit.record.procedures import Fault, classify
from ctaudit.record.session import open_store
from ctaudit.spool.decoder import Batch
from ctaudit.spool.note import Note
from lab.cluster import Cluster
from lab.standby import hot_standby
from lab.waiting import wait_until
from tests.store.gateway import let_record
from tests.store.scenario import run


@pytest.fixture(scope="module")
def cluster(primary: Cluster) -> Cluster:
    return primary


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    """A database of its own: other tests count what is in the shared one."""
    cluster.create_database("failover", template="ctaudit")
    let_record(cluster.dsn("failover"), "gw1")
    return "failover"


def test_a_silent_host_before_the_server(cluster: Cluster) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        dsn = (
            f"host=127.0.0.1,{cluster.socket_directory} port={port},5432 connect_timeout=1 "
            f"dbname=ctaudit user={cluster.superuser}"
        )
        with closing(connect(dsn, "recorder")) as connection:
            assert connection.info.host == str(cluster.socket_directory)


def test_those_who_write_come_to_the_primary(cluster: Cluster) -> None:
    with hot_standby(cluster) as standby:
        both = f"host={standby.socket_directory},{cluster.socket_directory}"
        rest = f"dbname=ctaudit user={cluster.superuser}"
        for role in ("recorder", "maintainer", "owner"):
            with closing(connect(f"{both} {rest}", role)) as connection:
                assert connection.info.host == str(cluster.socket_directory), role
        # Who asks has the first that answers, or says what it wants.
        with closing(connect(f"{both} {rest}", "auditor")) as connection:
            assert connection.info.host == str(standby.socket_directory)
        wanted = f"{both} {rest} target_session_attrs=read-write"
        with closing(connect(wanted, "auditor")) as connection:
            assert connection.info.host == str(cluster.socket_directory)
        # Whatever else is said there, no standby takes what they write.
        with closing(connect(f"{both} {rest} target_session_attrs=any", "recorder")) as connection:
            assert connection.info.host == str(cluster.socket_directory)
        # Twice the standby: as during a failover.
        none = f"host={standby.socket_directory},{standby.socket_directory}"
        with pytest.raises(DatabaseError, match=r"hot standby mode; .*name the primary's host"):
            connect(f"{none} {rest}", "recorder")


def test_check_on_a_standby(cluster: Cluster) -> None:
    """As a database's host, and as a gateway that knows the standby alone."""
    with hot_standby(cluster) as standby:
        dsn = standby.dsn(user="mary")
        found = check_database_host(dsn, Site(Path("/nowhere")))
        gateway = check_database(standby.dsn(user="rex"), "ctaudit.record_live", "gw1")
    assert [(one.name, one.level) for one in found] == [
        ("database", Level.GOOD),
        ("standby", Level.GOOD),
    ]
    assert [(one.name, one.level) for one in gateway] == [("database", Level.UNFIT)]
    assert "a standby takes no changes" in gateway[0].found


@pytest.mark.parametrize(
    ("login", "words"),
    [("mary", ["maintain"]), (None, ["schema", "install"]), ("audrey", ["hold", "list"])],
)
def test_what_a_standby_cannot_do_is_said(
    cluster: Cluster, login: str | None, words: list[str]
) -> None:
    with hot_standby(cluster) as standby:
        done = run(*words, "--dsn", standby.dsn(user=login))
    assert done.status == 5
    assert "a standby takes no changes: name the primary's host" in done.err
    assert done.err.count("\n") == 1


def test_a_server_that_stops_answering_is_given_up(
    cluster: Cluster, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel still answers, so that neither keepalives nor tcp_user_timeout notice."""
    dsn = cluster.dsn(place, user="rex")
    span = Span("gw1", uuid4(), 0, 10)
    store = open_store(dsn, "ctaudit.record_live")
    store.record_note(span, Note("start", time.time_ns(), {"mode": "live"}))
    monkeypatch.setattr(impatient, "LONGEST_SILENCE", 0.5)
    backend = store._connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        coverage = replace(span, first=10, until=20)
        sent = send_batch(store, coverage, store.encode(coverage, Batch()), 0)
        with pytest.raises(psycopg.OperationalError, match=r"not answered for 0\.5 s") as caught:
            sent.settle()
        assert classify(caught.value) is Fault.UNREACHABLE
        store.close()
    finally:
        os.kill(backend, signal.SIGCONT)
    # What it had been sent it does now, once: the position says so to the next one.
    with closing(open_store(dsn, "ctaudit.record_live")) as again:
        wait_until(lambda: again.find_position("gw1", span.stream) == 20)


def test_what_was_given_up_does_not_pile_up(
    cluster: Cluster, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CALL that waits, as for a synchronous standby that is gone, and is tried again."""
    monkeypatch.setattr(impatient, "LONGEST_SILENCE", 0.3)
    monkeypatch.setattr(limits, "CLIENT_CHECK", "100ms")
    with (
        psycopg.connect(cluster.dsn(place)) as holder,
        psycopg.connect(cluster.dsn(place), autocommit=True) as looking,
    ):
        holder.execute("LOCK ctaudit.stream")
        for _ in range(3):
            store = open_store(cluster.dsn(place, user="rex"), "ctaudit.record_live")
            with pytest.raises(psycopg.OperationalError, match="has not answered"):
                store.find_position("gw1", uuid4())
            store.close()
        sessions = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = 'ctaudit recorder' AND state = 'active'"
        )
        wait_until(lambda: looking.execute(sessions).fetchall() == [(0,)], patience=5)
