"""Decoding agrees with pyroute2; a damaged message is undecodable, never a wrong row."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctaudit.conntrack.event import COLUMNS, Kind
from ctaudit.spool.decoder import Batch, Decoder, Undecodable, decode_text
from ctaudit.spool.frame import pack_head, read_frame
from ctaudit.spool.note import Note, pack_drained, pack_note
from tests.unit.messages import Entry, build, columns_of, entries, message
from tests.unit.mutations import mutate, refill
from tests.unit.reading import (
    CORPUS,
    RECEIVED,
    agree,
    captured,
    check_damaged,
    is_control,
    read_one,
    rows_of,
    split,
)
from tests.unit.test_layout import ENTRY


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_captured_messages(path: Path) -> None:
    data = path.read_bytes()
    decoder = Decoder()
    kinds = set()
    for found in split(data):
        row = read_one(decoder, found)
        if is_control(found):
            assert row is None
            continue
        assert isinstance(row, dict), row
        agree(row, found)
        assert row == read_one(Decoder(), found)
        kinds.add(row["kind"])
        assert ("event_at" in row) <= (not path.stem.startswith("plain-"))
    assert {Kind.NEW, Kind.DUMP, Kind.DESTROY} <= kinds
    batch = Batch()
    step = Decoder().read(data, 0, RECEIVED, batch, 1000)
    assert (step.offset, step.stop) == (len(data), None)
    assert batch.count == sum(not is_control(found) for found in split(data))


def test_corpus_has_each_field() -> None:
    """A field that no captured message has would not be compared with a real one."""
    seen: set[str] = set()
    decoder = Decoder()
    for found in captured():
        row = read_one(decoder, found)
        assert isinstance(row, dict)
        seen |= row.keys()
    assert seen == set(COLUMNS) - {"received_at"}


@given(entries())
def test_generated_messages(entry: Entry) -> None:
    data = build(entry)
    row = read_one(Decoder(), data)
    assert row == columns_of(entry)
    assert isinstance(row, dict)
    agree(row, data)


@given(entries(), st.randoms(use_true_random=False))
def test_fast_path_equals_slow_path(entry: Entry, chooser: random.Random) -> None:
    data = build(entry)
    warm = Decoder()
    assert isinstance(read_one(warm, data), dict)
    known = len(warm.layouts.by_head[data[:8]])
    for _ in range(4):
        other = refill(data, chooser)
        fast, slow = read_one(warm, other), read_one(Decoder(), other)
        assert fast == slow
        if isinstance(fast, dict):
            agree(fast, other)
    assert len(warm.layouts.by_head[data[:8]]) == known


@given(st.lists(entries(), min_size=1, max_size=8), st.integers(1, 4))
def test_streams_in_pieces(made: list[Entry], limit: int) -> None:
    """All messages of a body come once and in their order, however few are taken at a time."""
    body = b"".join(build(entry) + bytes(-len(build(entry)) % 4) for entry in made)
    decoder, offset, rows = Decoder(), 0, []
    while offset < len(body):
        batch = Batch()
        step = decoder.read(body, offset, RECEIVED, batch, limit)
        assert step.stop is None
        assert step.offset > offset
        assert batch.count <= limit
        offset = step.offset
        rows += rows_of(batch)
    for row in rows:
        del row["received_at"]
    expected = [columns_of(entry) for entry in made]
    if limit == 1:
        assert rows == expected
    else:
        # Within one batch rows stand by layout.
        assert sorted(rows, key=_in_order) == sorted(expected, key=_in_order)


def _in_order(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


SEEDS = [*captured()]
WARM = Decoder()
for seed_message in SEEDS:
    read_one(WARM, seed_message)


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_messages(data: st.DataObject) -> None:
    """Never an exception; a row only where pyroute2 reads the same; fast equal to slow."""
    seed = data.draw(st.sampled_from(SEEDS) | entries().map(build))
    chooser = data.draw(st.randoms(use_true_random=False))
    check_damaged(WARM, mutate(seed, chooser))


@pytest.mark.parametrize("data", [*SEEDS[:: len(SEEDS) // 6], build(ENTRY)], ids=len)
def test_each_cut_and_each_flip(data: bytes) -> None:
    warm = Decoder()
    read_one(warm, data)
    for size in range(len(data)):
        if size:
            assert isinstance(read_one(warm, data[:size]), Undecodable), size
            assert isinstance(read_one(Decoder(), data[:size]), Undecodable), size
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            fast = read_one(warm, bytes(changed))
            if isinstance(fast, dict):
                agree(fast, bytes(changed))


def test_cut_message_spoils_nothing_before_it() -> None:
    whole = build(ENTRY)
    decoder = Decoder()
    read_one(decoder, whole)
    for size in range(1, len(whole)):
        batch = Batch()
        step = decoder.read(whole + whole[:size], 0, RECEIVED, batch, 10)
        assert batch.count == 1
        assert sum(map(len, batch.rows.values())) == 1
        assert all(batch.rows.values())
        assert isinstance(step.stop, Undecodable)
        assert (step.offset, step.after) == (len(whole), len(whole) + size)
        assert step.stop.message == whole[:size]
        # A cut first message leaves no empty list of rows behind either.
        batch = Batch()
        decoder.read(whole[:size], 0, RECEIVED, batch, 10)
        assert not batch.rows


def test_undecodable_has_the_message_and_reading_goes_on_after_it() -> None:
    whole, other = build(ENTRY), message(0x101, 0, b"\2\0\0\0")
    batch = Batch()
    step = Decoder().read(whole + other + whole, 0, RECEIVED, batch, 10)
    assert step.stop == Undecodable("nlmsg_type 0x0101 is not a conntrack event", other)
    assert (step.offset, step.after) == (len(whole), len(whole + other))
    assert batch.count == 1


def test_notes_between_messages() -> None:
    whole, note = build(ENTRY), Note("overrun", 123, {"lost": 5})
    body = whole + pack_drained(77) + whole + pack_note(note) + whole
    decoder, batch = Decoder(), Batch()
    step = decoder.read(body, 0, RECEIVED, batch, 10)
    assert step.stop == note
    assert (batch.count, batch.covered_until) == (2, 77)
    assert decoder.read(body, step.after, RECEIVED, batch, 10).stop is None
    assert batch.count == 3


def test_coverage_never_goes_back() -> None:
    batch = Batch()
    Decoder().read(pack_drained(90) + pack_drained(80), 0, RECEIVED, batch, 10)
    assert batch.covered_until == 90


def test_damaged_drained_note_costs_only_itself() -> None:
    whole = build(ENTRY)
    damaged = message(0xCA02, 0, b"1234")
    batch, decoder = Batch(), Decoder()
    step = decoder.read(damaged + whole, 0, RECEIVED, batch, 10)
    assert step.stop == Undecodable("a damaged note", damaged)
    assert step.after == len(damaged)
    assert batch.covered_until == 0


def test_messages_in_a_frame() -> None:
    body = b"".join(found + bytes(-len(found) % 4) for found in captured())
    data = b"before12" + pack_head(body, 4242, RECEIVED, 7) + body + b"after"
    frame = read_frame(data, 8, 4242)
    batch = Batch()
    inside = data[frame.start : frame.end]
    step = Decoder().read(inside, 0, frame.received, batch, 10_000)
    assert (step.offset, step.stop) == (len(body), None)
    assert batch.count == len(captured())
    assert all(row[-1] == RECEIVED for rows in batch.rows.values() for row in rows)


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (b"ftp\0", "ftp"),
        (b"ftp", "ftp"),
        (b"\0", ""),
        (b"a\0b\0", "a\\x00b"),
        (b"\xff\0", "\\xff"),
        ("ä".encode(), "ä"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
    ],
)
def test_text(leaf: bytes, text: str) -> None:
    assert decode_text(leaf) == text
