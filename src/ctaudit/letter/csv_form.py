"""Tables with a header: commas, semicolons, tabs or bars; Shadowserver, AbuseIPDB, Zeek's logs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from ctaudit.letter.claim import Claim, Item, Place, Unread, cut
from ctaudit.letter.endpoints import find_endpoints
from ctaudit.letter.record import Columns, find_columns, read_record

_SEPARATORS = (",", ";", "\t", "|")
_ZEEK = "#fields\t"


def find_header(line: str) -> tuple[str, list[str], Columns] | None:
    """The separator, the names and what they are of, where the line is a table's header."""
    if line.startswith(_ZEEK):
        names = line.rstrip("\n").split("\t")[1:]
        columns = find_columns(names, "Zeek log")
        return ("\t", names, columns) if columns.is_record() else None
    for separator in _SEPARATORS:
        if separator not in line:
            continue
        try:
            names = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
        except (csv.Error, StopIteration):
            continue
        names = [name.strip().strip("#").strip() for name in names]
        columns = find_columns(names, "CSV")
        if columns.is_record() and not find_endpoints(line):
            return separator, names, columns
    return None


def read_table(
    lines: Sequence[str], first: int, header: tuple[str, list[str], Columns]
) -> Iterator[tuple[Item | None, int]]:
    """Each row of the table whose header is ``lines[first]``, with the line after it.

    The table ends at an empty line, or at one without its separator. None: a row without a
    question.
    """
    separator, names, columns = header
    end = _find_end(lines, first + 1, separator)
    rows = csv.reader(lines[first + 1 : end], delimiter=separator, skipinitialspace=True)
    begin = first + 1
    while True:
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            yield Unread(Place(begin + 1), cut(lines[begin]), f"not a row of a table: {error}"), end
            return
        after = first + 1 + rows.line_num
        if row and not row[0].startswith("#"):
            yield _read_row(columns, names, row, Place(begin + 1), lines[begin]), after
        begin = after
    yield None, end


def _find_end(lines: Sequence[str], first: int, separator: str) -> int:
    for number in range(first, len(lines)):
        line = lines[number]
        if not line.strip() or (separator not in line and not re.match(r"#|.*\"", line)):
            return number
    return len(lines)


def _read_row(
    columns: Columns, names: Sequence[str], row: Sequence[str], place: Place, line: str
) -> Claim | Unread:
    values = {name: "" if cell in ("-", "(empty)") else cell for name, cell in zip(names, row)}  # noqa: B905
    claim = read_record(columns, values, place, line)
    if claim is not None:
        return claim
    return Unread(place, cut(line), "the row has no address")
