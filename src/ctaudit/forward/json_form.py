"""An event as ulogd2's JSON output writes it, and a gap.

The keys are those of ulogd 2.0.8: input/flow/ulogd_inpflow_NFCT.c, filter/ulogd_filter_IP2STR.c and
output/ulogd_output_JSON.c. docs/from-ulogd.md says what differs, and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ctaudit.conntrack.endpoint import ICMP, ICMPV6
from ctaudit.conntrack.event import Kind
from ctaudit.conntrack.layout import Layout
from ctaudit.forward.clock import FormatTime
from ctaudit.forward.columns import ADDRESSES, AddressNames, compile_pick, compile_values
from ctaudit.forward.gap import Gap
from ctaudit.spool.decoder import Row

# NFCT_T_NEW, NFCT_T_UPDATE and NFCT_T_DESTROY of libnetfilter_conntrack.
_EVENTS = {Kind.NEW: 1, Kind.UPDATE: 2, Kind.DESTROY: 4}
_AF_INET, _AF_INET6 = 2, 10
_WITH_PORTS = {6, 17, 33, 132, 136}
_SECOND, _MICROSECOND = 1_000_000_000, 1000
# The keys whose value is a column's; 0 where the message has no such attribute, as in ulogd2.
_NUMBERS = {
    "orig.raw.pktlen": "orig_bytes",
    "orig.raw.pktcount": "orig_packets",
    "reply.raw.pktlen": "reply_bytes",
    "reply.raw.pktcount": "reply_packets",
    "ct.mark": "mark",
    "ct.id": "ct_id",
}
_PORTS = {
    "orig.l4.sport": "orig_sport",
    "orig.l4.dport": "orig_dport",
    "reply.l4.sport": "reply_sport",
    "reply.l4.dport": "reply_dport",
}


def compile_json(
    layout: Layout, node: str, names: AddressNames, clock: FormatTime
) -> Callable[[Row], str]:
    """What makes the line of a row of this layout."""
    numbers = {key: column for key, column in _keys_of(layout).items() if column in layout.columns}
    absent = {key: 0 for key in _keys_of(layout) if key not in numbers}
    is_v4 = layout.sizes[layout.columns.index("orig_src")] == 4
    constant = {
        "dvc": "Netfilter",
        "node": node,
        "orig.ip.protocol": layout.proto,
        "reply.ip.protocol": layout.proto,
        "ct.event": _EVENTS[layout.kind],
        "oob.family": _AF_INET if is_v4 else _AF_INET6,
        "oob.protocol": 0,
        **absent,
    }
    format_times, times = _compile_times(layout)
    template = (
        '{"timestamp": "%s", '
        + json.dumps(constant)[1:-1].replace("%", "%%")
        + ', "src_ip": "%s", "dest_ip": "%s", "reply.ip.saddr.str": "%s",'
        + ' "reply.ip.daddr.str": "%s"'
        + "".join(f', "{key}": %d' for key in numbers)
        + format_times
        + "}\n"
    )
    read, pick = compile_values(layout), compile_pick(layout, tuple(numbers.values()))
    a, b, c, d = (layout.columns.index(column) for column in ADDRESSES)

    def format_row(row: Row) -> str:
        values = read(row)
        return template % (
            clock(row[-1]), names[values[a]], names[values[b]], names[values[c]],
            names[values[d]], *pick(values), *times(values, row[-1]),
        )  # fmt: skip

    return format_row


def _keys_of(layout: Layout) -> dict[str, str]:
    keys = dict(_NUMBERS)
    if layout.proto in _WITH_PORTS:
        keys |= _PORTS
    elif layout.proto in (ICMP, ICMPV6):
        name = "icmp" if layout.proto == ICMP else "icmpv6"
        keys |= {f"{name}.type": "orig_icmp_type", f"{name}.code": "orig_icmp_code"}
    return keys


def _compile_times(layout: Layout) -> tuple[str, Callable[[tuple[Any, ...], int], tuple[int, ...]]]:
    """The template of the times of start and end, and what gives their values.

    Where the kernel stamps nothing it is the time of receipt, as ulogd2 takes its own clock: the
    start of a NEW, and the end of a DESTROY. A duration is given of the kernel's stamps only.
    """
    start = '"flow.start.sec": %d, "flow.start.usec": %d'
    end = '"flow.end.sec": %d, "flow.end.usec": %d'
    columns = layout.columns
    if layout.kind is not Kind.DESTROY:
        if layout.kind is not Kind.NEW:
            return "", lambda _values, _received: ()
        if "start_sent" in columns:
            began = columns.index("start_sent")
            return f", {start}", lambda values, _: _split(values[began])
        return f", {start}", lambda _, received: _split(received)
    if "start_sent" in columns and "stop_sent" in columns:
        began, ended = columns.index("start_sent"), columns.index("stop_sent")

        def both(values: tuple[Any, ...], _: int) -> tuple[int, ...]:
            first, last = _split(values[began]), _split(values[ended])
            return (*first, *last, last[0] - first[0])

        return f', {start}, {end}, "flow.duration.sec": %d', both
    if "stop_sent" in columns:
        ended = columns.index("stop_sent")
        return f", {end}", lambda values, _: _split(values[ended])
    if "start_sent" in columns:
        began = columns.index("start_sent")
        return f", {start}, {end}", lambda values, received: (
            *_split(values[began]),
            *_split(received),
        )
    return f", {end}", lambda _, received: _split(received)


def _split(nanoseconds: int) -> tuple[int, int]:
    """Seconds and microseconds."""
    return nanoseconds // _SECOND, nanoseconds % _SECOND // _MICROSECOND


def format_json_gap(gap: Gap, node: str, clock: FormatTime) -> str:
    """An object without the keys of a connection, so that nobody takes it for one."""
    values: dict[str, Any] = {"timestamp": clock(gap.until), "dvc": "Netfilter", "node": node}
    values["gap.cause"] = gap.cause
    if gap.since:
        values["gap.from"] = clock(gap.since)
    values["gap.until"] = clock(gap.until)
    if gap.lost is not None:
        values["gap.lost"] = gap.lost
    return json.dumps(values) + "\n"
