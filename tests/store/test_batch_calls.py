"""The recorder's own connection to a real server: batches in flight, rejected, and cut off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from ctaudit.conntrack.event import Kind
from ctaudit.database import schema
from ctaudit.record.in_flight import Committed, Rejected, send_batch
from ctaudit.record.positions import Span
from ctaudit.record.procedures import Fault, Store, classify
from ctaudit.record.session import open_store
from ctaudit.spool.decoder import Batch, Decoder
from ctaudit.spool.note import Note
from lab.cluster import Cluster
from tests.store.gateway import let_record
from tests.unit.messages import build
from tests.unit.test_layout import ENTRY

NODE = "calls"
REJECTED = 666


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    """A database that rejects one conntrack id."""
    cluster.create_database("calls")
    schema.install(cluster.dsn("calls"))
    with psycopg.connect(cluster.dsn("calls"), autocommit=True) as owner:
        owner.execute(f"ALTER TABLE ctaudit.opening_row ADD CHECK (ct_id <> {REJECTED})")  # type: ignore[arg-type]
    return "calls"


@pytest.fixture
def store(cluster: Cluster, place: str) -> Iterator[Store]:
    let_record(cluster.dsn(place, user="rex"), NODE)
    made = open_store(cluster.dsn(place, user="rex"), "ctaudit.record_live")
    yield made
    made.close()


@pytest.fixture
def begun(store: Store) -> Span:
    """The span of a stream's start note, committed."""
    span = Span(NODE, uuid4(), 0, 10)
    store.record_note(span, Note("start", time.time_ns(), {"mode": "live"}))
    assert store.find_position(NODE, span.stream) == 10
    return span


def after(span: Span) -> Span:
    return replace(span, first=span.until, until=span.until + 10)


def batch_of(count: int, ct_id: int = 1) -> Batch:
    batch, decoder = Batch(), Decoder()
    message = build(replace(ENTRY, kind=Kind.NEW, ct_id=ct_id, event_at=None))
    for _ in range(count):
        decoder.read(message, 0, time.time_ns(), batch, 1)
    return batch


def test_next_batch_is_encoded_while_one_is_in_flight(store: Store, begun: Span) -> None:
    span = begun
    for number in range(3):
        span = after(span)
        in_flight = send_batch(store, span, store.encode(span, batch_of(200, number)), 200)
        store.encode(after(span), batch_of(200))
        assert in_flight.settle() == Committed(span, 200)
    assert store.find_position(NODE, begun.stream) == 40


def test_batch_larger_than_the_sockets_buffer(store: Store, begun: Span) -> None:
    """It is sent in pieces, as fast as the server reads them."""
    span = after(begun)
    call = store.encode(span, batch_of(20_000))
    assert sum(len(value or b"") for value in call.values) > 3 << 20
    assert send_batch(store, span, call, 20_000).settle() == Committed(span, 20_000)


def test_rejected_batch_leaves_the_connection_in_order(store: Store, begun: Span) -> None:
    span = after(begun)
    call = store.encode(span, batch_of(3, REJECTED))
    outcome = send_batch(store, span, call, 3).settle()
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.error, psycopg.errors.CheckViolation)
    assert store.find_position(NODE, begun.stream) == 10
    in_flight = send_batch(store, span, store.encode(span, batch_of(3)), 3)
    assert in_flight.settle() == Committed(span, 3)


@pytest.mark.parametrize("first", [5, 15])
def test_position_that_does_not_fit(store: Store, begun: Span, first: int) -> None:
    span = replace(begun, first=first, until=30)
    in_flight = send_batch(store, span, store.encode(span, batch_of(3)), 3)
    with pytest.raises(psycopg.Error) as caught:
        in_flight.settle()
    assert classify(caught.value) is Fault.POSITION
    assert store.find_position(NODE, begun.stream) == 10


def test_stream_that_is_not_known(store: Store) -> None:
    span = Span(NODE, uuid4(), 0, 10)
    assert store.find_position(NODE, span.stream) is None
    in_flight = send_batch(store, span, store.encode(span, batch_of(3)), 3)
    with pytest.raises(psycopg.Error) as caught:
        in_flight.settle()
    assert classify(caught.value) is Fault.POSITION


def test_rejected_note(store: Store, begun: Span) -> None:
    with pytest.raises(psycopg.Error) as caught:
        store.record_note(after(begun), Note("dropped", 5, {"count": "many"}))
    assert classify(caught.value) is Fault.CONTENT


@pytest.mark.parametrize("when", ["sent", "sending"])
def test_connection_that_the_server_ends(
    cluster: Cluster, place: str, store: Store, begun: Span, when: str
) -> None:
    span = after(begun)
    call = store.encode(span, batch_of(10))
    with psycopg.connect(cluster.dsn(place), autocommit=True) as owner:
        # The stream's row is locked: the batch waits in the server.
        with owner.transaction():
            owner.execute("SELECT FROM ctaudit.stream WHERE node = %s FOR UPDATE", (NODE,))
            in_flight = send_batch(store, span, call, 10) if when == "sent" else None
            pid = store._connection.info.backend_pid
            owner.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        with pytest.raises(psycopg.Error) as caught:
            (in_flight or send_batch(store, span, call, 10)).settle()
    assert classify(caught.value) is Fault.UNREACHABLE
    again = open_store(cluster.dsn(place, user="rex"), "ctaudit.record_live")
    assert again.find_position(NODE, begun.stream) == 10
    again.close()
