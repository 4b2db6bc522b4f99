"""The page Traffic as values: the picture of an answer, and its numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ctaudit.picture.columns import Column, Columns, Row
from ctaudit.picture.scale import format_bytes, format_number
from ctaudit.query.traffic import Share, TrafficQuestion, find_end
from ctaudit.query.traffic_text import format_party_of
from ctaudit.query.uncovered import Uncovered
from ctaudit.query.value_text import format_count, format_time, localise_times
from ctaudit.web import traffic_text as text

_HIGH, _LOW = 110, 34  # pixels of a row
_PARTS_MAX = 20
_Key = tuple[bool, int, str | None, int | None]


@dataclass(frozen=True)
class TrafficView:
    """``picture`` None: there is nothing to draw. ``parties`` and ``numbers``: rows of cells."""

    headline: str
    picture: Columns | None
    notes: tuple[str, ...]
    parties: tuple[tuple[str, ...], ...]
    numbers: tuple[tuple[str, ...], ...]
    numbers_note: str
    uncovered: tuple[str, ...]


def view_traffic(
    question: TrafficQuestion,
    shares: Sequence[Share],
    uncovered: Sequence[Uncovered] | None,
    now: datetime | None = None,
) -> TrafficView:
    """``uncovered`` None: it is not known which parts are."""
    end = find_end(question, now)
    parties = _group(question, shares)
    return TrafficView(
        _format_headline(shares),
        make_columns(question, parties, uncovered or (), end) if shares else None,
        tuple(_list_notes(question, shares, uncovered)),
        tuple(_sum_party(name, mine) for name, mine in parties.items() if question.by != "total"),
        tuple(_list_numbers(question, shares[: text.NUMBERS_MAX])),
        text.NUMBERS_MORE.format(count=text.NUMBERS_MAX, all=len(shares))
        if len(shares) > text.NUMBERS_MAX
        else "",
        tuple(list_uncovered(uncovered or ())),
    )


def _group(question: TrafficQuestion, shares: Sequence[Share]) -> Mapping[str, Sequence[Share]]:
    """By party, in the order of their ranks; of one address at two gateways both."""
    found: dict[_Key, list[Share]] = defaultdict(list)
    for share in shares:
        found[(share.rank is None, share.rank or 0, share.node, share.zone)].append(share)
    parties: dict[str, Sequence[Share]] = {}
    names = [format_party_of(question, mine[0]) for mine in found.values()]
    for key in sorted(found, key=lambda each: each[:2]):
        mine = found[key]
        name = format_party_of(question, mine[0]) or text.BYTES
        if key[0]:
            name = text.OTHERS
        elif names.count(name) > 1:
            name = f"{name} {mine[0].node or ''} zone {mine[0].zone or 0}"
        parties[name] = mine
    return parties


def make_columns(
    question: TrafficQuestion,
    parties: Mapping[str, Sequence[Share]],
    uncovered: Sequence[Uncovered],
    end: datetime,
) -> Columns:
    """Of all together a row of bytes and one of connections; else one of bytes for each party."""
    if question.by == "total":
        [shares] = parties.values()
        rows: Iterator[Row] = _draw_total(shares)
    else:
        most = max((share.bytes or 0 for mine in parties.values() for share in mine), default=0)
        rows = (_draw_party(name, mine, most) for name, mine in parties.items())
    spans = [
        (max(part.uncovered_from or question.begin, question.begin),
         min(part.uncovered_until or end, end))
        for part in uncovered
    ]  # fmt: skip
    title = text.PICTURE_TITLE.format(
        what=text.PICTURE[question.by], begin=_format(question.begin), end=_format(end)
    )
    shown = tuple(rows)
    described = "; ".join(f"{row.name}: {row.note}" for row in shown)
    return Columns(
        question.begin, end, shown, tuple(_merge(spans)),
        _HIGH if question.by == "total" else _LOW, title, described, text.KEYS,
    )  # fmt: skip


def _draw_total(shares: Sequence[Share]) -> Iterator[Row]:
    columns = tuple(map(_draw_bytes, shares))
    most = max((column.amount or 0 for column in columns), default=0)
    yield Row(text.BYTES, _format_bytes_of(shares), columns, most, format_bytes)
    counts = tuple(
        Column(share.bucket_from, share.bucket_until, share.connections) for share in shares
    )
    yield Row(
        text.CONNECTIONS, f"{count_connections(shares):,}", counts,
        max((share.connections for share in shares), default=0), format_number,
    )  # fmt: skip


def _draw_party(name: str, shares: Sequence[Share], most: int) -> Row:
    return Row(name, _format_bytes_of(shares), tuple(map(_draw_bytes, shares)), most, format_bytes)


def _draw_bytes(share: Share) -> Column:
    """Where of no connection it is known what it carried there is a blank instead of a column."""
    return Column(
        share.bucket_from,
        share.bucket_until,
        find_known(share, share.bytes),
        share.interpolated_bytes,
        share.uncounted > 0,
    )


def find_known(share: Share, amount: int | None) -> int | None:
    """A share's bytes or packets; None: of none of its connections anything is known."""
    return amount if amount or share.uncounted < share.connections else None


def _merge(
    spans: Sequence[tuple[datetime, datetime]],
) -> Iterator[tuple[datetime, datetime]]:
    """In order of time, without overlap."""
    current: tuple[datetime, datetime] | None = None
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if current and begin <= current[1]:
            current = (current[0], max(current[1], end))
            continue
        if current:
            yield current
        current = (begin, end)
    if current:
        yield current


def count_connections(shares: Sequence[Share]) -> int:
    """Of one party: those of its first bucket, and what began later."""
    in_order = sorted(shares, key=lambda share: share.bucket_from)
    return sum(share.began if place else share.connections for place, share in enumerate(in_order))


def _format_bytes_of(shares: Sequence[Share]) -> str:
    octets = _list_known(shares)
    if not octets:
        return "?"
    least = "\u2265 " if any(share.uncounted for share in shares) else ""
    return f"{least}{format_bytes(sum(octets))}"


def _list_known(shares: Sequence[Share]) -> Sequence[int]:
    """Bytes of the shares of which something is known."""
    known = (find_known(share, share.bytes) for share in shares)
    return [octets for octets in known if octets is not None]


def _format_headline(shares: Sequence[Share]) -> str:
    if not shares:
        return text.NOTHING
    parties: dict[object, list[Share]] = defaultdict(list)
    for share in shares:
        parties[(share.rank, share.node, share.zone)].append(share)
    count = sum(map(count_connections, parties.values()))
    connections = format_count(count, "connection")
    octets = _list_known(shares)
    if not octets:
        return text.IN_ALL_UNKNOWN.format(connections=connections)
    form = text.IN_ALL_LEAST if any(share.uncounted for share in shares) else text.IN_ALL
    return form.format(bytes=format_count(sum(octets), "byte"), connections=connections)


def _list_notes(
    question: TrafficQuestion, shares: Sequence[Share], uncovered: Sequence[Uncovered] | None
) -> Iterator[str]:
    if question.by != "total" and shares:
        if any(share.rank is None for share in shares):
            yield text.TOP.format(count=question.top)
        most = max((share.bytes or 0 for share in shares), default=0)
        if most:
            yield text.FULL_HEIGHT.format(amount=format_bytes(most))
    columns = list(map(_draw_bytes, shares))
    if any(column.interpolated for column in columns):
        yield text.INTERPOLATED
    if any(column.amount is None for column in columns):
        yield text.BLANK
    if any(column.is_least and column.amount is not None for column in columns):
        yield text.LEAST
    if uncovered:
        yield text.UNCOVERED
    elif uncovered is not None:
        yield text.COMPLETE


def _sum_party(name: str, shares: Sequence[Share]) -> tuple[str, ...]:
    known = (find_known(share, share.packets) for share in shares)
    packets = [count for count in known if count is not None]
    octets = _list_known(shares)
    return (
        name,
        f"{sum(octets):,}" if octets else "?",
        f"{sum(packets):,}" if packets else "?",
        f"{count_connections(shares):,}",
        f"{max(share.uncounted for share in shares):,}",
    )


def _list_numbers(question: TrafficQuestion, shares: Sequence[Share]) -> Iterator[tuple[str, ...]]:
    for share in shares:
        party = format_party_of(question, share) or ""
        yield (
            _format(share.bucket_from),
            text.OTHERS if share.rank is None and question.by != "total" else party,
            _format_count(find_known(share, share.bytes)),
            f"{share.bytes_error:,}" if share.bytes_error else "",
            _format_count(find_known(share, share.packets)),
            f"{share.connections:,}",
            f"{share.began:,}",
            f"{share.uncounted:,}" if share.uncounted else "",
        )


def _format_count(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def list_uncovered(uncovered: Sequence[Uncovered]) -> Iterator[str]:
    """A sentence a part, at most _PARTS_MAX."""
    for part in uncovered[:_PARTS_MAX]:
        begin = "?" if part.uncovered_from is None else _format(part.uncovered_from)
        end = "?" if part.uncovered_until is None else _format(part.uncovered_until)
        yield f"{begin} until {end}: {localise_times(part.why)}"
    if len(uncovered) > _PARTS_MAX:
        yield text.UNCOVERED_MORE.format(count=f"{len(uncovered) - _PARTS_MAX:,}")


def _format(time: datetime) -> str:
    """To the second."""
    return format_time(time.replace(microsecond=0), trim=True)
