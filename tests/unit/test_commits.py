"""Positions and the batch in flight: what is committed, what comes next, what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ctaudit.record.commits import Commits
from ctaudit.record.in_flight import Committed, Rejected, send_batch
from ctaudit.record.positions import Positions, Span
from ctaudit.record.session import Session
from ctaudit.spool.decoder import Batch, Decoder
from ctaudit.spool.note import Note
from ctaudit.spool.segment import Segment
from tests.unit.database import Database, lost_connection, server_error
from tests.unit.messages import build
from tests.unit.streams import NODE, STREAM, make_segment
from tests.unit.test_layout import ENTRY

KEY = (NODE, STREAM)


def span(first: int, until: int) -> Span:
    return Span(NODE, STREAM, first, until)


def batch_of(count: int) -> Batch:
    batch, decoder = Batch(), Decoder()
    for _ in range(count):
        decoder.read(build(ENTRY), 0, 5, batch, 1)
    return batch


@pytest.fixture
def database() -> Database:
    return Database(positions={KEY: 100})


@pytest.fixture
def commits(database: Database) -> Commits:
    return Commits(Session(database.open))


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    made = make_segment(tmp_path, base=60)
    yield made
    made.close()


def send(commits: Commits, first: int, until: int, count: int) -> None:
    batch = batch_of(count)
    commits.send(span(first, until), commits.encode(span(first, until), batch), count)


class TestPositions:
    def test_database_is_asked_once_until_it_is_forgotten(self, database: Database) -> None:
        positions, store = Positions(), database.open()
        assert [positions.take(store, *KEY) for _ in range(3)] == [100, 100, 100]
        assert database.log.count("find") == 1
        database.positions[KEY] = 70
        positions.forget()
        assert positions.take(store, *KEY) == 70

    def test_stream_that_the_database_does_not_know(self, database: Database) -> None:
        database.positions.clear()
        positions, store = Positions(), database.open()
        assert [positions.take(store, *KEY) for _ in range(2)] == [None, None]
        assert database.log.count("find") == 1

    def test_commit_advances_without_asking(self, database: Database) -> None:
        positions = Positions()
        positions.advance(span(100, 140))
        assert positions.take(database.open(), *KEY) == 140
        assert "find" not in database.log


class TestInFlight:
    def test_committed(self, database: Database) -> None:
        store = database.open()
        in_flight = send_batch(store, span(100, 120), store.encode(span(100, 120), batch_of(3)), 3)
        assert database.events == []
        assert in_flight.settle() == Committed(span(100, 120), 3)
        assert len(database.events) == 3

    def test_rejected_for_its_content(self, database: Database) -> None:
        error = server_error("22003")
        outcome = self._settle(database, error, 2)
        assert outcome == Rejected(span(100, 120), 2, error)

    @pytest.mark.parametrize("state", ["CT001", "CT002", "57P01", "53100", "42501"])
    def test_other_faults_are_raised(self, database: Database, state: str) -> None:
        with pytest.raises(psycopg.DatabaseError):
            self._settle(database, server_error(state), 2)

    def test_connection_that_is_lost_is_raised(self, database: Database) -> None:
        with pytest.raises(psycopg.OperationalError):
            self._settle(database, lost_connection(), 2)

    def test_batch_without_events_has_no_content_to_reject(self, database: Database) -> None:
        with pytest.raises(psycopg.DatabaseError):
            self._settle(database, server_error("22003"), 0)

    def _settle(self, database: Database, error: psycopg.Error, count: int) -> Committed | Rejected:
        def meet(moment: str) -> None:
            if moment == "answer":
                raise error

        database.fault = meet
        store = database.open()
        call = store.encode(span(100, 120), batch_of(count))
        return send_batch(store, span(100, 120), call, count).settle()


def test_span_begins_at_the_position(commits: Commits, segment: Segment) -> None:
    assert commits.span(segment, 90) == span(100, 150)


def test_span_of_an_unknown_stream_begins_at_zero(
    database: Database, commits: Commits, segment: Segment
) -> None:
    database.positions.clear()
    assert commits.find_position(*KEY) is None
    assert commits.span(segment, 90) == span(0, 150)


def test_span_begins_behind_what_is_in_flight(commits: Commits, segment: Segment) -> None:
    assert commits.find_position(*KEY) == 100
    send(commits, 100, 120, 2)
    assert commits.span(segment, 90) == span(120, 150)
    # Only the answer moves the position.
    assert commits.find_position(*KEY) == 100
    assert commits.settle() == Committed(span(100, 120), 2)
    assert commits.find_position(*KEY) == 120
    assert commits.span(segment, 90) == span(120, 150)


def test_nothing_in_flight_is_nothing_to_settle(commits: Commits) -> None:
    assert commits.settle() is None
    send(commits, 100, 120, 2)
    commits.settle()
    assert commits.settle() is None


def test_commits_are_counted(commits: Commits) -> None:
    send(commits, 100, 120, 2)
    assert (commits.number, commits.events) == (0, 0)
    commits.settle()
    commits.record_note(span(120, 130), Note("stop", 5, {}))
    send(commits, 130, 140, 5)
    commits.settle()
    assert (commits.number, commits.events) == (3, 7)


def test_rejection_leaves_the_position(
    database: Database, commits: Commits, segment: Segment
) -> None:
    database.rejects = {ENTRY.ct_id}
    send(commits, 100, 120, 2)
    outcome = commits.settle()
    assert isinstance(outcome, Rejected)
    assert (outcome.span, outcome.count) == (span(100, 120), 2)
    assert (commits.number, commits.events) == (0, 0)
    assert commits.span(segment, 60) == span(100, 120)


def test_note(database: Database, commits: Commits) -> None:
    note = Note("stop", 5, {"cause": "a test"})
    assert commits.record_note(span(100, 120), note) == Committed(span(100, 120), 0)
    assert database.notes == [(span(100, 120), note)]
    assert commits.find_position(*KEY) == 120


def test_rejected_note(database: Database, commits: Commits) -> None:
    database.rejects = {"stop"}
    outcome = commits.record_note(span(100, 120), Note("stop", 5, {}))
    assert isinstance(outcome, Rejected)
    assert commits.find_position(*KEY) == 100


def test_note_at_another_position_is_raised(commits: Commits) -> None:
    with pytest.raises(psycopg.Error) as caught:
        commits.record_note(span(90, 120), Note("stop", 5, {}))
    assert caught.value.sqlstate == "CT001"


def test_what_is_in_flight_is_forgotten_with_its_connection(
    database: Database, commits: Commits
) -> None:
    commits.find_position(*KEY)
    commits.forget()
    assert commits.find_position(*KEY) == 100
    assert database.connections == 1
    send(commits, 100, 120, 2)
    commits.forget()
    assert commits.settle() is None
    assert commits.find_position(*KEY) == 100
    assert database.connections == 2
