"""The receive buffer overruns; and it does not with the settings that ctaudit comes with."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from lab import addresses as a
from lab.accounting import expect_closed_accounting, expect_no_gap, expect_once, stored
from lab.cluster import Cluster
from lab.namespaces import Lab, run_in
from lab.network import build_lab
from lab.rig import Rig, rigging
from lab.rules import SHORT_TIMEOUTS
from lab.serve import serving
from lab.service import started
from lab.traffic import holding
from lab.traffic.burst import Tuple, burst_tuple
from lab.traffic.load import loading
from lab.waiting import wait_until
from lab.witness import Witness, delete_all, list_table, watching
from lab.witness.compare import to_time
from lab.witness.conntrack_text import Entry
from tests.markers import torture

pytestmark = pytest.mark.timed

TINY = 'receive_buffer = "64KiB"\nreceive_buffer_max = "64KiB"'
Span = tuple[datetime, datetime]


@pytest.fixture(scope="module")
def patient_lab() -> Iterator[Lab]:
    """One whose UDP connections do not end by themselves while a test looks at them."""
    timeouts = {**SHORT_TIMEOUTS, "udp_timeout": 600}
    with build_lab(f"ctwait-{os.getpid()}", timeouts=timeouts) as made, serving(made):
        yield made


@pytest.fixture
def empty_lab(patient_lab: Lab) -> Lab:
    delete_all(patient_lab)
    return patient_lab


@pytest.mark.parametrize("count", [2000, torture(20_000)])
def test_overrun_and_resync(empty_lab: Lab, own_cluster: Cluster, count: int) -> None:
    """A flood through a buffer of 64 KiB: what was lost is found by the dump, or lies in a gap."""
    lab = empty_lab
    ended, opened = range(count), range(30_000, 30_000 + count)
    with (
        rigging(lab, own_cluster, settings={"socket": TINY}) as rig,
        started(rig, "record"),
        started(rig, "receive") as receiver,
        watching(lab) as witness,
        holding(lab) as held,
    ):
        rig.wait_until_listening()
        with loading(lab, count, rate=2000, first=ended.start, ends=False) as load:
            load.join()
        rig.wait_until_recorded()
        with receiver.suspended():
            with loading(lab, count, rate=None, first=opened.start, ends=False) as load:
                load.join()
            end_some(lab, "--dport", burst_tuple(0)[2])
        wait_until_resynced(rig)
        assert expect_live_copy(rig) == count + 1
        ends = wait_for_ends(witness, count)
        assert witness.lost == 0
        # On a busy machine the first load overruns the buffer as well: its openings are found too.
        entries = [*list_table(lab), *ends.values()]
        started_at = {key_of(e): to_time(e.start_ns) for e in entries if e.proto == 17}
        stopped_at = {key: to_time(e.stop_ns) for key, e in ends.items()}
        found = expect_openings(rig, ended, opened, started_at)
        unobserved = expect_ends(rig, ended, stopped_at)
        print(f"{found} openings found by the dump, {unobserved} ends unobserved")
        assert found > 0 and unobserved > 0
        lost = rig.query("SELECT sum((detail ->> 'undelivered')::bigint) FROM ctaudit.note")[0][0]
        assert lost == found + unobserved
        assert lost == rig.query("SELECT sum(lost) FROM ctaudit.gap")[0][0]
        expect_closed_accounting(rig)
        # The end of one that the dump found comes as an event, and all goes on as before.
        gaps = rig.count("gap")
        few = Counter(burst_tuple(index) for index in opened[-14:])
        for sport in {sport for _, sport, _ in few}:
            end_some(lab, "--sport", sport)
        rig.wait_until_recorded()
        assert not few - stored(rig, "flow")
        assert rig.count("gap") == gaps == len(gap_spans(rig, "gap_until IS NOT NULL"))
        held.exchange(1)


@pytest.mark.parametrize("count", [3000, torture(20_000)])
@pytest.mark.parametrize("mode", ["live", "nat"])
def test_reliable_under_overrun(
    empty_lab: Lab, own_cluster: Cluster, mode: str, count: int
) -> None:
    """Reliable = true: once the ends have come, nothing is missing."""
    lab = empty_lab
    settings = {"": f'mode = "{mode}"', "socket": TINY + "\nreliable = true"}
    with (
        rigging(lab, own_cluster, settings=settings) as rig,
        started(rig, "record"),
        started(rig, "receive") as receiver,
    ):
        rig.wait_until_listening()
        with receiver.suspended():
            with loading(lab, count, rate=None, ends=False) as load:
                load.join()
            delete_all(lab)
        # The kernel tries again what it could not deliver, about ten times a second.
        tables = ("opening", "flow") if mode == "live" else ("opening",)
        wanted = Counter(burst_tuple(index) for index in range(count))
        rig.wait_until(lambda: all(observed(rig, table) == wanted for table in tables), patience=60)
        late = stored(rig, "opening", "late").total()
        print(f"{late} late openings of {count}")
        assert late > 0
        assert rig.query("SELECT DISTINCT lost FROM ctaudit.gap") == [(None,)]
        expect_closed_accounting(rig)
        expect_one_answer_each(rig, wanted)
        if mode == "live":
            # The dump did not show them; their ends came after it.
            assert stored(rig, "flow", "unobserved").total() > 0


@pytest.mark.parametrize("count", [100_000, torture(1_000_000)])
def test_flood_with_default_settings(empty_lab: Lab, own_cluster: Cluster, count: int) -> None:
    """As many connections as can be made: none lost, no gap."""
    lab = empty_lab
    with rigging(lab, own_cluster) as rig, started(rig, "record"), started(rig, "receive"):
        rig.wait_until_listening()
        began = time.monotonic()
        with loading(lab, count, rate=None) as load:
            load.join()
            opened = time.monotonic()
            load.wait()
        rig.wait_until_recorded(patience=300)
        recorded = time.monotonic()
        print(
            f"{count / (opened - began):,.0f} connections opened a second, "
            f"{2 * count / (recorded - began):,.0f} events recorded a second"
        )
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)


def key_of(entry: Entry) -> Tuple:
    assert entry.orig.sport is not None and entry.orig.dport is not None
    return entry.orig.src, entry.orig.sport, entry.orig.dport


def end_some(lab: Lab, option: str, port: int) -> None:
    """Conntrack -D of the burst's connections from or to one port."""
    argv = ["conntrack", "-D", "-p", "udp", option, str(port)]
    deleted = run_in(lab.gateway, argv, capture_output=True)
    assert deleted.returncode == 0, deleted.stderr


def wait_for_ends(witness: Witness, count: int) -> dict[Tuple, Entry]:
    """The ends of the burst's connections, as soon as the witness has written all of them down."""
    found: dict[Tuple, Entry] = {}

    def seen() -> bool:
        for entry in witness.entries("DESTROY"):
            if entry.proto == 17 and entry.stop_ns is not None:
                found[key_of(entry)] = entry
        return len(found) == count

    wait_until(seen, patience=60)
    return found


def wait_until_resynced(rig: Rig) -> None:
    """Waits until a dump that began after the last overrun has been reconciled."""
    resynced = """
        SELECT FROM ctaudit.dump AS d WHERE d.reconciled_at IS NOT NULL AND d.position >
            (SELECT max(n.position) FROM ctaudit.note AS n WHERE n.note = 'overrun')
    """
    rig.wait_until(lambda: bool(rig.query(resynced)), patience=60)
    rig.wait_until_recorded()


def expect_live_copy(rig: Rig) -> int:
    """ctaudit.live() is what conntrack -L shows, by identity; returns how many there are."""

    def shown() -> Counter[Any]:
        return Counter(
            (e.zone or 0, e.proto, e.orig.src, e.orig.sport, e.orig.dst, e.orig.dport, e.id)
            for e in list_table(rig.lab)
        )

    columns = "zone, proto, host(orig_src), orig_sport, host(orig_dst), orig_dport, ct_id"
    before = shown()
    live = Counter(rig.query(f"SELECT {columns} FROM ctaudit.live(%s)", rig.node))
    assert before == shown(), "the table changed meanwhile"
    assert live == before, f"{len(live - before)} too many, {len(before - live)} missing"
    return before.total()


def gap_spans(rig: Rig, condition: str) -> list[Span]:
    rows = rig.query(f"SELECT gap_from, gap_until FROM ctaudit.gap WHERE {condition}")
    return [(begin, end) for begin, end in rows]


def expect_within(spans: list[Span], times: Iterable[datetime | None]) -> int:
    """Each of those moments lies in one of the spans; returns how many there were."""
    count = 0
    for moment in times:
        assert moment is not None
        assert any(begin <= moment <= end for begin, end in spans), (moment, spans)
        count += 1
    return count


def expect_openings(
    rig: Rig, ended: range, opened: range, started_at: Mapping[Tuple, datetime | None]
) -> int:
    """Each has one opening; those that a dump found bear the kernel's start and lie in a gap."""
    every = Counter(burst_tuple(index) for index in (*ended, *opened))
    assert stored(rig, "opening", None) == every
    found = stored(rig, "opening", "dump")
    spans = gap_spans(rig, "hides_openings")
    times = {
        (src, sport, dport): at
        for src, sport, dport, at in rig.query(
            "SELECT host(orig_src), orig_sport, orig_dport, started_at FROM ctaudit.opening "
            "WHERE provenance = 'dump' AND started_source = 'kernel' AND orig_dst = %s",
            a.SERVER,
        )
        if dport in a.SILENT_PORTS
    }
    assert set(times) == set(found)
    assert all(times[key] == started_at[key] for key in found)
    return expect_within(spans, times.values())


def expect_ends(rig: Rig, ended: range, stopped_at: Mapping[Tuple, datetime | None]) -> int:
    """Each has one end; one that nobody saw lies between two times, in a gap, never made up."""
    assert stored(rig, "flow", None) == Counter(burst_tuple(index) for index in ended)
    unobserved = rig.query(
        "SELECT host(orig_src), orig_sport, orig_dport, ended_at, ended_after, ended_before, "
        "orig_packets FROM ctaudit.flow WHERE provenance = 'unobserved' AND proto = 17"
    )
    stops = []
    for src, sport, dport, ended_at, after, before, packets in unobserved:
        stop = stopped_at[src, sport, dport]
        assert (ended_at, packets) == (None, None)
        assert stop is not None and after <= stop <= before
        stops.append(stop)
    return expect_within(gap_spans(rig, "hides_ends"), stops)


def observed(rig: Rig, table: str) -> Counter[Tuple]:
    return stored(rig, table, None) - stored(rig, table, "unobserved")


def expect_one_answer_each(rig: Rig, wanted: Counter[Tuple]) -> None:
    """An end that came after all supersedes the one that a dump had led to."""
    rows = rig.query(
        "SELECT host(orig_src), orig_sport, orig_dport FROM ctaudit.flows(NULL, NULL, %s::inet, "
        "NULL, NULL, false, NULL, NULL) WHERE proto = 17",
        a.SERVER,
    )
    assert Counter(rows) == wanted
