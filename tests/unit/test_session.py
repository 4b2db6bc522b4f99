"""The session: connected when needed, its waits, and what is said of them."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from types import SimpleNamespace

import psycopg
import pytest

from ctaudit.conntrack.event import COLUMNS
from ctaudit.database.version import SchemaVersion
from ctaudit.errors import DatabaseError, SchemaError
from ctaudit.host.log import MESSAGE_IDS
from ctaudit.record import procedures
from ctaudit.record import session as module
from ctaudit.record.notices import log_notice
from ctaudit.record.procedures import Store
from ctaudit.record.session import Session, longest_delay, open_store
from tests.unit.database import Database, FakeStore, Unreachable


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemd is told."""
    told: list[str] = []
    monkeypatch.setattr(module, "notify", told.append)
    return told


def test_connects_once_and_again_after_a_close() -> None:
    database = Database()
    session = Session(database.open)
    assert database.connections == 0
    first = session.open()
    assert session.open() is first
    session.close()
    session.close()
    assert session.open() is not first
    assert database.connections == 2


def test_closed_means_that_the_connection_is_closed() -> None:
    session = Session(Database().open)
    store = session.open()
    assert isinstance(store, FakeStore)
    session.back_off("no route to host")
    assert not store._is_open


def test_failure_to_connect_is_tried_again() -> None:
    database = Database(fault=Unreachable(1))
    session = Session(database.open)
    with pytest.raises(DatabaseError):
        session.open()
    assert isinstance(session.open(), Store)


def test_each_wait_is_longer_up_to_five_seconds() -> None:
    assert [longest_delay(failures) for failures in range(1, 8)] == [
        0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0,
    ]  # fmt: skip
    assert longest_delay(100_000) == 5.0


def test_waits_are_spread_over_the_upper_half() -> None:
    first: list[float] = []
    for _ in range(200):
        Session(Database().open, first.append).back_off("no route to host")
    assert 0.1 <= min(first) < 0.12
    assert 0.18 < max(first) <= 0.2
    waits: list[float] = []
    session = Session(Database().open, waits.append)
    for _ in range(20):
        session.back_off("no route to host")
    assert all(2.5 <= wait <= 5.0 for wait in waits[5:])
    session.confirm()
    session.back_off("no route to host")
    assert waits[-1] <= 0.2


def test_unreachable_and_back_are_said_once(
    caplog: pytest.LogCaptureFixture, statuses: list[str]
) -> None:
    caplog.set_level(logging.INFO, "ctaudit")
    session = Session(Database().open, lambda _: None)
    session.confirm()
    assert statuses == []
    for reason in ("no route to host", "connection refused"):
        session.back_off(reason)
    session.confirm()
    session.confirm()
    assert statuses == [
        "STATUS=database unreachable: no route to host",
        "STATUS=database unreachable: connection refused",
        "STATUS=recording",
    ]
    told = [(record.levelname, record.__dict__["MESSAGE_ID"]) for record in caplog.records]
    assert told == [
        ("ERROR", MESSAGE_IDS["database unreachable"]), ("INFO", MESSAGE_IDS["database back"]),
    ]  # fmt: skip
    assert "no route to host" in caplog.messages[0]


def test_another_fault_is_said_too(caplog: pytest.LogCaptureFixture, statuses: list[str]) -> None:
    session = Session(Database().open, lambda _: None)
    session.back_off("no route to host")
    for _ in range(2):
        session.back_off("the login rex does not record as gw1", "login refused")
    assert statuses == [
        "STATUS=database unreachable: no route to host",
        "STATUS=login refused: the login rex does not record as gw1",
    ]
    assert caplog.messages[1:] == [
        "login refused, events wait in the spool: the login rex does not record as gw1"
    ]


class Connection:
    """As psycopg's, as far as a Store needs it."""

    def __init__(self) -> None:
        self.autocommit = False
        self.adapters = psycopg.adapt.AdaptersMap(psycopg.adapters)
        self.closed = False
        self.notices: list[object] = []
        self.info = SimpleNamespace(dbname="audit")

    def add_notice_handler(self, handler: object) -> None:
        self.notices.append(handler)

    def close(self) -> None:
        self.closed = True


def test_connection_to_another_schema_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Connection()

    def refuse(*_: object) -> None:
        raise SchemaError("the schema of database ctaudit is version 2")

    monkeypatch.setattr(module, "connect", lambda *_: made)
    monkeypatch.setattr(module, "unlimited", nullcontext)
    monkeypatch.setattr(module, "check_schema_version", refuse)
    with pytest.raises(SchemaError):
        open_store("", "ctaudit.record_live")
    assert made.closed


def offer(monkeypatch: pytest.MonkeyPatch, columns: int) -> Connection:
    """A database of schema version 1 whose procedure takes so many columns."""
    made = Connection()
    monkeypatch.setattr(module, "connect", lambda *_: made)
    monkeypatch.setattr(module, "unlimited", nullcontext)
    monkeypatch.setattr(module, "check_schema_version", lambda *_: SchemaVersion(1, 2))
    monkeypatch.setattr(module, "read_taken_columns", lambda *_: columns)
    monkeypatch.setattr(module, "read_knows_filters", lambda _: True)
    monkeypatch.setattr(procedures, "Unlimited", lambda _: None)
    return made


def test_store_is_opened_in_autocommit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = offer(monkeypatch, len(COLUMNS))
    store = open_store("", "ctaudit.record_live")
    assert made.autocommit
    assert made.notices == [log_notice]
    assert not made.closed
    store.close()
    assert made.closed
    assert caplog.messages == []


def test_what_a_database_has_no_parameter_for_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    offer(monkeypatch, len(COLUMNS) - 2)
    open_store("", "ctaudit.record_live")
    assert caplog.messages == [
        (
            "ctaudit.record_live of database audit (schema version 1) has no parameter for "
            "helper, labels: not recorded; upgrade the schema, or the procedure if it is your "
            "own, then restart this service"
        )
    ]
