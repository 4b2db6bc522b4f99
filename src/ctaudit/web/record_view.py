"""The page Record as values: the picture, and the numbers beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ctaudit.conntrack.event import name_protocol
from ctaudit.picture.record_lanes import Lanes, NodeLane, Part
from ctaudit.query.durations_text import format_length
from ctaudit.query.recorded import Basis, GapCause, Recorded, RecordedSpan
from ctaudit.query.status import Gap, Pair
from ctaudit.query.value_text import format_count, format_time, plain_value
from ctaudit.report.report_text import CAUSES
from ctaudit.web import record_text as text
from ctaudit.web.clock_text import describe_clock


@dataclass(frozen=True)
class NodeRow:
    """A gateway, each cell as text; ``remarks`` are sentences."""

    node: str
    state: str
    covered: str
    missing: str
    gaps: str
    lag: str
    dumps: str
    clock: str
    spool: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class RecordView:
    """``causes`` and ``gaps`` are rows of cells under the heads of the template."""

    headline: str
    lanes: Lanes
    notes: tuple[str, ...]
    nodes: tuple[NodeRow, ...]
    causes: tuple[tuple[str, ...], ...]
    gaps: tuple[tuple[str, ...], ...]
    gaps_note: str

    @property
    def node_cells(self) -> Iterator[tuple[str, ...]]:
        """Without the remarks."""
        return (tuple(vars(row).values())[:-1] for row in self.nodes)

    @property
    def remarks(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Of the gateways that have some."""
        return [(row.node, row.remarks) for row in self.nodes if row.remarks]


@dataclass(frozen=True)
class _Sums:
    """Seconds by kind, and gaps, of one gateway."""

    seconds: Mapping[str, float]
    gaps: int

    @property
    def covered(self) -> str:
        """Of the time in which it existed, but for what is not recorded yet."""
        here = [self.seconds.get(kind, 0.0) for kind in ("covered", "gap", "uncovered")]
        return format_share(here[0], sum(here))


def view_record(recorded: Recorded) -> RecordView:
    sums = _sum(recorded)
    return RecordView(
        _format_headline(recorded, sums),
        make_lanes(recorded, sums),
        tuple(_list_notes(recorded)),
        tuple(_view_node(basis, sums[basis.node], recorded.pairs) for basis in recorded.bases),
        tuple(_view_cause(cause) for cause in recorded.causes),
        tuple(_view_gap(gap, recorded.question.end) for gap in recorded.gaps),
        _note_gaps(recorded),
    )


def _sum(recorded: Recorded) -> Mapping[str, _Sums]:
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    gaps: dict[str, int] = defaultdict(int)
    for span in recorded.spans:
        seconds[span.node][span.kind] += span.seconds
        gaps[span.node] += span.gaps
    return {basis.node: _Sums(seconds[basis.node], gaps[basis.node]) for basis in recorded.bases}


def format_share(part: float, whole: float) -> str:
    """``99.987 %``, rounded down: 100 % is all of it. Empty where the whole is nothing."""
    if whole <= 0:
        return ""
    if whole - part < 1e-6:
        return "100 %"
    return f"{int(part / whole * 100_000) / 1000:.3f} %"


def _format_headline(recorded: Recorded, sums: Mapping[str, _Sums]) -> str:
    if not recorded.bases:
        return text.NO_NODES
    nodes = format_count(len(recorded.bases), "gateway")
    with_gaps = sum(each.gaps > 0 for each in sums.values())
    if not with_gaps:
        return text.ALL_COVERED.format(nodes=nodes)
    return text.GAPS.format(
        with_gaps=with_gaps, nodes=nodes, gaps=format_count(recorded.gap_count, "gap")
    )


def make_lanes(recorded: Recorded, sums: Mapping[str, _Sums]) -> Lanes:
    """Of the first LANES_MAX gateways, by name."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for span in recorded.spans:
        parts[span.node].append(Part(_find_kind(span), span.span_from, span.span_until))
    lanes = []
    for basis in recorded.bases[: text.LANES_MAX]:
        mine = sums[basis.node]
        notes = [mine.covered, format_count(mine.gaps, "gap") if mine.gaps else ""]
        remark = basis.imported_from and text.IMPORTED.format(source=basis.imported_from)
        lanes.append(
            NodeLane(
                basis.node, ", ".join(filter(None, notes)), tuple(parts[basis.node]), remark or ""
            )
        )
    question = recorded.question
    title = text.PICTURE.format(
        nodes=format_count(len(lanes), "gateway"),
        begin=_format(question.begin),
        end=_format(question.end),
    )
    description = "; ".join(f"{lane.name}: {lane.note or lane.remark}" for lane in lanes)
    return Lanes(question.begin, question.end, tuple(lanes), title, description, dict(text.KEYS))


def _find_kind(span: RecordedSpan) -> str:
    """Of several gaps as one the kind tells whether most of that time is recorded."""
    length = (span.span_until - span.span_from).total_seconds()
    is_scattered = span.kind == "gap" and span.gaps > 1 and span.seconds < length / 2
    return "scattered" if is_scattered else span.kind


def _list_notes(recorded: Recorded) -> Iterator[str]:
    if recorded.gap_count:
        yield text.MERGED
    if len(recorded.bases) > text.LANES_MAX:
        yield text.LANES_CUT.format(count=len(recorded.bases) - text.LANES_MAX)


def _view_node(basis: Basis, sums: _Sums, pairs: Sequence[Pair]) -> NodeRow:
    missing = sums.seconds.get("gap", 0.0)
    return NodeRow(
        basis.node,
        _describe_state(basis),
        sums.covered,
        format_length(missing) if missing else "",
        f"{sums.gaps:,}" if basis.mode else "",
        "" if basis.lag is None else format_length(max(basis.lag, 0.0)),
        _describe_dumps(basis),
        describe_clock(basis),
        _describe_spool(basis),
        tuple(_list_remarks(basis, pairs)),
    )


def _describe_state(basis: Basis) -> str:
    if basis.imported_from:
        return text.IMPORTED.format(source=basis.imported_from)
    if basis.retired_at is not None:
        return text.RETIRED.format(at=_format(basis.retired_at))
    if basis.stopped_at is not None:
        return text.STOPPED.format(at=_format(basis.stopped_at))
    if basis.started_at is None:
        return text.UNKNOWN
    return text.RUNNING.format(mode=basis.mode, since=_format(basis.started_at))


def _describe_dumps(basis: Basis) -> str:
    if basis.mode is None:
        return ""
    if basis.dumped_at is None:
        return text.NOT_DUMPED
    return text.DUMPED.format(
        count=f"{basis.dumps:,}",
        at=_format(basis.dumped_at),
        entries=format_count(basis.entries, "connection"),
    )


def _describe_spool(basis: Basis) -> str:
    if basis.dropped is None:
        return ""
    if not basis.dropped:
        return text.SPOOL_GOOD
    return text.SPOOL_DROPPED.format(count=format_count(basis.dropped, "event"))


def _list_remarks(basis: Basis, pairs: Sequence[Pair]) -> Iterator[str]:
    if basis.mode == "nat":
        yield text.NAT_MODE
    elif basis.mode == "history":
        yield text.HISTORY_MODE
    if basis.excludes:
        yield text.EXCLUDES
    for pair in pairs:
        if pair.node == basis.node:
            form = text.PAIRED if pair.is_mutual else text.PAIR_NOT_MUTUAL
            yield (form if pair.is_known else text.PAIR_UNKNOWN).format(pair=pair.pair)


def _view_cause(cause: GapCause) -> tuple[str, ...]:
    lost = text.UNKNOWN if cause.lost is None else f"{cause.lost:,}"
    if cause.lost is not None and cause.uncounted:
        lost = text.AT_LEAST.format(count=lost, uncounted=f"{cause.uncounted:,}")
    return (
        cause.node,
        _describe_cause(cause),
        f"{cause.gaps:,}",
        f"{cause.open:,}" if cause.open else "",
        lost,
        format_length(cause.seconds),
        format_length(cause.longest),
        _format(cause.first_from),
        text.OPEN if cause.last_until is None else _format(cause.last_until),
    )


def _describe_cause(cause: GapCause) -> str:
    meaning = CAUSES.get(cause.cause)
    return cause.cause + _of_protocol(cause.proto) + (f": {meaning}" if meaning else "")


def _view_gap(gap: Gap, end: datetime) -> tuple[str, ...]:
    length = (gap.gap_until or end) - gap.gap_from
    hides = (text.BOTH if gap.hides_ends else text.OPENINGS) if gap.hides_openings else text.ENDS
    return (
        gap.node,
        format_time(gap.gap_from, trim=True),
        text.OPEN if gap.gap_until is None else format_time(gap.gap_until, trim=True),
        format_length(max(length, timedelta(0)).total_seconds()),
        gap.cause,
        text.UNKNOWN if gap.lost is None else f"{gap.lost:,}",
        hides + _of_protocol(gap.proto),
    )


def _of_protocol(proto: int | None) -> str:
    return "" if proto is None else text.OF_PROTOCOL.format(protocol=name_protocol(proto))


def _note_gaps(recorded: Recorded) -> str:
    if not recorded.gaps:
        return text.NO_GAPS
    shown, count = len(recorded.gaps), recorded.gap_count
    return text.CUT.format(shown=f"{shown:,}", count=f"{count:,}") if shown < count else ""


def _format(time: datetime) -> str:
    """To the second."""
    return format_time(time.replace(microsecond=0), trim=True)


def plain_record(recorded: Recorded) -> dict[str, Any]:
    """What ``/record.json`` promises: the columns of the store's functions by their names."""
    question = recorded.question
    return {
        "from": plain_value(question.begin),
        "until": plain_value(question.end),
        "node": question.node,
        "gaps_count": recorded.gap_count,
        "nodes": [_plain(basis) for basis in recorded.bases],
        "pairs": [_plain(pair) for pair in recorded.pairs],
        "spans": [_plain(span) for span in recorded.spans],
        "causes": [_plain(cause) for cause in recorded.causes],
        "latest_gaps": [_plain(gap) for gap in recorded.gaps],
    }


def _plain(row: Any) -> dict[str, Any]:
    record = {name: plain_value(value) for name, value in asdict(row).items()}
    return record | ({"stream": str(row.stream)} if "stream" in record else {})
