"""The runs of a receive buffer that overruns; short and long."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from lab import addresses as a
from lab.burst import burst_tuple
from lab.cluster import Cluster
from lab.compare import to_time
from lab.conntrack_text import Entry
from lab.faults import (
    Tuple,
    expect_closed_accounting,
    expect_no_gap,
    expect_once,
    loading,
    started,
    stored,
    wait_until_listening,
    wait_until_recorded,
)
from lab.namespaces import Lab, run_in
from lab.rig import Rig, rigging, wait_until
from lab.traffic import holding
from lab.witness import Witness, delete_all, list_table, watching

TINY = 'receive_buffer = "64KiB"\nreceive_buffer_max = "64KiB"'
Span = tuple[datetime, datetime]


@contextmanager
def not_reading(process: subprocess.Popen[str]) -> Iterator[None]:
    """The receiver as on a gateway whose CPUs are busy with packets: it does not get to run."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def key_of(entry: Entry) -> Tuple:
    assert entry.orig.sport is not None and entry.orig.dport is not None
    return entry.orig.src, entry.orig.sport, entry.orig.dport


def end_port(lab: Lab, port: int) -> None:
    """Conntrack -D of the burst's connections to one port."""
    deleted = run_in(
        lab.gateway, ["conntrack", "-D", "-p", "udp", "--dport", str(port)], capture_output=True
    )
    assert deleted.returncode == 0, deleted.stderr


def wait_for_stops(witness: Witness, count: int) -> dict[Tuple, datetime]:
    """When the burst's connections ended, as soon as the witness has written all of it down."""
    found: dict[Tuple, datetime] = {}

    def seen() -> bool:
        for entry in witness.entries("DESTROY"):
            stop = to_time(entry.stop_ns)
            if entry.proto == 17 and stop is not None:
                found[key_of(entry)] = stop
        return len(found) == count

    wait_until(seen, patience=60)
    return found


def wait_until_resynced(rig: Rig) -> None:
    """Until a dump that began after the last overrun has been reconciled."""
    resynced = """
        SELECT FROM ctaudit.dump AS d WHERE d.reconciled_at IS NOT NULL AND d.position >
            (SELECT max(n.position) FROM ctaudit.note AS n WHERE n.note = 'overrun')
    """
    log = rig.directory / "receive.log"
    wait_until(lambda: bool(rig.query(resynced)), log=log, patience=60)
    wait_until_recorded(rig)


def expect_live_copy(rig: Rig) -> int:
    """ctaudit.live() is what conntrack -L shows, by identity; returns how many."""

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


def gap_spans(rig: Rig, column: str) -> list[Span]:
    return rig.query(f"SELECT gap_from, gap_until FROM ctaudit.gap WHERE {column}")  # type: ignore[return-value]


def expect_within(spans: list[Span], times: Iterable[datetime | None]) -> int:
    """Each of those moments lies in one of the spans; returns how many there were."""
    count = 0
    for moment in times:
        assert moment is not None
        assert any(begin <= moment <= end for begin, end in spans), (moment, spans)
        count += 1
    return count


def overrun(lab: Lab, cluster: Cluster, count: int) -> Mapping[str, int]:
    """A flood through a buffer of 64 KiB; returns how many were lost and found again."""
    ended, opened = range(count), range(30_000, 30_000 + count)
    settings = {"socket": TINY}
    delete_all(lab)
    with (
        rigging(lab, cluster, settings=settings) as rig,
        started(rig, "record"),
        started(rig, "receive") as receiver,
        watching(lab) as witness,
        holding(lab) as held,
    ):
        wait_until_listening(rig)
        with loading(lab, count, rate=2000, first=ended.start, ends=False) as load:
            load.join()
        wait_until_recorded(rig)
        assert receiver.process is not None
        with not_reading(receiver.process):
            with loading(lab, count, rate=None, first=opened.start, ends=False) as load:
                load.join()
            end_port(lab, burst_tuple(0)[2])
        wait_until_resynced(rig)
        alive = expect_live_copy(rig)
        assert alive == count + 1
        started_at = {key_of(e): to_time(e.start_ns) for e in list_table(lab) if e.proto == 17}
        stopped_at = wait_for_stops(witness, count)
        assert witness.lost == 0
        counts = {
            "openings found by the dump": expect_openings(rig, ended, opened, started_at),
            "ends unobserved": expect_ends(rig, ended, stopped_at),
        }
        assert min(counts.values()) > 0
        lost = rig.query("SELECT sum((detail ->> 'undelivered')::bigint) FROM ctaudit.note")[0][0]
        assert lost == sum(counts.values())
        assert lost == rig.query("SELECT sum(lost) FROM ctaudit.gap")[0][0]
        expect_closed_accounting(rig)
        # The end of one that the dump found comes as an event, and all goes on as before.
        gaps = rig.count("gap")
        few = Counter(burst_tuple(index) for index in opened[-14:])
        end_ports(lab, {sport for _, sport, _ in few})
        wait_until_recorded(rig)
        assert not few - stored(rig, "flow")
        assert rig.count("gap") == gaps == len(gap_spans(rig, "gap_until IS NOT NULL"))
        held.exchange(1)
        return counts


def end_ports(lab: Lab, sports: set[int]) -> None:
    """Ends the burst's connections from these ports of the clients."""
    for sport in sports:
        deleted = run_in(
            lab.gateway,
            ["conntrack", "-D", "-p", "udp", "--sport", str(sport)],
            capture_output=True,
        )
        assert deleted.returncode == 0, deleted.stderr


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


def expect_ends(rig: Rig, ended: range, stopped_at: Mapping[Tuple, datetime]) -> int:
    """Each has one end; one that nobody saw lies between two times, in a gap, never made up."""
    assert stored(rig, "flow", None) == Counter(burst_tuple(index) for index in ended)
    unobserved = rig.query(
        "SELECT host(orig_src), orig_sport, orig_dport, ended_at, ended_after, ended_before, "
        "orig_packets FROM ctaudit.flow WHERE provenance = 'unobserved'"
    )
    for src, sport, dport, ended_at, after, before, packets in unobserved:
        stop = stopped_at[src, sport, dport]
        assert (ended_at, packets) == (None, None)
        assert after <= stop <= before
    spans = gap_spans(rig, "hides_ends")
    return expect_within(spans, (stopped_at[row[:3]] for row in unobserved))  # type: ignore[index]


def keep_reliably(lab: Lab, cluster: Cluster, mode: str, count: int) -> Mapping[str, int]:
    """Reliable = true under an overrun: once the ends have come, nothing is missing."""
    settings = {"": f'mode = "{mode}"', "socket": TINY + "\nreliable = true"}
    delete_all(lab)
    with (
        rigging(lab, cluster, settings=settings) as rig,
        started(rig, "record"),
        started(rig, "receive") as receiver,
    ):
        wait_until_listening(rig)
        assert receiver.process is not None
        with not_reading(receiver.process):
            with loading(lab, count, rate=None, ends=False) as load:
                load.join()
            delete_all(lab)
        # The kernel tries again what it could not deliver, about ten times a second.
        tables = ("opening", "flow") if mode == "live" else ("opening",)
        wanted = Counter(burst_tuple(index) for index in range(count))
        wait_until(
            lambda: all(observed(rig, table) == wanted for table in tables),
            log=rig.directory / "receive.log",
            patience=60,
        )
        late = stored(rig, "opening", "late").total()
        assert late > 0
        assert rig.query("SELECT DISTINCT lost FROM ctaudit.gap") == [(None,)]
        expect_closed_accounting(rig)
        expect_one_answer_each(rig, wanted)
        if mode == "live":
            # The dump did not show them; their ends came after it.
            assert stored(rig, "flow", "unobserved").total() > 0
        return {"late openings": late, "openings": observed(rig, "opening").total()}


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


def flood(
    lab: Lab, cluster: Cluster, count: int, while_running: Callable[[Rig], None] = lambda _: None
) -> Mapping[str, float]:
    """As many connections as can be made, ctaudit's default settings: none lost, no gap."""
    delete_all(lab)
    with (
        rigging(lab, cluster) as rig,
        started(rig, "record"),
        started(rig, "receive"),
    ):
        wait_until_listening(rig)
        began = time.monotonic()
        with loading(lab, count, rate=None) as load:
            load.join()
            opened = time.monotonic()
            while_running(rig)
            load.wait()
        wait_until_recorded(rig, patience=300)
        recorded = time.monotonic()
        expect_once(rig, load.indexes)
        expect_no_gap(rig)
        expect_closed_accounting(rig)
        return {
            "connections": count,
            "opened a second": count / (opened - began),
            "events recorded a second": 2 * count / (recorded - began),
        }
