"""The command that imports ulogd2's history: opens the source, shows run and the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ctaudit import output
from ctaudit.admin.import_text import RunDisplay, format_imported
from ctaudit.admin.import_ulogd import import_ulogd
from ctaudit.admin.ulogd_source import CsvSource, Source, open_table
from ctaudit.database.dsn import check_dsn
from ctaudit.errors import IMPORT_PARTLY, IMPORT_WHOLE, UsageError


@dataclass(frozen=True)
class Into:
    """The store's connection string, the node that the rows are recorded as, and its retention."""

    dsn: str
    node: str
    retention_days: int


def import_table(into: Into, dsn: str, order: str | None) -> int:
    """From ulogd2's PostgreSQL database; returns the exit status."""
    if order is not None:
        raise UsageError("--byte-order: is for --csv; PostgreSQL's addresses have no other")
    with open_table(check_dsn(dsn, "--dsn", public=True)) as table:
        return _import(into, table, {})


def import_csv(into: Into, path: Path, order: str | None) -> int:
    """From a dump of ulogd2's MySQL table; returns the exit status."""
    file = CsvSource(path, order)
    if file.order is None:
        return _import(into, file, {})
    output.print_lines([f"Addresses that are numbers: {file.order.name}-endian, {file.order.why}."])
    output.flush()
    return _import(into, file, {"byte_order": file.order.name})


def _import(into: Into, source: Source, detail: Mapping[str, str]) -> int:
    line = RunDisplay()
    try:
        done = import_ulogd(into.dsn, into.node, source, into.retention_days, line.show, detail)
    finally:
        line.end()
    output.print_lines(format_imported(done))
    return IMPORT_WHOLE if done.is_whole else IMPORT_PARTLY
