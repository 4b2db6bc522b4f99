"""An event as ulogd2's PRINTFLOW and LOGEMU write it, a line like syslog's, and a gap.

util/printflow.c and output/ulogd_output_LOGEMU.c of ulogd 2.0.8, where TYPE and CODE of ICMP are
swapped.
"""

from __future__ import annotations

from collections.abc import Callable

from ctaudit.conntrack.endpoint import ICMP
from ctaudit.conntrack.layout import Layout
from ctaudit.forward.clock import FormatTime
from ctaudit.forward.columns import ADDRESSES, AddressNames, compile_pick, compile_values
from ctaudit.forward.gap import Gap
from ctaudit.spool.decoder import Row

_NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 50: "ESP", 51: "AH"}
_WITH_PORTS = {6, 17}


def compile_log(
    layout: Layout, node: str, names: AddressNames, clock: FormatTime
) -> Callable[[Row], str]:
    """What makes the line of a row of this layout."""
    orig, orig_columns = _describe_side(layout, "orig")
    reply, reply_columns = _describe_side(layout, "reply")
    template = f"%s {node} [{layout.kind.name}] ORIG: {orig}, REPLY: {reply}\n"
    read = compile_values(layout)
    pick, pick_reply = (compile_pick(layout, columns) for columns in (orig_columns, reply_columns))
    a, b, c, d = (layout.columns.index(column) for column in ADDRESSES)

    def format_row(row: Row) -> str:
        values = read(row)
        return template % (
            clock(row[-1]), names[values[a]], names[values[b]], *pick(values),
            names[values[c]], names[values[d]], *pick_reply(values),
        )  # fmt: skip

    return format_row


def _describe_side(layout: Layout, side: str) -> tuple[str, tuple[str, ...]]:
    """The template of one side, which ends with a blank, and the columns behind its addresses."""
    words, columns = "", []
    # PRINTFLOW has the type and the code of the orig tuple in both sides.
    numbers = {"PKTS": f"{side}_packets", "BYTES": f"{side}_bytes"}
    if layout.proto in _WITH_PORTS:
        numbers = {"SPT": f"{side}_sport", "DPT": f"{side}_dport", **numbers}
    elif layout.proto == ICMP:
        numbers = {"TYPE": "orig_icmp_type", "CODE": "orig_icmp_code", **numbers}
    for label, column in numbers.items():
        if column in layout.columns:
            words += f"{label}=%d "
            columns.append(column)
        else:
            words += f"{label}=0 "
    proto = _NAMES.get(layout.proto, str(layout.proto))
    return f"SRC=%s DST=%s PROTO={proto} {words}", tuple(columns)


def format_log_gap(gap: Gap, node: str, stamp: FormatTime, clock: FormatTime) -> str:
    """``stamp``: of the line; ``clock``: of the gap's two ends."""
    words = f'{stamp(gap.until)} {node} [GAP] CAUSE="{gap.cause}"'
    if gap.since:
        words += f" FROM={clock(gap.since)}"
    words += f" UNTIL={clock(gap.until)}"
    return words + ("\n" if gap.lost is None else f" LOST={gap.lost}\n")
