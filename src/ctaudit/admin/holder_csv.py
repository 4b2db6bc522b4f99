"""A site's own list of holders: CSV with a header, in any order of the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping

from ctaudit.admin.holder_statement import Statement, Unreadable
from ctaudit.errors import UsageError
from ctaudit.query.notation import parse_network, parse_zone
from ctaudit.query.time_notation import parse_instant

COLUMNS = ("address", "holder", "from", "until", "detail", "node", "zone")
_NEEDED = ("address", "holder", "from")


def read_csv(lines: Iterable[str]) -> Iterator[Statement | Unreadable]:
    """A time without a zone is local time. Raises UsageError where the header is none."""
    source = iter(lines)
    first = next(source, "").lstrip("\ufeff")
    delimiter = max(",;\t", key=first.count)
    names = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    _check_header(names, first)
    rows = csv.reader(source, delimiter=delimiter)
    try:
        for row in rows:
            if any(value.strip() for value in row):
                yield _read_row(rows.line_num + 1, names, row)
    except csv.Error as error:
        yield Unreadable(rows.line_num + 1, f"no CSV from here on: {error}")


def _check_header(names: list[str], line: str) -> None:
    missing = [name for name in _NEEDED if name not in names]
    strange = [name for name in names if name not in COLUMNS]
    if missing or strange or len(set(names)) < len(names):
        wrong = (
            f"has no column {missing[0]}" if missing
            else f"has a column {strange[0]!r}" if strange
            else "has a column twice"
        )  # fmt: skip
        raise UsageError(
            f"its first line {line.strip()[:60]!r} {wrong}; it must name address, holder and "
            "from, and may name until, detail, node and zone"
        )


def _read_row(number: int, names: list[str], row: list[str]) -> Statement | Unreadable:
    if len(row) != len(names):
        return Unreadable(number, f"{len(row)} values, but the header names {len(names)}")
    values = {name: value.strip() for name, value in zip(names, row, strict=True)}
    try:
        return _make_statement(number, values)
    except UsageError as error:
        return Unreadable(number, str(error))


def _make_statement(number: int, values: Mapping[str, str]) -> Statement:
    for name in _NEEDED:
        if not values[name]:
            raise UsageError(f"no {name}")
    if "\ufffd" in "".join(values.values()):
        raise UsageError("not UTF-8")
    network = parse_network(values["address"], "address")
    if network is None:
        raise UsageError("no address")
    until = values.get("until")
    return Statement(
        number,
        network,
        values["holder"],
        parse_instant(values["from"], "from"),
        parse_instant(until, "until") if until else None,
        values.get("detail") or None,
        node=values.get("node") or None,
        zone=parse_zone(values.get("zone") or None),
    )
