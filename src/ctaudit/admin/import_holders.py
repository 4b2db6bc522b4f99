"""Who had which address, from files into the store: run again, it adds what is new."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from ctaudit.admin.as_owner import refusing
from ctaudit.admin.holder_csv import read_csv
from ctaudit.admin.holder_leases import read_dnsmasq, read_kea
from ctaudit.admin.holder_statement import Statement, Unreadable, join_leases
from ctaudit.database.connection import check_schema_version, connect, explained
from ctaudit.database.limits import unlimited
from ctaudit.errors import UsageError

FORMATS = ("csv", "dnsmasq", "kea")
_SETTLED, _PAUSE, _TRIES = 2.0, 0.2, 25  # seconds, seconds, times
_SET = """
SELECT place, outcome, counted FROM ctaudit.set_holders(
    %s::text, %s::timestamptz, %s::boolean, %s::inet[], %s::text[], %s::text[],
    %s::timestamptz[], %s::timestamptz[], %s::boolean[], %s::text[], %s::integer[]
)
"""
_REFUSALS = ("22023", "P0002")


@dataclass(frozen=True)
class Files:
    """What is read: ``node``, ``zone``: of the lines that do not say so themselves."""

    paths: Sequence[Path]
    form: str
    source: str
    node: str | None = None
    zone: int | None = None


@dataclass(frozen=True)
class Said:
    """``is_whole``: these are all holders of the source at ``as_of``."""

    as_of: datetime
    is_whole: bool
    statements: Sequence[tuple[Path, Statement]]
    unreadable: Sequence[tuple[Path, Unreadable]]


@dataclass(frozen=True)
class Imported:
    """``counts``: by the outcome of ctaudit.set_holders; ``refused``: by place in the file."""

    source: str
    read: int
    counts: Counter[str]
    refused: Sequence[tuple[Path, Unreadable]]


def import_holders(dsn: str, files: Files) -> Imported:
    """Raises UsageError, DatabaseError, PrivilegeError; in one transaction."""
    said = read_files(files)
    statements = [one for _, one in said.statements]
    values: list[Any] = [files.source, said.as_of, said.is_whole]
    values += [[str(one.network) for one in statements], [one.holder for one in statements]]
    values += [[one.detail for one in statements], [one.begin for one in statements]]
    values += [[one.until for one in statements], [one.is_end for one in statements]]
    values += [[one.node for one in statements], [one.zone for one in statements]]
    with connect(dsn, "registrar") as store:
        with explained("importing", _say_remedy), unlimited(store):
            check_schema_version(store)
        with explained("importing", _say_remedy), refusing(_REFUSALS), unlimited(store):
            rows = store.execute(_SET, values).fetchall()
    counts: Counter[str] = Counter()
    refused = list(said.unreadable)
    for place, outcome, counted in rows:
        if outcome.startswith("refused: "):
            path, one = said.statements[place - 1]
            refused.append((path, Unreadable(one.line, outcome.removeprefix("refused: "))))
        else:
            counts[outcome] += counted
    return Imported(files.source, len(statements), counts, refused)


def _say_remedy() -> str:
    return "the login must be a member of ctaudit_registrar"


def read_files(files: Files) -> Said:
    """All of the files, in their order. Raises UsageError."""
    if len(files.paths) > 1 and files.form != "kea":
        raise UsageError(f"--format {files.form}: takes one file")
    statements: list[tuple[Path, Statement]] = []
    unreadable: list[tuple[Path, Unreadable]] = []
    as_of = datetime.fromtimestamp(0, UTC)
    for path in files.paths:
        content, written = read_settled(path)
        as_of = max(as_of, written)
        for one in _read(files.form, path, content, written):
            if isinstance(one, Unreadable):
                unreadable.append((path, one))
            else:
                node, zone = one.node or files.node, files.zone if one.zone is None else one.zone
                statements.append((path, replace(one, node=node, zone=zone)))
    if files.form == "kea":
        statements = _join(statements)
    # A line that cannot be read may be of a lease that holds.
    is_whole = files.form == "dnsmasq" and not unreadable
    return Said(as_of, is_whole, statements, unreadable)


def _join(statements: Sequence[tuple[Path, Statement]]) -> list[tuple[Path, Statement]]:
    paths = [path for path, _ in statements]
    # Joined over all files; a statement's place leads back to its own.
    placed = (replace(one, line=place) for place, (_, one) in enumerate(statements))
    return [
        (paths[one.line], replace(one, line=statements[one.line][1].line))
        for one in join_leases(placed)
    ]


def _read(form: str, path: Path, content: str, written: datetime) -> list[Statement | Unreadable]:
    lines = list(StringIO(content, newline=""))
    try:
        if form == "csv":
            return list(read_csv(lines))
        if form == "dnsmasq":
            return list(read_dnsmasq(lines, written))
        if lines and not lines[-1].endswith("\n"):
            # Kea writes it at this moment; the next import has it.
            del lines[-1]
        return list(read_kea(lines))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def read_settled(path: Path) -> tuple[str, datetime]:
    """The content, and when it was written. A file that is being written is waited for."""
    try:
        for _ in range(_TRIES):
            before = path.stat()
            content = path.read_bytes()
            if time.time() - before.st_mtime < _SETTLED:
                time.sleep(_PAUSE)
            after = path.stat()
            if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
                written = datetime.fromtimestamp(before.st_mtime, UTC)
                return content.decode("utf-8", "replace"), written
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    raise UsageError(f"{path}: is being written all the time; copy it, and import the copy")
