"""A conversation with bursts: each bucket of ctaudit traffic against the kernel's own counters."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.addresses import CLIENT
from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import Rig
from lab.service import listening_rig
from lab.traffic import Held, holding
from lab.witness import delete_all, list_table
from tests.markers import torture

BUCKET, EVERY, TICK = 20.0, 5.0, 0.25  # seconds
STEADY = 20_000  # bytes a tick, each way
BURST = 10  # times the mean
# Seconds within a bucket: one in its midst, one over the edge to the next.
BURSTS = ((9.0, 11.0), (19.0, 21.0))


@dataclass(frozen=True)
class Told:
    """What the kernel counted by then, of both directions."""

    at: float
    bytes: int
    packets: int


def read_counters(lab: Lab, port: int) -> Told:
    (entry,) = [each for each in list_table(lab) if each.orig.sport == port]
    sides = (entry.orig, entry.reply)
    return Told(
        time.time(), sum(side.bytes or 0 for side in sides),
        sum(side.packets or 0 for side in sides),
    )  # fmt: skip


def is_burst(second: float) -> bool:
    """In every third bucket the first kind, after every third the second."""
    number, within = divmod(second, BUCKET)
    return any(
        begin <= within + (number - first) * BUCKET < end
        for kind, (begin, end) in enumerate(BURSTS)
        for first in (number - 1, number)
        if first % 3 == 1 + kind and first >= 0
    )


def converse(lab: Lab, held: Held, begin: float, seconds: float) -> list[Told]:
    """Talks for so long, and reads the kernel's counters at each edge of a bucket."""
    told: list[Told] = []
    for tick in range(round(seconds / TICK) + 1):
        time.sleep(max(0.0, begin + tick * TICK - time.time()))
        if tick * TICK % BUCKET == 0:
            told.append(read_counters(lab, held.sent["sport"]))
        if tick * TICK < seconds:
            held.exchange(STEADY * (BURST if is_burst(tick * TICK) else 1))
    return told


@pytest.mark.timed
@pytest.mark.parametrize("seconds", [60, torture(180)])
def test_a_conversation_with_bursts(lab: Lab, cluster: Cluster, seconds: float) -> None:
    """To 5 % where no burst lies in the step over an edge, else within the bound that is told."""
    with listening_rig(lab, cluster, {"dumps": f'interval = "{EVERY:g}s"'}) as rig:
        with holding(lab, source_port=40750) as held:
            time.sleep(EVERY)
            begin = float(round(time.time()) + 1)
            told = converse(lab, held, begin, seconds)
        delete_all(lab)
        rig.wait_until_read()
        (flow,) = rig.rows_of("flow", held.sent["sport"])
        rows = ask(rig, begin - BUCKET, begin + seconds + BUCKET)
        dumps = [row["received_at"] for row in rig.rows_of("dump_entry", held.sent["sport"])]
    counted = {"bytes": 0, "packets": 0}
    for side in ("orig", "reply"):
        for name in counted:
            counted[name] += flow[f"{side}_{name}"]
    for name, all_of_it in counted.items():
        assert sum(row[name] for row in rows.values()) == all_of_it
    near = 0
    for first, last in itertools.pairwise(told):
        number = round((first.at - begin) / BUCKET)
        row = rows[datetime.fromtimestamp(begin + number * BUCKET, UTC)]
        true = last.bytes - first.bytes
        edges = (begin + number * BUCKET, begin + (number + 1) * BUCKET)
        # What flowed from the edge to the moment at which the kernel was asked.
        slack = STEADY * BURST * 2
        assert abs(row["bytes"] - true) <= row["bytes_error"] + slack
        assert row["bytes"] - row["interpolated_bytes"] <= true + slack
        assert 0 < row["interpolated_bytes"] < row["bytes"]
        if not any(has_burst(step_over(dumps, edge), begin) for edge in edges):
            near += 1
            assert row["bytes"] == pytest.approx(true, rel=0.05), number
    assert near >= (len(told) - 1) // 3


def step_over(dumps: list[datetime], edge: float) -> tuple[float, float]:
    """The times of the dumps before and after it."""
    times = sorted(dump.timestamp() for dump in dumps)
    before = max((at for at in times if at <= edge), default=edge - EVERY)
    return before, min((at for at in times if at >= edge), default=edge + EVERY)


def has_burst(step: tuple[float, float], begin: float) -> bool:
    first, last = (at - begin for at in step)
    ticks = range(int(first / TICK), int(last / TICK) + 1)
    return any(is_burst(tick * TICK) for tick in ticks if tick >= 0)


def ask(rig: Rig, begin: float, end: float) -> dict[datetime, Any]:
    """The rows of ``ctaudit traffic``, by the beginning of their buckets."""
    span = [datetime.fromtimestamp(at, UTC).isoformat() for at in (begin, end)]
    done = rig.ask(
        "traffic", "--from", span[0], "--until", span[1], "--bucket", f"{BUCKET:g}s",
        "--host", CLIENT, "--format", "json",
    )  # fmt: skip
    assert done.returncode in (0, 4), done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {datetime.fromisoformat(row["from"]): row for row in rows if "from" in row}
