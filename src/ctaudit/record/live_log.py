"""Event lines: to journald with fields, or to standard error when run by hand."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ctaudit.config import JournalSection
from ctaudit.conntrack.endpoint import PARTIES, Direction, choose_direction
from ctaudit.conntrack.event import (
    STATUS_DST_NAT,
    STATUS_SRC_NAT,
    Kind,
    name_protocol,
    name_state,
)
from ctaudit.conntrack.layout import Layout
from ctaudit.host.log import MESSAGE_IDS, is_journal_connected
from ctaudit.record.positions import Span
from ctaudit.spool.decoder import Batch, Row, describe_row

try:
    from systemd import journal as _journal
except ImportError:
    _journal = None

Writer = Callable[[str, Mapping[str, str]], None]

_COUNTERS = {"orig_packets", "orig_bytes", "reply_packets", "reply_bytes"}


def pick_writer() -> Writer:
    """What writes event lines: to the journal if standard error goes there."""
    if not is_journal_connected():
        return lambda line, _: print(line, file=sys.stderr, flush=True)

    def send(line: str, fields: Mapping[str, str]) -> None:
        # Not journal.send: it looks up the line of code on the stack for each entry.
        _journal.sendv(
            f"MESSAGE={line}",
            "PRIORITY=6",
            "SYSLOG_IDENTIFIER=ctaudit",
            *(f"{name}={value}" for name, value in fields.items()),
        )

    return send


class EventLines:
    """Writes ``rate`` event lines a second, and once a second a sum of the others.

    What a quiet time has not used is left for later, up to ``burst`` lines in one second. Events
    that journal.events leaves out are not in the sum.
    """

    def __init__(
        self, journal: JournalSection, write: Writer, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = journal.events
        self._rate = journal.rate
        self._most = max(journal.rate, journal.burst) if journal.rate else 0
        self._write = write
        self._clock = clock
        self._second = clock()
        self._left = self._most
        self._unshown: Counter[Kind] = Counter()
        self._shown: dict[UUID, int] = {}

    def show_once(self, span: Span, batch: Batch) -> None:
        """Shows a batch, unless its end was shown before: what is read again is not shown again."""
        if span.until > self._shown.get(span.stream, 0):
            self.show(batch)
            self._shown[span.stream] = span.until

    def show(self, batch: Batch) -> None:
        """Shows as many events as this second's budget allows; entries of a dump are no events."""
        self.turn()
        for layout, received in batch.rows.items():
            rows = choose_rows(self._events, layout, received)
            shown = min(self._left, len(rows))
            for row in rows[:shown]:
                values = describe_row(layout, row)
                self._write(format_line(values), build_fields(values))
            self._left -= shown
            if len(rows) > shown:
                self._unshown[layout.kind] += len(rows) - shown

    def turn(self) -> None:
        """Once a second: writes the sum of what was not shown, and adds to the budget."""
        now = self._clock()
        if now - self._second < 1.0:
            return
        self._left = min(self._most, self._left + int((now - self._second) * self._rate))
        self._second = now
        self.finish()

    def finish(self) -> None:
        """Writes the sum of what has not been shown so far."""
        if self._unshown:
            counts = {kind.name: count for kind, count in sorted(self._unshown.items())}
            total = sum(counts.values())
            parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
            self._write(
                f"… and {total:,} more events, not shown ({parts})",
                {
                    "MESSAGE_ID": MESSAGE_IDS["summary"],
                    **{f"CT_UNSHOWN_{name}": str(count) for name, count in counts.items()},
                },
            )
            self._unshown.clear()


def choose_rows(events: str, layout: Layout, rows: Sequence[Row]) -> Sequence[Row]:
    """Those that have a line by ``events`` (journal.events); entries of a dump never have."""
    if layout.kind is Kind.DUMP or events == "none":
        return ()
    if events == "new":
        return rows if layout.kind is Kind.NEW else ()
    if events == "nat":
        if "status" not in layout.columns:
            return ()
        place = layout.columns.index("status")
        # The bits stand in the last byte, as the kernel sends it.
        return [row for row in rows if row[place][-1] & (STATUS_SRC_NAT | STATUS_DST_NAT)]
    return rows


def format_line(values: Mapping[str, Any]) -> str:
    """Such as ``NEW tcp 192.168.1.129:53400 -> 19.1.16.7:443 as 1.2.3.4:53500``."""
    proto = values["proto"]
    line = (
        f"{values['kind'].name:<7} {name_protocol(proto):<5} "
        f"{_join(values, 'orig_src', 'orig_sport')} -> {_join(values, 'orig_dst', 'orig_dport')}"
    )
    public = _join(values, "reply_dst", "reply_dport")
    if public != _join(values, "orig_src", "orig_sport"):
        line += f" as {public}"
    if values.get("status", 0) & STATUS_DST_NAT:
        line += f" to {_join(values, 'reply_src', 'reply_sport')}"
    if values.get("zone"):
        line += f" zone {values['zone']}"
    state = name_state(proto, values.get("state"))
    if state and values["kind"] is Kind.UPDATE:
        line += f" {state}"
    if values.keys() >= _COUNTERS:
        line += (
            f", {values['orig_packets']}/{values['reply_packets']} packets"
            f" {values['orig_bytes']}/{values['reply_bytes']} bytes"
        )
    if "start_sent" in values and "stop_sent" in values:
        line += f", {(values['stop_sent'] - values['start_sent']) / 1e9:.1f} s"
    return line


def build_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """CT_EVENT, who is host, public and remote, and a field for each other column of the event."""
    fields = {"MESSAGE_ID": MESSAGE_IDS["event"], "CT_EVENT": values["kind"].name}
    for column, value in (*values.items(), *_name_ends(values).items()):
        if column == "kind":
            continue
        text = value.hex() if isinstance(value, bytes) else str(value)
        fields[f"CT_{column.upper()}"] = text
    if "start_sent" in values and "stop_sent" in values:
        fields["CT_DURATION"] = f"{(values['stop_sent'] - values['start_sent']) / 1e9:.6f}"
    return fields


def _name_ends(values: Mapping[str, Any]) -> dict[str, Any]:
    """Host, public and remote, as ``who`` names them, but for a remote end that is not stored."""
    parties = PARTIES[choose_direction(values.get("status")) or Direction.OUTWARD]
    ends: dict[str, Any] = {}
    for name, columns in vars(parties).items():
        address, port = values.get(columns.address), values.get(columns.port)
        if address is not None and not address.is_unspecified:
            ends[name] = address
            if port is not None:
                ends[f"{name}_port"] = port
    return ends


def _join(values: Mapping[str, Any], address: str, port: str) -> str:
    host, number = values[address], values.get(port)
    if number is None:
        return str(host)
    return f"[{host}]:{number}" if host.version == 6 else f"{host}:{number}"
