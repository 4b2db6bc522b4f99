"""Column arrays say what the rows say, in the form that PostgreSQL reads."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import AdaptersMap, PyFormat, Transformer

from ctaudit.conntrack.event import COLUMNS, INET, TIMESTAMPTZ, Kind
from ctaudit.record.encoder import ColumnArray, build_columns, register_columns
from ctaudit.spool.decoder import Batch, Decoder
from tests.unit.arrays import as_loaded, load_array, read_time, split_array
from tests.unit.messages import ICMP, SCTP, UDP, Entry, Side, build, entries
from tests.unit.reading import RECEIVED, captured, rows_of
from tests.unit.test_layout import ENTRY


def batch_of(messages: list[bytes]) -> Batch:
    batch, decoder = Batch(), Decoder()
    for number, message in enumerate(messages):
        step = decoder.read(message, 0, RECEIVED + number * 1000, batch, 1)
        assert step.stop is None
    assert batch.count == len(messages)
    return batch


def read_back(batch: Batch) -> dict[str, list[Any]]:
    """Column -> values, from the arrays; what is an empty array is None in each row."""
    columns = dict(zip(COLUMNS, build_columns(batch), strict=True))
    loaded: dict[str, list[Any]] = {}
    for name, array in columns.items():
        oid, has_nulls, elements = split_array(array)
        assert oid == COLUMNS[name].oid
        assert has_nulls == (None in elements)
        assert array.element is COLUMNS[name]
        values = load_array(name, bytes(array))
        assert len(values) == len(elements)
        loaded[name] = values or [None] * batch.count
    return loaded


def check(messages: list[bytes]) -> None:
    batch = batch_of(messages)
    rows, loaded = rows_of(batch), read_back(batch)
    for name in COLUMNS:
        assert loaded[name] == [as_loaded(name, row.get(name)) for row in rows], name


@given(st.lists(entries(), min_size=1, max_size=12))
def test_arrays_say_what_the_rows_say(made: list[Entry]) -> None:
    check([build(entry) for entry in made])


def test_captured_messages() -> None:
    messages = captured()
    assert len(messages) > 100
    check(messages)


def test_no_event_gives_empty_arrays() -> None:
    columns = build_columns(Batch())
    assert len(columns) == len(COLUMNS)
    for (name, element), array in zip(COLUMNS.items(), columns, strict=True):
        assert split_array(array) == (element.oid, False, [])
        assert load_array(name, bytes(array)) == []


def test_a_column_that_nothing_has_is_empty_and_one_that_some_have_is_full() -> None:
    plain = replace(ENTRY, reply_counters=None, orig_counters=None, timestamps=None, state=None)
    arrays = dict(zip(COLUMNS, build_columns(batch_of([build(plain)] * 3)), strict=True))
    assert split_array(arrays["orig_packets"])[2] == []
    assert split_array(arrays["helper"])[2] == []
    for name in ("kind", "proto", "received_at", "orig_src", "ct_id"):
        assert len(split_array(arrays[name])[2]) == 3
    arrays = dict(zip(COLUMNS, build_columns(batch_of([build(plain), build(ENTRY)])), strict=True))
    assert [e is None for e in split_array(arrays["orig_packets"])[2]] == [True, False]


def test_both_families_in_one_array() -> None:
    six = Side(ip_address("2a01:e35::1"), ip_address("2001:41d0::1"), (1, 2))
    entry6 = replace(ENTRY, proto=UDP, orig=six, reply=six, state=None)
    check([build(ENTRY), build(entry6), build(ENTRY), build(replace(entry6, proto=SCTP))])
    arrays = dict(zip(COLUMNS, build_columns(batch_of([build(ENTRY), build(entry6)])), strict=True))
    # network_recv: family (PGSQL_AF_INET 2, PGSQL_AF_INET6 3), bits, is_cidr, size, address
    assert split_array(arrays["orig_src"])[2] == [
        b"\x02\x20\x00\x04" + ENTRY.orig.src.packed,
        b"\x03\x80\x00\x10" + six.src.packed,
    ]


def test_icmp_has_types_and_no_second_port() -> None:
    side = replace(ENTRY.orig, ports=None, icmp=(77, 8, 0))
    entry = replace(ENTRY, proto=ICMP, orig=side, reply=replace(side, icmp=(77, 0, 0)), state=None)
    loaded = read_back(batch_of([build(entry)]))
    assert (loaded["orig_sport"], loaded["orig_dport"]) == ([77], [None])
    assert (loaded["reply_sport"], loaded["reply_dport"]) == ([None], [77])
    assert (loaded["orig_icmp_type"], loaded["reply_icmp_type"]) == ([8], [0])


@pytest.mark.parametrize(
    ("entry", "column", "value"),
    [
        (replace(ENTRY, orig_counters=((1 << 63) - 1, 0)), "orig_packets", (1 << 63) - 1),
        (replace(ENTRY, mark=(1 << 32) - 1), "mark", (1 << 32) - 1),
        (replace(ENTRY, ct_id=(1 << 32) - 1), "ct_id", (1 << 32) - 1),
        (replace(ENTRY, status=(1 << 31) - 1), "status", (1 << 31) - 1),
        (replace(ENTRY, zone=(1 << 16) - 1), "zone", (1 << 16) - 1),
        (replace(ENTRY, state=255), "state", 255),
        (replace(ENTRY, helper="Q.931"), "helper", "Q.931"),
        (replace(ENTRY, labels=bytes(range(16))), "labels", bytes(range(16))),
    ],
)
def test_extremes(entry: Entry, column: str, value: object) -> None:
    assert read_back(batch_of([build(entry)]))[column] == [value]


def test_times_are_cut_to_microseconds() -> None:
    times = (0, 999, 1000, 1_708_603_183_123_456_999, (1 << 63) - 1)
    messages = [build(replace(ENTRY, timestamps=(at, at))) for at in times]
    arrays = dict(zip(COLUMNS, build_columns(batch_of(messages)), strict=True))
    for name in ("start_sent", "stop_sent"):
        elements = split_array(arrays[name])[2]
        assert [read_time(element or b"") for element in elements] == [at // 1000 for at in times]


def test_psycopg_sends_each_as_its_type() -> None:
    adapters = AdaptersMap(psycopg.adapters)
    register_columns(adapters)

    class Context:
        connection = None

    Context.adapters = adapters  # type: ignore[attr-defined]
    columns = build_columns(batch_of([build(ENTRY), build(replace(ENTRY, kind=Kind.DESTROY))]))
    transformer = Transformer(Context())  # type: ignore[arg-type]
    sent = transformer.dump_sequence(columns, [PyFormat.BINARY] * len(columns))
    assert [bytes(data or b"") for data in sent] == [bytes(column) for column in columns]
    assert list(transformer.types or ()) == [element.array_oid for element in COLUMNS.values()]
    assert all(isinstance(column, ColumnArray) for column in columns)


def test_oids_are_those_that_psycopg_knows() -> None:
    names = {
        21: "int2", 23: "int4", 20: "int8", INET.oid: "inet", TIMESTAMPTZ.oid: "timestamptz",
        25: "text", 17: "bytea",
    }  # fmt: skip
    for element in COLUMNS.values():
        info = psycopg.adapters.types[names[element.oid]]
        assert (info.oid, info.array_oid) == (element.oid, element.array_oid)
