"""Where ulogd2's rows are read: its table in PostgreSQL, or a CSV file of its MySQL table.

Both give batches in a fixed order from a position on, and hold one batch in memory.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO

import psycopg
from psycopg import sql

from ctaudit.admin.byte_order import ByteOrder, decode_number, find_byte_order
from ctaudit.admin.ulogd_row import ADDRESSES, NAMES, NEEDED, RawRow
from ctaudit.database.connection import connect, explained
from ctaudit.errors import UsageError

BATCH = 2000
_SAMPLE = 20_000  # rows that the byte order is found by
_FINGERPRINT = 1 << 16
_NULLS = {"", "NULL", "\\N"}
_TABLE = "ulog2_ct"


@dataclass(frozen=True)
class RawBatch:
    """Rows up to position ``until``; ``unreadable``: (number, reason) of those that are no row.

    ``share``: of the source, how much has been read.
    """

    until: int
    share: float
    rows: Sequence[RawRow]
    unreadable: Sequence[tuple[int, str]] = ()


class Source(Protocol):
    """``name`` tells one source from another."""

    name: str

    def read_batches(self, position: int) -> Iterator[RawBatch]: ...

    def read_again(self, numbers: Sequence[int]) -> list[RawRow]:
        """Of these rows, those that can have changed and have ended."""

    def count_passed(self, position: int) -> int:
        """How many rows stand before a position now."""


class TableSource:
    """ulog2_ct in PostgreSQL, in the order of its key, ``_ct_id``."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._columns = _choose_columns(_read_column_names(connection), f"the table {_TABLE}")
        if "number" not in self._columns:
            raise UsageError(f"the table {_TABLE} has no column _ct_id; it is not ulogd2's")
        self._key = sql.Identifier(self._columns["number"])
        self._select = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(self._select_column, RawRow._fields)), sql.Identifier(_TABLE)
        )
        database, schema, server = self._ask(
            "SELECT current_database(), n.nspname, s.system_identifier::text "
            "FROM pg_catalog.pg_class AS c "
            "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace, "
            "pg_catalog.pg_control_system() AS s WHERE c.oid = %s::regclass", (_TABLE,),
        )[0]  # fmt: skip
        self.name = f"table {schema}.{_TABLE} of database {database}, server {server}"
        self._last: int = self._ask(
            sql.SQL("SELECT coalesce(max({}), 0) FROM {}").format(self._key, sql.Identifier(_TABLE))
        )[0][0]

    def _select_column(self, name: str) -> sql.Composable:
        column = self._columns.get(name)
        if column is None:
            return sql.SQL("NULL")
        if name in ADDRESSES:
            return sql.SQL("host({}::inet)").format(sql.Identifier(column))
        return sql.SQL("{}::bigint").format(sql.Identifier(column))

    def _ask(self, query: str | sql.Composable, values: Sequence[Any] = ()) -> list[Any]:
        with explained(f"reading {_TABLE}"), self._connection.transaction():
            return self._connection.execute(query, values).fetchall()  # type: ignore[arg-type]

    def read_batches(self, position: int) -> Iterator[RawBatch]:
        page = sql.SQL("{} WHERE {} > %s ORDER BY {} LIMIT {}").format(
            self._select, self._key, self._key, sql.Literal(BATCH)
        )
        while rows := [RawRow(*row) for row in self._ask(page, (position,))]:
            position = rows[-1].number
            yield RawBatch(position, min(1.0, position / max(self._last, 1)), rows)

    def read_again(self, numbers: Sequence[int]) -> list[RawRow]:
        again = sql.SQL("{} WHERE {} = ANY (%s)").format(self._select, self._key)
        rows = [RawRow(*row) for row in self._ask(again, (list(numbers),))]
        return [row for row in rows if row.end_sec]

    def count_passed(self, position: int) -> int:
        count = sql.SQL("SELECT count(*) FROM {} WHERE {} <= %s").format(
            sql.Identifier(_TABLE), self._key
        )
        found: int = self._ask(count, (position,))[0][0]
        return found


def _read_column_names(connection: psycopg.Connection[Any]) -> list[str]:
    with explained(f"reading {_TABLE}"), connection.transaction():
        rows = connection.execute(
            "SELECT a.attname FROM pg_catalog.pg_attribute AS a "
            "JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid "
            "WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'p') "
            "AND a.attnum > 0 AND NOT a.attisdropped", (_TABLE,),
        ).fetchall()  # fmt: skip
    if not rows:
        raise UsageError(
            f"the database {connection.info.dbname} has no table {_TABLE} on its search path"
        )
    return [row[0] for row in rows]


@contextmanager
def open_table(dsn: str) -> Iterator[TableSource]:
    """Changes nothing there. Raises DatabaseError, UsageError."""
    with connect(dsn) as connection:
        connection.read_only = True
        yield TableSource(connection)


class CsvSource:
    """A CSV file with a header; the number of a row is its place in the file, from 1 on."""

    def __init__(self, path: Path, order: str | None) -> None:
        self._path = path
        try:
            self._size = path.stat().st_size
            with self._open() as file:
                self._delimiter, self._columns = _read_header(file, path)
            with path.open("rb") as raw:
                fingerprint = hashlib.sha256(raw.read(_FINGERPRINT)).hexdigest()[:16]
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
        self.name = f"file of {self._size} bytes, sha256 of its beginning {fingerprint}"
        self.order = self._find_order(order)

    def _open(self) -> TextIO:
        return self._path.open(newline="", encoding="utf-8", errors="replace")

    def _find_order(self, order: str | None) -> ByteOrder | None:
        """None: no address is a number."""
        with self._open() as file:
            numbers = [
                int(values[place])
                for values in islice(self._read_values(file), _SAMPLE)
                for place in (self._columns["orig_src"], self._columns["reply_src"])
                if place < len(values) and values[place].isdecimal()
            ]
        if not numbers:
            return None
        return ByteOrder(order, "as --byte-order says") if order else find_byte_order(numbers)

    def _read_values(self, file: TextIO) -> Iterator[list[str]]:
        rows = csv.reader(file, delimiter=self._delimiter)
        try:
            next(rows, None)
            first = rows.line_num + 1
            for values in rows:
                # None of ulogd2's columns has lines: the others would be lost as one row.
                if rows.line_num > first:
                    raise csv.Error(f"a value reaches to line {rows.line_num}")
                first = rows.line_num + 1
                if values:
                    yield values
        except csv.Error as error:
            raise UsageError(
                f"{self._path}: line {first} is no CSV: {error}; is there a quote that nothing "
                "ends?"
            ) from None

    def read_batches(self, position: int) -> Iterator[RawBatch]:
        with self._open() as file:
            values = self._read_values(file)
            for _ in islice(values, position):
                pass
            while chunk := list(islice(values, BATCH)):
                rows, unreadable = [], []
                for number, row in enumerate(chunk, position + 1):
                    try:
                        rows.append(self._read_row(number, row))
                    except (ValueError, IndexError):
                        unreadable.append((number, "not numbers and addresses"))
                position += len(chunk)
                share = min(1.0, file.buffer.tell() / max(self._size, 1))
                yield RawBatch(position, share, rows, unreadable)

    def _read_row(self, number: int, values: list[str]) -> RawRow:
        found: dict[str, Any] = dict.fromkeys(RawRow._fields)
        for name, place in self._columns.items():
            text = values[place].strip()
            if text in _NULLS:
                continue
            found[name] = self._read_address(text) if name in ADDRESSES else int(text)
        found["number"] = number
        return RawRow(**found)

    def _read_address(self, text: str) -> str:
        if text.isdecimal():
            if self.order is None:
                raise ValueError(text)
            return str(decode_number(int(text), self.order.name))
        digits = text.removeprefix("0x")
        if len(digits) == 32 and ":" not in text:  # HEX() of MySQL's binary(16)
            return ":".join(digits[place : place + 4] for place in range(0, 32, 4))
        return text

    def read_again(self, numbers: Sequence[int]) -> list[RawRow]:  # noqa: ARG002
        return []

    def count_passed(self, position: int) -> int:
        return position


def _read_header(file: TextIO, path: Path) -> tuple[str, dict[str, int]]:
    """The delimiter, and where each of our columns stands."""
    line = file.readline().lstrip("\ufeff")
    for delimiter in (",", "\t", ";"):
        names = next(csv.reader([line], delimiter=delimiter), [])
        places = {name.strip().lower(): place for place, name in enumerate(names)}
        if len(places) > 1:
            chosen = _choose_columns(list(places), f"{path}: the header")
            return delimiter, {ours: places[theirs] for ours, theirs in chosen.items()}
    raise UsageError(
        f"{path}: its first line {line.strip()[:60]!r} is no header; it must name "
        "ulogd2's columns, such as orig_ip_saddr,orig_ip_daddr,orig_ip_protocol,..."
    )


def _choose_columns(there: Sequence[str], where: str) -> Mapping[str, str]:
    """Our name -> the column's; raises UsageError where one is missing that is needed."""
    chosen = {
        ours: theirs for ours, names in NAMES.items() for theirs in names[::-1] if theirs in there
    }
    for ours in NEEDED:
        if ours not in chosen:
            raise UsageError(f"{where} has no column {NAMES[ours][0]}; it is not ulogd2's")
    return chosen
