"""flows as a table, JSON lines, CSV or ulogd2's JSON: each takes rows and yields lines one by one.

ulogd2's keys: output/ulogd_output_JSON.c and input/flow/ulogd_inpflow_NFCT.c of ulogd 2.0.8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

from ctaudit.conntrack.endpoint import ICMP, ICMPV6
from ctaudit.conntrack.event import name_protocol
from ctaudit.query.answer import Answer
from ctaudit.query.answer_text import (
    PLAIN_KEYS,
    format_host,
    format_public,
    format_remote,
    plain_answer,
)
from ctaudit.query.value_text import format_csv_line, format_duration, format_offset

_SAMPLE = 200  # rows that the widths of a table's columns are measured on
_ALWAYS = 10  # worth of a column that is never left out
_NEW, _DESTROY = 1, 4  # ulogd2's ct.event: NFCT_T_NEW, NFCT_T_DESTROY of libnetfilter_conntrack
_AF_INET, _AF_INET6 = 2, 10


def format_json(answers: Iterable[Answer]) -> Iterator[str]:
    """One object a line, with the keys of who's answers."""
    for answer in answers:
        yield json.dumps(plain_answer(answer))


def format_csv(answers: Iterable[Answer]) -> Iterator[str]:
    """RFC 4180 with a header line; the keys of the JSON as columns, NULL as an empty field."""
    yield format_csv_line(PLAIN_KEYS)
    for answer in answers:
        yield format_csv_line(plain_answer(answer).values())


def format_ulogd(answers: Iterable[Answer]) -> Iterator[str]:
    """One object a line as ulogd2's NFCT, IP2STR and JSON plugins write it.

    An ended connection is its DESTROY (ct.event 4), any other its NEW (1). Unknown values are
    left out, as ulogd2 leaves out keys that are not set.
    """
    for answer in answers:
        record = _ulogd_record(answer)
        yield json.dumps({key: value for key, value in record.items() if value is not None})


def _ulogd_record(answer: Answer) -> dict[str, Any]:
    ended = answer.state in ("ended", "unobserved")
    # A reader takes the counters of a DESTROY for all that there were.
    counted = not ended or answer.counters == "exact"
    icmp = answer.proto in (ICMP, ICMPV6)
    return {
        "timestamp": _ulogd_time(answer.ended_at or answer.started_at),
        "dvc": "Netfilter",
        "orig.ip.protocol": answer.proto,
        "orig.l4.sport": None if icmp else answer.orig_sport,
        "orig.l4.dport": None if icmp else answer.orig_dport,
        "orig.raw.pktlen": answer.orig_bytes if counted else None,
        "orig.raw.pktcount": answer.orig_packets if counted else None,
        "reply.ip.protocol": answer.proto,
        "reply.l4.sport": None if icmp else answer.reply_sport,
        "reply.l4.dport": None if icmp else answer.reply_dport,
        "reply.raw.pktlen": answer.reply_bytes if counted else None,
        "reply.raw.pktcount": answer.reply_packets if counted else None,
        "icmp.type": answer.orig_icmp_type,
        "icmp.code": answer.orig_icmp_code,
        "ct.mark": answer.mark or 0,
        "ct.id": answer.ct_id,
        "ct.event": _DESTROY if ended else _NEW,
        **_ulogd_instant("flow.start", answer.started_at),
        **_ulogd_instant("flow.end", answer.ended_at),
        "oob.family": _AF_INET6 if answer.orig_src.version == 6 else _AF_INET,
        "oob.protocol": 0,
        "src_ip": str(answer.orig_src),
        "dest_ip": str(answer.orig_dst),
        "reply.ip.saddr.str": str(answer.reply_src),
        "reply.ip.daddr.str": str(answer.reply_dst),
    }


def _ulogd_time(time: datetime | None) -> str | None:
    """Local time as ulogd 2.0.5 and later write it: 2014-02-22T12:27:04.403240+0100."""
    return None if time is None else time.astimezone().strftime("%Y-%m-%dT%H:%M:%S.%f%z")


def _ulogd_instant(name: str, time: datetime | None) -> dict[str, int | None]:
    if time is None:
        return {f"{name}.sec": None, f"{name}.usec": None}
    seconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return {f"{name}.sec": seconds, f"{name}.usec": time.astimezone(UTC).microsecond}


@dataclass(frozen=True)
class Column:
    """``worth``: where the terminal is too narrow, columns of the lowest worth are left out first.

    ``least``: the least width, in characters.
    """

    title: str
    cell: Callable[[Answer], str]
    worth: int
    right: bool = False
    least: int = 0

    @property
    def pad(self) -> Callable[[str, int], str]:
        return str.rjust if self.right else str.ljust


def _format_number(answer: Answer, count: int | None) -> str:
    if count is None:
        return "-"
    return f">={count}" if answer.counters == "at least" else str(count)


def _format_local(time: datetime | None, offset: str) -> str:
    """Local time to the second; with its offset where that is not the heading's ``offset``."""
    if time is None:
        return "-"
    return time.astimezone().isoformat(" ", "seconds").removesuffix(offset)


def _format_duration_or_state(answer: Answer) -> str:
    return answer.state if answer.duration is None else format_duration(answer.duration)


def _columns(offset: str) -> list[Column]:
    return [
        Column(f"STARTED {offset}", lambda row: _format_local(row.started_at, offset), _ALWAYS),
        Column("ENDED", lambda row: _format_local(row.ended_at, offset), 2, least=19),
        Column("DURATION", _format_duration_or_state, 5, right=True),
        Column("PROTO", lambda row: name_protocol(row.proto), 9),
        Column("HOST", format_host, _ALWAYS),
        Column("WAY", lambda row: "in" if row.direction == "inward" else "out", 3),
        Column("PUBLIC", format_public, _ALWAYS),
        Column("REMOTE", format_remote, _ALWAYS),
        Column("ORIG PKTS", lambda row: _format_number(row, row.orig_packets), 1, right=True),
        Column("ORIG BYTES", lambda row: _format_number(row, row.orig_bytes), 6, right=True),
        Column("REPLY PKTS", lambda row: _format_number(row, row.reply_packets), 1, right=True),
        Column("REPLY BYTES", lambda row: _format_number(row, row.reply_bytes), 6, right=True),
        Column("NODE", lambda row: row.node, 4),
    ]


def format_table(answers: Iterable[Answer], width: int | None) -> Iterator[str]:
    """Aligned columns, as wide as the first rows need; ``width`` None: all columns.

    STARTED, HOST, PUBLIC and REMOTE are never left out: where even these do not fit, lines are
    longer than ``width``.
    """
    rows = iter(answers)
    sample = list(islice(rows, _SAMPLE))
    if not sample:
        yield "No flows."
        return
    offset = format_offset((sample[0].started_at or datetime.now(UTC)).astimezone())
    columns = _columns(offset)
    sizes = {
        column.title: max(
            len(column.title), column.least, *(len(column.cell(row)) for row in sample)
        )
        for column in columns
    }
    columns = _fit(columns, sizes, width)
    cells = [(column.cell, column.pad, sizes[column.title]) for column in columns]
    yield _align(column.pad(column.title, sizes[column.title]) for column in columns)
    for row in chain(sample, rows):
        yield _align([pad(cell(row), size) for cell, pad, size in cells])


def _fit(columns: list[Column], sizes: dict[str, int], width: int | None) -> list[Column]:
    kept = list(columns)
    while width is not None and sum(sizes[column.title] + 2 for column in kept) - 2 > width:
        least = min(column.worth for column in kept)
        if least == _ALWAYS:
            break
        kept = [column for column in kept if column.worth != least]
    return kept


def _align(cells: Iterable[str]) -> str:
    return "  ".join(cells).rstrip()


def format_rows(answers: Iterable[Answer], form: str, width: int | None) -> Iterator[str]:
    """``form``: table or one of FORMATS; ``width``: of the terminal, for a table."""
    if form == "table":
        return format_table(answers, width)
    return FORMATS[form](answers)


FORMATS: dict[str, Callable[[Iterable[Answer]], Iterator[str]]] = {
    "json": format_json,
    "csv": format_csv,
    "ulogd": format_ulogd,
}
