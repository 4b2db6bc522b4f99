"""10,000 connections opened as fast as one process can: each recorded, and each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from ctaudit.spool.segment import list_segments, opened_segment
from lab import addresses as a
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic import make_traffic
from lab.traffic.burst import PAYLOAD, burst_tuple
from lab.witness import delete_all

pytestmark = pytest.mark.timed

COUNT = 10_000
SIZE = 20 + 8 + len(PAYLOAD)


@pytest.fixture(scope="module")
def rig(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    """The burst, opened and ended, in a database whose services have stopped."""
    with rigging(lab, cluster) as made:
        with started(made, "record"), started(made, "receive"):
            make_traffic(lab, "burst", count=COUNT)
            delete_all(lab)
        yield made


@pytest.mark.parametrize("table", ["opening", "flow"])
def test_each_of_them_once(rig: Rig, table: str) -> None:
    """Exactly the burst's tuples, through its one public address, and nothing beside them."""
    found = Counter(
        (str(row["orig_src"]), row["orig_sport"], row["orig_dport"]) for row in rig.rows(table)
    )
    assert found == Counter(burst_tuple(index) for index in range(COUNT))
    sides = "host(orig_dst), host(reply_src), host(reply_dst), proto, provenance::text"
    assert rig.query(f"SELECT DISTINCT {sides} FROM ctaudit.{table}") == [
        (a.SERVER, a.SERVER, a.GATEWAY, 17, "event")
    ]


def test_each_opening_has_its_end(rig: Rig) -> None:
    """One flow, of the same entry and public port, begun within the event's lag."""
    # The ids alone are no proof: they are hashes of 32 bits, and in one run of 86 two are equal.
    joined = """
        SELECT count(*), count(DISTINCT (o.orig_src, o.orig_sport, o.orig_dport))
        FROM ctaudit.opening AS o
        JOIN ctaudit.flow AS f USING (node, zone, proto, ct_id, orig_src, orig_dst, orig_sport,
            orig_dport, reply_src, reply_dst, reply_sport, reply_dport)
        WHERE f.started_at BETWEEN o.started_at - interval '1 ms'
                AND o.started_at + interval '1 ms' AND f.ended_at > f.started_at
    """
    assert rig.query(joined) == [(COUNT, COUNT)]
    ports = "SELECT count(DISTINCT (reply_sport, reply_dport)) FROM ctaudit.flow"
    assert rig.query(ports) == [(COUNT,)]


def test_counters(rig: Rig) -> None:
    columns = "orig_packets, orig_bytes, reply_packets, reply_bytes"
    assert rig.query(f"SELECT DISTINCT {columns} FROM ctaudit.flow") == [(1, SIZE, 0, 0)]


def test_accounting_adds_up(rig: Rig) -> None:
    (stream,) = rig.rows("stream")
    dumped = rig.count("dump_entry")
    assert stream["received"] == stream["stored"] == 2 * COUNT + dumped
    assert stream["filtered"] == stream["undecodable"] == stream["dropped"] == 0
    assert rig.count("gap") == rig.count("undecodable") == 0
    assert stream["stopped_at"] is not None


def test_the_position_is_the_stream_s_end(rig: Rig) -> None:
    (last,) = [path for _, path in list_segments(rig.spool)][-1:]
    (stream,) = rig.rows("stream")
    with opened_segment(last, writable=False) as segment:
        assert segment.base + segment.end == segment.base + segment.committed == stream["position"]


def test_live_lines_and_their_sum_are_all_of_them(rig: Rig) -> None:
    """At most journal.rate lines a second; the others are summed up, never left out."""
    lines = rig.log("record").read_text().splitlines()
    shown = [line for line in lines if line.startswith(("NEW", "DESTROY"))]
    sums = [line.split()[2] for line in lines if line.startswith("… and ")]
    assert 0 < len(shown) < COUNT
    assert len(shown) + sum(int(number.replace(",", "")) for number in sums) == 2 * COUNT
