"""Kernels that tell less: no CTA_TIMESTAMP_EVENT (before 6.14), no accounting, no timestamps."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from lab.cluster import Cluster
from lab.network import build_lab
from lab.recorded import CONNECTIONS, LONG_TIMEOUTS, Recorded, recording_all
from lab.rig import Rig, replaying
from lab.segments.strip import strip_segment
from lab.serve import serving
from lab.witness.compare import expect_columns, expect_end, name_public, read_row, the, to_time

# The receiver reads within its burst; a busy test machine may let it wait.
READ_LAG = timedelta(seconds=2)
BARE = ("tcp-close", "udp-answered", "udp-unanswered", "icmp-echo", "dnat-tcp", "tcp6-close")
MOVED = {"started_at", "started_source", "started_after"}


@pytest.fixture(scope="module")
def older(
    recorded: Recorded, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    """The same stream in a database of its own, as Debian 12's kernel would have sent it."""
    (segment,) = recorded.segments
    stripped, taken = strip_segment(segment, tmp_path_factory.mktemp("stripped"))
    assert taken == len(recorded.events)
    with replaying(recorded.rig, cluster, [stripped]) as rig:
        yield rig


@pytest.fixture(scope="module")
def bare(cluster: Cluster) -> Iterator[Recorded]:
    """Traffic through a gateway without accounting and timestamps."""
    name = f"ctbare-{os.getpid()}"
    with (
        build_lab(name, accounting=False, timestamps=False, timeouts=LONG_TIMEOUTS) as made,
        serving(made),
        recording_all(made, cluster, BARE) as done,
    ):
        yield done


def test_openings_have_the_receiver_s_time(recorded: Recorded, older: Rig) -> None:
    """And a bound below it; the kernel's start lies between the two."""
    rows = older.rows("opening")
    new = Counter(entry.id for entry in recorded.events if entry.event == "NEW")
    assert Counter(row["ct_id"] for row in rows if row["provenance"] == "event") == new
    for connection in CONNECTIONS:
        row = the(rows, recorded.event(connection, "NEW"))
        start = to_time(recorded.event(connection, "DESTROY").start_ns)
        assert start is not None
        assert row["started_source"] == "receiver"
        assert row["started_at"] == row["received_at"]
        assert row["started_after"] < start < row["started_at"] < start + READ_LAG
        original = the(recorded.openings, recorded.event(connection, "NEW"))
        assert {**row, **dict.fromkeys(MOVED)} == {**original, **dict.fromkeys(MOVED)}


def test_flows_are_the_same(recorded: Recorded, older: Rig) -> None:
    """A DESTROY carries start and stop on each kernel with nf_conntrack_timestamp."""
    assert _sorted(older.rows("flow")) == _sorted(recorded.flows)


@pytest.mark.parametrize(
    "connection", ["article", "udp6-answered", "icmp-echo", "nat66-tcp", "dnat-tcp", "zone-tcp"]
)
def test_who_answers_the_same_of_what_has_ended(
    recorded: Recorded, older: Rig, connection: str
) -> None:
    row = the(recorded.flows, recorded.event(connection, "DESTROY"))
    middle = row["started_at"] + (row["ended_at"] - row["started_at"]) / 2
    reply = older.who(name_public(row), middle)
    assert reply == recorded.rig.who(name_public(row), middle)
    (answer,) = reply["answers"]
    assert (answer["ct_id"], answer["state"]) == (row["ct_id"], "ended")


def test_who_answers_of_what_is_open(recorded: Recorded, older: Rig) -> None:
    """Also at a moment between the start and the receiver's time, and not before."""
    row = the(older.rows("opening"), recorded.event("held", "NEW"))
    (answer,) = older.who(name_public(row), row["started_at"])["answers"]
    assert (answer["host"], answer["host_port"]) == ("192.168.1.129", row["orig_sport"])
    assert (answer["state"], answer["started_source"]) == ("open", "receiver")
    exact = the(recorded.openings, recorded.event("held", "NEW"))["started_at"]
    at = exact + (row["started_at"] - exact) / 2
    assert older.who(name_public(row), at)["answers"] != []
    earlier = row["started_after"] - timedelta(seconds=1)
    assert older.who(name_public(row), earlier)["answers"] == []


@pytest.mark.parametrize("connection", BARE)
def test_without_accounting_counters_are_unknown(bare: Recorded, connection: str) -> None:
    seen = bare.event(connection, "DESTROY")
    assert seen.orig.packets is seen.start_ns is seen.stop_ns is None
    row = the(bare.flows, seen)
    expected = {
        **expect_end(seen, bare.rig.node),
        "ended_at": row["received_at"],
        "ended_source": "receiver",
        "started_source": None,
    }
    assert read_row(row, expected) == expected
    assert row["orig_packets"] is row["reply_bytes"] is row["started_at"] is None
    _assert_read_in_time(row["ended_at"], seen.seen_at)


@pytest.mark.parametrize("connection", BARE)
def test_without_timestamps_the_receiver_says_when(bare: Recorded, connection: str) -> None:
    seen = bare.event(connection, "NEW")
    row = the(bare.openings, seen)
    expected = expect_columns(seen, bare.rig.node)
    assert read_row(row, expected) == expected
    assert row["started_source"] == "receiver"
    assert row["started_after"] <= row["started_at"] == row["received_at"]
    assert bare.made[0] < row["started_at"] < bare.made[1]
    _assert_read_in_time(row["started_at"], seen.seen_at)


@pytest.mark.parametrize("connection", BARE)
def test_who_still_answers(bare: Recorded, connection: str) -> None:
    opening = the(bare.openings, bare.event(connection, "NEW"))
    flow = the(bare.flows, bare.event(connection, "DESTROY"))
    # The first connection may have begun before the coverage does.
    ((covered_from,),) = bare.rig.query("SELECT min(covered_from) FROM ctaudit.coverage")
    lag = opening["started_at"] - max(opening["started_after"], covered_from)
    within = ("--within", str(lag.total_seconds()))
    reply = bare.rig.who(name_public(flow), opening["started_at"], *within)
    (answer,) = reply["answers"]
    assert (reply["exit_status"], answer["ct_id"]) == (0, flow["ct_id"]), reply
    assert (answer["started_source"], answer["ended_source"]) == ("receiver", "receiver")
    assert answer["orig_packets"] is answer["reply_bytes"] is None


def test_every_start_comes_from_an_opening(bare: Recorded) -> None:
    """None of the ends has one of its own, and none is left without one."""
    assert all(row["started_at"] is None for row in bare.flows)
    done = bare.rig.ask("flows", "--format", "json")
    rows = [json.loads(line) for line in done.stdout.splitlines() if "uncovered" not in line]
    assert {row["started_source"] for row in rows if row["state"] == "ended"} == {
        "receiver", "dump",
    }  # fmt: skip
    assert "no known start" not in done.stderr
    starts = bare.rig.query(
        "SELECT count(*) FILTER (WHERE flow_start_sec IS NULL) FROM ctaudit.ulog2_ct"
    )
    assert starts == [(0,)]


def test_who_is_not_sure_of_the_middle(bare: Recorded) -> None:
    """A DESTROY may come most of a minute after the end; only the kernel's stop would tell."""
    opening = the(bare.openings, bare.event("tcp-close", "NEW"))
    flow = the(bare.flows, bare.event("tcp-close", "DESTROY"))
    middle = opening["started_at"] + (flow["ended_at"] - opening["started_at"]) / 2
    reply = bare.rig.who(name_public(flow), middle)
    (answer,) = reply["answers"]
    assert (reply["exit_status"], reply["complete"], answer["exact"]) == (4, True, False)
    assert answer["ct_id"] == flow["ct_id"]


def test_what_was_there_before_began_at_or_before_the_dump(bare: Recorded) -> None:
    row = the(bare.openings, bare.event("before", "DESTROY"))
    assert (row["provenance"], row["started_source"]) == ("dump", "dump")
    assert row["started_at"] == row["received_at"] < bare.made[0]


def _assert_read_in_time(time: datetime, seen_at: Any) -> None:
    """Within the lag of what the witness noted when it read the same event."""
    witnessed = to_time(int(seen_at * 10**9))
    assert witnessed is not None and abs(time - witnessed) < READ_LAG


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["received_at"], row["ct_id"]))
