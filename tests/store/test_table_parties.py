"""What table says of an entry is what flows says of the same connection from the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import psycopg
import pytest

from ctaudit.conntrack.event import Kind
from ctaudit.database import schema
from ctaudit.query.answer import Answer
from ctaudit.query.entry import EntryReader
from ctaudit.query.lookup import ask_flows
from ctaudit.query.question import read_flows
from ctaudit.spool.decoder import Batch, Decoder
from lab.cluster import Cluster
from tests.store.gateway import DST_NAT, SRC_NAT, Gateway
from tests.store.scenario import after
from tests.unit.messages import build, columns_of
from tests.unit.test_entry import HAIRPIN, IN, OUT

STATUSES = (0, SRC_NAT, DST_NAT, SRC_NAT | DST_NAT)
ENTRIES = [
    replace(entry, ct_id=number, status=status)
    for number, (entry, status) in enumerate(product((OUT, IN, HAIRPIN), STATUSES))
]
CLIENT, NEIGHBOUR, SERVER, GATEWAY = "192.168.1.129", "192.168.1.7", "19.1.16.7", "1.2.3.4"
QUESTIONS = [
    {name: value for name, value in (("host", host), ("nat", nat), ("remote", remote)) if value}
    for host, nat, remote in product(
        (None, "192.168.1.0/24", NEIGHBOUR, SERVER),
        (None, GATEWAY, CLIENT),
        (None, SERVER, "192.168.1.0/24"),
    )
]


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    cluster.create_database("parties")
    schema.install(cluster.dsn("parties"))
    gateway = Gateway(cluster.dsn("parties"), "gw1")
    events = [columns_of(replace(entry, kind=Kind.NEW)) for entry in ENTRIES]
    gateway.listen(after(-600))
    gateway.record([{"zone": 0, **event, "received_at": after(1)} for event in events], after(100))
    gateway.close()
    with psycopg.connect(cluster.dsn("parties")) as opened:
        yield opened


def read_entries(asked: dict[str, Any]) -> Iterator[Answer]:
    batch = Batch()
    assert Decoder().read(b"".join(map(build, ENTRIES)), 0, 0, batch, len(ENTRIES)).stop is None
    reader = EntryReader("gw1", read_flows(**asked), after(1))
    for each in batch.rows.items():
        yield from reader.read_rows(*each)


def name_parties(answer: Answer) -> tuple[object, ...]:
    return (
        answer.ct_id, answer.direction, answer.host, answer.host_port,
        answer.public, answer.public_port, answer.remote, answer.remote_port,
    )  # fmt: skip


@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_same_connections_and_parties(
    connection: psycopg.Connection[Any], asked: dict[str, Any]
) -> None:
    stored = {name_parties(answer) for answer in ask_flows(connection, read_flows(**asked))}
    assert {name_parties(answer) for answer in read_entries(asked)} == stored
