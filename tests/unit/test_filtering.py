"""The recorder leaves out what the stream's own rules exclude, and counts it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ctaudit.conntrack.event import COLUMNS, DENIED, Kind
from ctaudit.conntrack.filter import RuleSet, plain_rules
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.errors import DatabaseError
from ctaudit.record.encoder import build_columns
from ctaudit.record.procedures import Store
from ctaudit.spool.decoder import Batch
from ctaudit.spool.filtering import StreamFilter
from ctaudit.spool.note import Note, pack_note
from tests.unit.arrays import load_array
from tests.unit.messages import UDP, build
from tests.unit.reading import rows_of
from tests.unit.test_encoder import batch_of
from tests.unit.test_layout import ENTRY
from tests.unit.test_recorder import START, STOP, Bench, bench, events

__all__ = ["bench"]
UDP_ENTRY = replace(ENTRY, proto=UDP, state=None)


def told(*texts: str, where: str = "kernel") -> dict[str, Any]:
    rules = RuleSet(tuple(map(read_rule, texts)))
    return {"digest": rules.digest, "where": where, "rules": plain_rules(rules)}


def mixed() -> Batch:
    """Of TCP and UDP one event and one entry of a dump each."""
    kinds = (Kind.NEW, Kind.DUMP)
    return batch_of([build(replace(e, kind=kind)) for e in (ENTRY, UDP_ENTRY) for kind in kinds])


def kept(batch: Batch) -> set[tuple[Kind, int]]:
    return {(row["kind"], row["proto"]) for row in rows_of(batch)}


def test_without_rules_a_batch_is_as_it_was() -> None:
    batch, chosen = mixed(), StreamFilter()
    assert chosen.apply(batch) is batch
    chosen.begin(told("deny"))
    chosen.begin(None)
    assert chosen.apply(batch) is batch


def test_the_kernel_has_judged_events() -> None:
    chosen = StreamFilter()
    chosen.begin(told("deny proto udp"))
    batch = chosen.apply(mixed())
    assert kept(batch) == {(Kind.NEW, 6), (Kind.DUMP, 6), (Kind.NEW, 17)}
    assert (batch.count, batch.denied) == (4, 1)


def test_the_recorder_judges_events_where_the_kernel_does_not() -> None:
    chosen = StreamFilter()
    chosen.begin(told("deny proto udp", where="recorder"))
    batch = chosen.apply(mixed())
    assert kept(batch) == {(Kind.NEW, 6), (Kind.DUMP, 6)}
    assert (batch.count, batch.denied) == (4, 2)


@pytest.mark.parametrize(
    "rules", [None, 7, [{"action": "drop"}], [{}], [{"action": "deny", "zone": 7}]]
)
def test_rules_that_cannot_be_read_are_not_applied(rules: object) -> None:
    chosen, batch = StreamFilter(), mixed()
    chosen.begin({"digest": "7", "where": "recorder", "rules": rules})
    assert chosen.apply(batch) is batch


def test_denied_events_are_kinds_without_columns() -> None:
    chosen = StreamFilter()
    chosen.begin(told("deny proto udp", where="recorder"))
    arrays = dict(zip(COLUMNS, build_columns(chosen.apply(mixed())), strict=True))
    kinds = load_array("kind", bytes(arrays["kind"]))
    assert sorted(kinds) == [Kind.NEW, Kind.DUMP, DENIED, DENIED]
    assert kinds[2:] == [DENIED, DENIED]
    assert load_array("proto", bytes(arrays["proto"])) == [6, 6]


def test_a_batch_of_denied_events_alone() -> None:
    chosen = StreamFilter()
    chosen.begin(told("deny", where="recorder"))
    arrays = dict(zip(COLUMNS, build_columns(chosen.apply(mixed())), strict=True))
    assert load_array("kind", bytes(arrays.pop("kind"))) == [DENIED] * 4
    assert all(load_array(name, bytes(array)) == [] for name, array in arrays.items())


def test_rules_begin_with_their_note(bench: Bench) -> None:
    """They come from the stream, whatever was configured; a recorder that starts later asks."""
    ruled = {"mode": "live", "filter": told("deny", where="recorder")}
    start = pack_note(Note("start", 500, ruled))
    taken = pack_note(Note("resume", 600, {"filter": None}))
    same = pack_note(Note("resume", 550, {}))
    bench.spool([start, events(1, 2), same, events(3)], [events(4), taken, events(5), STOP])
    bench.record(turns=1)
    bench.record()
    assert bench.database.events == [5]
    assert bench.database.names() == ["start", "resume", "resume", "stop"]


def test_rules_of_a_resume_note(bench: Bench) -> None:
    changed = pack_note(Note("resume", 600, {"filter": told("deny", where="recorder")}))
    bench.spool([START, events(1), changed, events(2)])
    bench.record()
    assert bench.database.events == [1]


def test_a_database_that_does_not_know_rules_is_not_told() -> None:
    class Server:
        autocommit = False
        adapters = None
        info = type("Info", (), {"dbname": "ctaudit"})

    store = Store.__new__(Store)
    store._knows_filters = False
    store._connection = Server()  # type: ignore[assignment]
    note = Note("start", 1, {"mode": "live", "filter": told("deny")})
    with pytest.raises(DatabaseError, match=r"ctaudit does not know filter rules.*schema upgrade"):
        store.record_note(None, note)  # type: ignore[arg-type]
