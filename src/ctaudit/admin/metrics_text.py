"""The metrics as Prometheus reads them, by its official client library.

https://prometheus.io/docs/practices/naming: units in the name, ``_total`` for what only rises.
Whatever has a time says when, not how long ago: a file that is not written any more grows no older.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ctaudit.admin.metrics import KernelReading, Readings
from ctaudit.query.metrics import NodeMetrics
from ctaudit.spool.backlog import SpoolReading
from ctaudit.spool.lag import BOUNDS, LagHistogram

_COUNTS = {
    "received": "Events that were received, of this stream.",
    "stored": "Events that were stored, of this stream.",
    "filtered": "Events that were received and not stored, as the mode has it.",
    "undecodable": "Messages that are kept as bytes, of this stream.",
}
_STATISTICS = {
    "early_drop": "Connections that the kernel removed from its full table for new ones.",
    "insert_failed": "Connections that the kernel could not insert into its table.",
    "drop": "Packets that the kernel dropped since its table had no room.",
    "clashes": "Two packets of one socket began a connection at once: no event tells of one.",
}


def format_metrics(readings: Readings) -> bytes:
    """The text format, version 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(readings))
    return generate_latest(registry)


class _Collector(Collector):
    """What a registry asks for its metrics."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        readings = self._readings
        node = readings.node
        yield _gauge(
            "source_up", "1: this source of metrics could be read.", ("node", "source"),
            *(((node, name), float(up)) for name, up in readings.up.items()),
        )  # fmt: skip
        if readings.spool is not None:
            yield from _of_spool(node, readings.spool, readings.spool_limit)
        if readings.lag is not None:
            yield _of_lag(node, readings.lag)
        if readings.kernel is not None:
            yield from _of_kernel(node, readings.kernel)
        if readings.nodes:
            yield from _of_database(readings.nodes)


def _of_spool(node: str, spool: SpoolReading, limit: int) -> Iterator[Metric]:
    for name, text, value in (
        ("spool_bytes", "Bytes of the segments.", spool.used),
        ("spool_limit_bytes", "spool.max_bytes: beyond it, events are dropped.", limit),
        ("spool_free_bytes", "Bytes free on the spool's file system.", spool.free),
        ("spool_files", "Segments.", spool.files),
        ("spool_damaged_files", "Files that were kept since they are damaged.", spool.kept),
        ("spool_waiting_bytes", "Bytes that the database does not have.", spool.waiting),
        ("spool_oldest_waiting_seconds", "How long the oldest of them waits.", spool.oldest),
        ("spool_dropped_events", "Events dropped with the spool full, in segments that are kept.",
         spool.dropped),
        ("receiver_look_timestamp_seconds", "When the receiver looked at the kernel last.",
         spool.looked),
    ):  # fmt: skip
        yield _gauge(name, text, ("node",), ((node,), value))
    yield _counter(
        "receiver_received_bytes", "Bytes received, of this stream.", ("node",),
        ((node,), spool.received),
    )  # fmt: skip
    yield _counter(
        "receiver_overrun_events", "Events that the kernel dropped, of this stream.", ("node",),
        ((node,), spool.kernel_drops),
    )  # fmt: skip


def _of_lag(node: str, lag: LagHistogram) -> Metric:
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    family = HistogramMetricFamily(
        "ctaudit_commit_lag_seconds",
        "Of each event: from the receipt of the first of its batch to the batch's commit.",
        labels=["node"],
    )
    buckets = list(zip(bounds, accumulate(lag.counts), strict=True))
    family.add_metric([node], buckets, lag.total)
    return family


def _of_kernel(node: str, kernel: KernelReading) -> Iterator[Metric]:
    for name, text, value in (
        ("conntrack_entries", "Connections in the kernel's table.", kernel.entries),
        ("conntrack_entries_limit", "nf_conntrack_max: room of the table.", kernel.limit),
    ):
        if value is not None:
            yield _gauge(name, text, ("node",), ((node,), value))
    for name, count in kernel.statistics.items():
        if count is not None:
            yield _counter(f"conntrack_{name}", _STATISTICS[name], ("node",), ((node,), count))


def _of_database(nodes: tuple[NodeMetrics, ...]) -> Iterator[Metric]:
    yield _gauge(
        "stream_start_timestamp_seconds", "When the latest stream began: counts begin anew.",
        ("node",), *(((each.node,), each.started_at.timestamp()) for each in nodes),
    )  # fmt: skip
    yield _gauge(
        "lag_seconds", "How far the record is behind the clock.", ("node",),
        *(((each.node,), each.lag) for each in nodes if each.lag is not None),
    )  # fmt: skip
    for name, text in _COUNTS.items():
        counts = (((each.node,), getattr(each, name)) for each in nodes)
        yield _counter(f"events_{name}", text, ("node",), *counts)
    yield _counter(
        "events_dropped", "Events that were lost before they were received, of this stream.",
        ("node", "cause"),
        *(((each.node, "spool full"), each.dropped) for each in nodes),
        *(((each.node, "overrun"), each.kernel_drops) for each in nodes),
    )  # fmt: skip
    yield _gauge(
        "gaps_open", "Gaps that are not over.", ("node",),
        *(((each.node,), each.open_gaps) for each in nodes),
    )  # fmt: skip
    yield _gauge(
        "uncovered_seconds", "Seconds of the last 24 hours that lie in gaps.",
        ("node", "protocols"),
        *(((each.node, "all"), each.uncovered) for each in nodes),
        *(((each.node, "one"), each.uncovered_in_part) for each in nodes),
    )  # fmt: skip
    yield _gauge(
        "canary_timestamp_seconds", "When the last canary was sent that was found.", ("node",),
        *(((each.node,), each.canary_at.timestamp()) for each in nodes if each.canary_at),
    )  # fmt: skip


_Sample = tuple[tuple[str, ...], float]


def _gauge(name: str, text: str, labels: tuple[str, ...], *samples: _Sample) -> Metric:
    family = GaugeMetricFamily(f"ctaudit_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _counter(name: str, text: str, labels: tuple[str, ...], *samples: _Sample) -> Metric:
    """The library adds ``_total`` to the name."""
    family = CounterMetricFamily(f"ctaudit_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
