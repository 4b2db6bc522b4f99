"""A CSV of questions for who --batch, and the CSV of their answers.

The answers have a line for each line of the questions, in their order: its own cells, and what was
answered. A line that cannot be read has a sentence in the column ``error``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ctaudit.conntrack.event import name_protocol
from ctaudit.errors import UsageError
from ctaudit.query.question import WhoQuestion, read_who
from ctaudit.query.reply import Reply
from ctaudit.query.time_notation import find_zone
from ctaudit.query.value_text import format_csv_line, format_time

# As the options of who: of an address without a port column, or with one.
COLUMNS = ("public", "address", "port", "at", "to", "proto", "node", "within", "zone")
ANSWERED = (
    "verdict", "connections", "hosts", "gateway", "host", "host_port", "remote", "remote_port",
    "protocol", "started_at", "ended_at", "holder", "reasons", "error",
)  # fmt: skip
# Of the connection: told only where it is the one that was asked for.
_OF_ONE = ANSWERED[3:12]


@dataclass(frozen=True)
class Line:
    """``cells`` as they stand in the file; ``question`` None: ``error`` says why it is not read.

    ``has_zone``: its time names one.
    """

    cells: tuple[str, ...]
    question: WhoQuestion | None
    error: str = ""
    has_zone: bool = True


@dataclass(frozen=True)
class BatchFile:
    """``lines`` are read while they are taken."""

    header: tuple[str, ...]
    lines: Iterator[Line]


def read_batch(text: Iterable[str], name: str) -> BatchFile:
    """Raises UsageError where the header is none of a batch."""
    reader = csv.reader(text, strict=True)
    header = _read_header(reader, name)
    return BatchFile(header, _read_lines(reader, header))


def _read_header(reader: Iterator[list[str]], name: str) -> tuple[str, ...]:
    try:
        header = tuple(cell.strip().lower() for cell in next(reader, ()))
    except csv.Error as error:
        raise UsageError(f"{name}: is not CSV: {error}") from None
    known = set(header)
    if not (known & {"public", "address"}) or "at" not in known:
        raise UsageError(
            f"{name}: the first line must name the columns, of which public (or address and port) "
            f"and at are needed: it is {','.join(header)!r}"
        )
    if {"public", "address"} <= known:
        raise UsageError(f"{name}: has both columns public and address; leave one out")
    doubled = [cell for cell in header if header.count(cell) > 1]
    taken = [cell for cell in header if cell in ANSWERED]
    if doubled or taken:
        why = "is there twice" if doubled else "is a column of the answers"
        raise UsageError(f"{name}: column {(doubled + taken)[0]!r} {why}; give it another name")
    return header


def _read_lines(reader: Iterator[list[str]], header: tuple[str, ...]) -> Iterator[Line]:
    while True:
        try:
            cells = tuple(next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(("",) * len(header), None, f"is not CSV: {error}")
            continue
        if any(cells):
            yield _read_line(cells, header)


def _read_line(cells: tuple[str, ...], header: tuple[str, ...]) -> Line:
    if len(cells) != len(header):
        shown = (*cells, *[""] * len(header))[: len(header)]
        return Line(shown, None, f"has {len(cells)} cells, and the header has {len(header)}")
    said = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if name in COLUMNS}
    try:
        return Line(cells, _read_question(said), has_zone=find_zone(said["at"]) != "")
    except UsageError as error:
        return Line(cells, None, str(error))


def _read_question(said: dict[str, str]) -> WhoQuestion:
    for name, text in said.items():
        if any("\udc80" <= char <= "\udcff" for char in text):
            raise UsageError(f"column {name}: is not UTF-8")
    for name in ("public", "address", "at"):
        if said.get(name) == "":
            raise UsageError(f"column {name}: is empty")
    public = said.get("public") or said["address"]
    if port := said.get("port"):
        public = f"[{public}]:{port}" if ":" in public else f"{public}:{port}"
    return read_who(
        public,
        said["at"],
        to=said.get("to") or None,
        proto=said.get("proto") or None,
        node=said.get("node") or None,
        within=said.get("within") or "0",
        zone=said.get("zone") or None,
    )


def format_header(header: Sequence[str]) -> str:
    return format_csv_line([*header, *ANSWERED])


def format_line(line: Line, reply: Reply | None) -> str:
    """``reply`` None: the line is not read."""
    told = _tell(reply) if reply else {"error": line.error}
    return format_csv_line([*line.cells, *(told.get(name, "") for name in ANSWERED)])


def _tell(reply: Reply) -> dict[str, str]:
    told = {
        "verdict": reply.verdict.name,
        "connections": f"{len(reply.connections)}{'+' if reply.cut else ''}",
        "hosts": " ".join(sorted(map(str, reply.hosts))),
        "reasons": "; ".join(reply.verdict.reasons),
    }
    if reply.verdict.name == "one":
        (connection,) = reply.connections
        answer, holder = connection.answer, connection.holder
        values = (
            answer.node, answer.host, answer.host_port, answer.remote, answer.remote_port,
            name_protocol(answer.proto),
            answer.started_at and format_time(answer.started_at),
            answer.ended_at and format_time(answer.ended_at),
            holder and holder.name,
        )  # fmt: skip
        told |= {
            name: "" if value is None else str(value)
            for name, value in zip(_OF_ONE, values, strict=True)
        }
    return told
