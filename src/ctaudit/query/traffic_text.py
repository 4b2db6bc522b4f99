"""traffic as a table with bars, JSON lines or CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from ctaudit.conntrack.event import name_protocol
from ctaudit.query.bars import Style
from ctaudit.query.traffic import Share, TrafficQuestion
from ctaudit.query.value_text import (
    format_count,
    format_csv_line,
    format_offset,
    plain_value,
)

OTHERS = "others"
NOT_STORED = "not stored"
_BAR_LEAST, _BAR_MOST = 10, 60
_COLUMNS = tuple(item.name for item in fields(Share))[2:]
_get_columns = attrgetter(*_COLUMNS)
PLAIN_KEYS = ("from", "until", "by", "party", *_COLUMNS)


def plain_share(question: TrafficQuestion, share: Share) -> dict[str, Any]:
    """PLAIN_KEYS: the span and the party, then the columns by their names in the store."""
    party = format_party_of(question, share)
    first = (share.bucket_from, share.bucket_until, question.by, party)
    values = (*first, *_get_columns(share))
    return dict(zip(PLAIN_KEYS, map(plain_value, values), strict=True))


def format_party_of(question: TrafficQuestion, share: Share) -> str | None:
    """``192.168.1.129``, ``tcp/443``, others, not stored (a remote end); None: all together."""
    if question.by == "total":
        return None
    if share.rank is None:
        return OTHERS
    if question.by == "service":
        name = name_protocol(share.proto or 0)
        return name if share.port is None else f"{name}/{share.port}"
    if question.by == "remote" and share.address is not None and share.address.is_unspecified:
        return NOT_STORED
    return str(share.address)


def format_json(question: TrafficQuestion, shares: Iterable[Share]) -> Iterator[str]:
    """One object a line, by time and rank."""
    for share in shares:
        yield json.dumps(plain_share(question, share))


def format_csv(question: TrafficQuestion, shares: Sequence[Share]) -> Iterator[str]:
    """RFC 4180 with a header line; NULL is an empty field."""
    yield format_csv_line(PLAIN_KEYS)
    for share in shares:
        yield format_csv_line(plain_share(question, share).values())


def format_shares(
    question: TrafficQuestion,
    shares: Sequence[Share],
    form: str,
    width: int | None,
    style: Style,
) -> Iterator[str]:
    """``form``: table, json or csv; ``width``: of the terminal, None where there is none."""
    if form == "table":
        return format_table(question, shares, width, style)
    return (format_json if form == "json" else format_csv)(question, shares)


def format_table(
    question: TrafficQuestion,
    shares: Sequence[Share],
    width: int | None,
    style: Style,
    now: datetime | None = None,
) -> Iterator[str]:
    """Party by party, a line a bucket; with ``width`` also bars, and what their glyphs mean."""
    if not shares:
        yield "No traffic."
        return
    rows = list(_fill(question, shares, now or datetime.now(UTC)))
    table = _Table(question, rows, grouped=width is not None)
    lines = list(table.lines())
    room = _BAR_MOST if width is None else min(_BAR_MOST, width - len(lines[0]) - 2)
    if width is None or room < _BAR_LEAST:
        yield from (line.rstrip() for line in lines)
    else:
        greatest = max(share.bytes or 0 for share in rows)
        yield lines[0].rstrip()
        for line, share in zip(lines[1:], rows, strict=True):
            bar = style.draw(share.bytes or 0, share.interpolated_bytes, greatest, room)
            yield f"{line}  {bar}".rstrip()
    if width is not None:
        yield from _explain(rows, style, has_bars=room >= _BAR_LEAST)


def _fill(question: TrafficQuestion, shares: Sequence[Share], now: datetime) -> Iterator[Share]:
    """By rank and time; of all together also the buckets in which nothing was."""
    if question.by != "total":
        yield from sorted(shares, key=lambda share: share.rank or len(shares) + 1)
        return
    found = {share.bucket_from: share for share in shares}
    end = min(question.end or now, now)
    begin = question.begin
    empty = replace(
        shares[0], connections=0, began=0, uncounted=0, packets=0, bytes=0,
        interpolated_packets=0, interpolated_bytes=0, packets_error=0, bytes_error=0,
    )  # fmt: skip
    while begin < end:
        until = min(begin + question.bucket, end)
        yield found.get(begin) or replace(empty, bucket_from=begin, bucket_until=until)
        begin += question.bucket


class _Table:
    """The columns that the rows need, each as wide as its widest cell."""

    def __init__(self, question: TrafficQuestion, rows: Sequence[Share], *, grouped: bool) -> None:
        self._rows = rows
        self._grouped = grouped
        offset = format_offset(rows[0].bucket_from.astimezone())
        self._columns: list[tuple[str, Callable[[Share], str], bool]] = [
            (f"FROM {offset}", lambda share: _format_local(share.bucket_from, offset), False)
        ]
        if question.by != "total":
            self._add(question.by.upper(), lambda share: format_party_of(question, share) or "")
            self._add_if_several("NODE", lambda share: share.node or "")
            self._add_if_several("ZONE", lambda share: str(share.zone or 0))
        self._add_number("BYTES", lambda share: share.bytes)
        if any(share.bytes_error for share in rows):
            self._add_number("+-", lambda share: share.bytes_error, bound=True)
        self._add_number("PACKETS", lambda share: share.packets)
        self._add_number("CONNECTIONS", lambda share: share.connections, bound=True)
        self._add_number("BEGAN", lambda share: share.began, bound=True)

    def _add(self, title: str, cell: Callable[[Share], str]) -> None:
        self._columns.append((title, cell, False))

    def _add_if_several(self, title: str, cell: Callable[[Share], str]) -> None:
        if len({cell(share) for share in self._rows if share.rank is not None}) > 1:
            self._add(title, cell)

    def _add_number(
        self, title: str, count: Callable[[Share], int | None], *, bound: bool = False
    ) -> None:
        def cell(share: Share) -> str:
            number = count(share)
            if number is None:
                return "-"
            text = f"{number:,}" if self._grouped else str(number)
            return f">={text}" if share.uncounted and not bound else text

        self._columns.append((title, cell, True))

    def lines(self) -> Iterator[str]:
        """The heading, then a line for each row, equally long."""
        cells = [[title for title, _, _ in self._columns]]
        cells += [[cell(share) for _, cell, _ in self._columns] for share in self._rows]
        sizes = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            yield "  ".join(
                text.rjust(size) if is_right else text.ljust(size)
                for text, size, (_, _, is_right) in zip(line, sizes, self._columns, strict=True)
            )


def _format_local(time: datetime, offset: str) -> str:
    """Local time to the second; with its offset where that is not the heading's ``offset``."""
    return time.astimezone().isoformat(" ", "seconds").removesuffix(offset)


def _explain(rows: Sequence[Share], style: Style, *, has_bars: bool) -> Iterator[str]:
    octets = sum(share.bytes or 0 for share in rows)
    packets = sum(share.packets or 0 for share in rows)
    yield f"In all {format_count(octets, 'byte')} in {format_count(packets, 'packet')}."
    if any(share.uncounted for share in rows):
        yield "- and >=: of some connections it is not known, or not all, what they carried."
    if has_bars and any(share.interpolated_bytes for share in rows):
        yield (
            f"{style.light} and +-: interpolated, between two times at which the counters are "
            "known; off by +- at most."
        )
