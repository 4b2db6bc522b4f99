"""What stands in the database is what the conntrack tool and pyroute2 saw of the traffic."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta

import pytest

from lab import addresses as a
from lab.recorded import CONNECTIONS, Recorded
from lab.witness.compare import expect_columns, expect_end, fits, read_row, the, to_time

SRC_NAT, DST_NAT, DYING = 0x10, 0x20, 0x200
# As ctaudit.closes takes an opening and a flow for the same connection's.
EVENT_LAG = timedelta(milliseconds=1)


def test_nothing_but_what_the_witness_saw(recorded: Recorded) -> None:
    """As many openings and ends as the tool saw, and the one that was there before."""
    new = Counter(entry.id for entry in recorded.events if entry.event == "NEW")
    ended = Counter(entry.id for entry in recorded.events if entry.event == "DESTROY")
    assert len(new) == len(CONNECTIONS) + 1 and len(ended) == len(CONNECTIONS) + 1
    before = recorded.event("before", "DESTROY").id
    assert Counter(row["ct_id"] for row in recorded.openings) == new + Counter([before])
    assert Counter(row["ct_id"] for row in recorded.flows) == ended
    assert recorded.rig.count("gap") == recorded.rig.count("undecodable") == 0


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_opening(recorded: Recorded, connection: str) -> None:
    seen = recorded.event(connection, "NEW")
    row = the(recorded.openings, seen)
    expected = expect_columns(seen, recorded.rig.node)
    assert read_row(row, expected) == expected
    start = to_time(recorded.event(connection, "DESTROY").start_ns)
    assert (row["started_source"], row["started_after"]) == ("event", None)
    assert start is not None and abs(row["started_at"] - start) < EVENT_LAG
    assert timedelta(0) < row["received_at"] - row["started_at"] < timedelta(seconds=5)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_flow(recorded: Recorded, connection: str) -> None:
    seen = recorded.event(connection, "DESTROY")
    row = the(recorded.flows, seen)
    expected = expect_end(seen, recorded.rig.node)
    assert read_row(row, expected) == expected
    began, ended = recorded.made
    assert began < row["started_at"] < row["ended_at"] < ended
    assert row["ended_at"] < row["received_at"] < row["ended_at"] + timedelta(seconds=5)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_counters_are_those_that_were_sent(recorded: Recorded, connection: str) -> None:
    """The witness reads the kernel as we do; the sender counted its own packets."""
    sent = recorded.sents[connection]
    row = the(recorded.flows, recorded.event(connection, "DESTROY"))
    columns = {
        "packets": "orig_packets",
        "bytes": "orig_bytes",
        "reply_packets": "reply_packets",
        "reply_bytes": "reply_bytes",
    }
    for name, column in columns.items():
        if sent.get(name) is not None:
            assert row[column] == sent[name], column


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_status_and_labels(recorded: Recorded, connection: str) -> None:
    """The tool prints neither; pyroute2 read them from the table while the entry was there."""
    seen = recorded.event(connection, "DESTROY")
    assert seen.id is not None
    known = recorded.known[seen.id]
    opening, flow = the(recorded.openings, seen), the(recorded.flows, seen)
    assert flow["status"] == known.status | DYING
    labels = opening["labels"]
    assert known.labels == (labels and int.from_bytes(labels, sys.byteorder))
    assert (known.labels == 1 << a.LABEL_BIT) == (connection == "label-tcp")
    assert flow["labels"] in (None, labels)
    assert opening["status"] & ~known.status & ~DYING == 0
    for row in (opening, flow):
        assert bool(row["status"] & SRC_NAT) == (seen.orig.src != seen.reply.dst)
        assert bool(row["status"] & DST_NAT) == (seen.orig.dst != seen.reply.src)


def test_what_was_there_before_is_an_opening_with_the_kernel_s_start(recorded: Recorded) -> None:
    seen = recorded.event("before", "DESTROY")
    opening, flow = the(recorded.openings, seen), the(recorded.flows, seen)
    assert (opening["provenance"], opening["started_source"]) == ("dump", "kernel")
    assert opening["started_at"] == flow["started_at"] == to_time(seen.start_ns)
    assert opening["started_at"] < opening["received_at"] < recorded.made[0]


def test_the_one_still_open_has_no_end(recorded: Recorded) -> None:
    seen = recorded.event("held", "NEW")
    assert the(recorded.openings, seen)["orig_sport"] == recorded.sents["held"]["sport"]
    assert not [row for row in recorded.flows if row["ct_id"] == seen.id]
    assert not [entry for entry in recorded.table if fits(entry, recorded.sents["held"])]
