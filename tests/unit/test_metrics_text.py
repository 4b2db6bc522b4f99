"""What `ctaudit metrics` prints, and that alerts and dashboard ask for nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ctaudit.admin.metrics import STATISTICS_OF, KernelReading, Readings
from ctaudit.admin.metrics_text import format_metrics
from ctaudit.query.metrics import NodeMetrics
from ctaudit.spool.backlog import SpoolReading
from ctaudit.spool.lag import BOUNDS, LagHistogram

PAGES = Path(__file__).parents[2] / "docs" / "prometheus"
RULES = PAGES / "ctaudit.rules.yml"
BEGAN = datetime(2026, 2, 22, 10, 30, tzinfo=UTC)
NODE = NodeMetrics("gw1", BEGAN, 0.25, 100, 90, 7, 3, 11, 13, 1, 60.0, 5.0, BEGAN)
READINGS = Readings(
    "gw1",
    {"spool": True, "kernel": True, "database": True},
    2 << 30,
    SpoolReading(48 << 20, 3, 9 << 30, 1, 4096, 2.5, 70_000_000, 13, 2, 1_771_756_200.5),
    LagHistogram((5, *[0] * (len(BOUNDS) - 1), 2), 20_000.5),
    KernelReading(1200, 262_144, dict.fromkeys(STATISTICS_OF, 4)),
    (NODE,),
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(readings: Readings) -> Samples:
    """By name and labels, as Prometheus' own client reads them."""
    text = format_metrics(readings).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"ctaudit_{name}", tuple(sorted({"node": "gw1", **labels}.items()))]


def names(readings: Readings = READINGS) -> set[str]:
    return {name for name, _ in parse(readings)}


def test_each_number_has_its_name() -> None:
    found = parse(READINGS)
    assert value(found, "events_received_total") == 100
    assert value(found, "events_stored_total") == 90
    assert value(found, "events_filtered_total") == 7
    assert value(found, "events_undecodable_total") == 3
    assert value(found, "events_dropped_total", cause="spool full") == 11
    assert value(found, "events_dropped_total", cause="overrun") == 13
    assert value(found, "lag_seconds") == 0.25
    assert value(found, "gaps_open") == 1
    assert value(found, "uncovered_seconds", protocols="all") == 60
    assert value(found, "uncovered_seconds", protocols="one") == 5
    assert value(found, "canary_timestamp_seconds") == BEGAN.timestamp()
    assert value(found, "stream_start_timestamp_seconds") == BEGAN.timestamp()
    assert value(found, "spool_bytes") == 48 << 20
    assert value(found, "spool_limit_bytes") == 2 << 30
    assert value(found, "spool_free_bytes") == 9 << 30
    assert value(found, "spool_files") == 3
    assert value(found, "spool_damaged_files") == 1
    assert value(found, "spool_waiting_bytes") == 4096
    assert value(found, "spool_oldest_waiting_seconds") == 2.5
    assert value(found, "spool_dropped_events") == 2
    assert value(found, "receiver_received_bytes_total") == 70_000_000
    assert value(found, "receiver_overrun_events_total") == 13
    assert value(found, "receiver_look_timestamp_seconds") == 1_771_756_200.5
    assert value(found, "conntrack_entries") == 1200
    assert value(found, "conntrack_entries_limit") == 262_144
    for name in STATISTICS_OF:
        assert value(found, f"conntrack_{name}_total") == 4
    assert value(found, "source_up", source="database") == 1


def test_the_histogram_adds_up() -> None:
    found = parse(READINGS)
    assert value(found, "commit_lag_seconds_bucket", le="0.1") == 5
    assert value(found, "commit_lag_seconds_bucket", le="7200.0") == 5
    assert value(found, "commit_lag_seconds_bucket", le="+Inf") == 7
    assert value(found, "commit_lag_seconds_count") == 7
    assert value(found, "commit_lag_seconds_sum") == 20_000.5
    buckets = [name for name, _ in found if name.endswith("_bucket")]
    assert len(buckets) == len(BOUNDS) + 1


def test_what_is_not_known_is_not_printed() -> None:
    stopped = replace(NODE, lag=None, canary_at=None)
    kernel = KernelReading(None, None, dict.fromkeys(STATISTICS_OF))
    found = names(replace(READINGS, kernel=kernel, nodes=(stopped,)))
    absent = {name for name in names() if "conntrack" in name}
    assert names() - found == {"ctaudit_lag_seconds", "ctaudit_canary_timestamp_seconds", *absent}
    alone = Readings("gw1", {"database": False})
    assert parse(alone) == {("ctaudit_source_up", (("node", "gw1"), ("source", "database"))): 0}


def test_each_gateway_of_a_database_has_its_own() -> None:
    found = parse(replace(READINGS, spool=None, lag=None, kernel=None, nodes=(
        NODE, replace(NODE, node="gw2", received=5)
    )))  # fmt: skip
    assert value(found, "events_received_total") == 100
    assert value(found, "events_received_total", node="gw2") == 5


def test_names_follow_the_conventions() -> None:
    """What promtool's own linter says of them."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "tools/setup test installs it"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=format_metrics(READINGS), capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_alerts_fire_when_they_should() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "tools/setup test installs it"
    done = subprocess.run(
        [promtool, "test", "rules", "ctaudit.rules.test.yml"], cwd=PAGES, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    tried = (PAGES / "ctaudit.rules.test.yml").read_text()
    assert set(re.findall(r'alertname="(\w+)"', tried)) == alerts


def expressions(part: Any) -> Iterator[str]:
    """Each query in a dashboard."""
    if isinstance(part, dict):
        yield from (
            text for key, text in part.items() if key in ("expr", "query") and isinstance(text, str)
        )
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from expressions(inner)


def test_the_alerts_ask_for_what_there_is() -> None:
    asked = set(re.findall(r"ctaudit_\w+", RULES.read_text()))
    assert len(asked) > 15
    assert asked <= names()


def test_the_dashboard_shows_all_that_there_is() -> None:
    """Of a bucket its bounds, of each other metric the metric itself."""
    page = json.loads((PAGES / "ctaudit-dashboard.json").read_text())
    asked = {name for text in expressions(page) for name in re.findall(r"ctaudit_\w+", text)}
    assert asked == names()
    assert len({panel["id"] for panel in page["panels"]}) == len(page["panels"])


@pytest.mark.parametrize("name", sorted(name for name in names() if name.endswith("_total")))
def test_a_counter_is_told_as_one(name: str) -> None:
    text = format_metrics(READINGS).decode()
    assert f"# TYPE {name} counter" in text
