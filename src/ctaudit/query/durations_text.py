"""How long connections last: the bins of ctaudit.durations with bars, as JSON lines or CSV.

A connection lasts until its entry expires, so durations pile up at the kernel's time-outs: those
of net/netfilter/nf_conntrack_proto_{tcp,udp,icmp,icmpv6,gre,generic}.c, by default.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ctaudit.conntrack.endpoint import GRE, ICMP, ICMPV6
from ctaudit.conntrack.event import name_protocol
from ctaudit.query.bars import Style
from ctaudit.query.traffic import DurationBin
from ctaudit.query.value_text import format_csv_line

TCP, UDP, UDPLITE = 6, 17, 136
TIMEOUTS: dict[int, dict[int, str]] = {
    TCP: {10: "CLOSE", 30: "LAST_ACK", 60: "CLOSE_WAIT", 120: "TIME_WAIT", 432_000: "ESTABLISHED"},
    UDP: {30: "not answered", 120: "answered"},
    UDPLITE: {30: "not answered", 180: "answered"},
    ICMP: {30: "echo"},
    ICMPV6: {30: "echo"},
    GRE: {30: "not answered", 180: "answered"},
}
GENERIC = {600: "generic"}
_BAR_LEAST, _BAR_MOST = 10, 60
_MARKED = "TIME-OUT OF THE KERNEL, BY DEFAULT"


def timeouts_in(item: DurationBin) -> dict[int, str]:
    """The kernel's time-outs, in seconds, after which connections of the bin may have ended."""
    if item.seconds_from is None or item.seconds_until is None:
        return {}
    names = TIMEOUTS.get(item.proto, GENERIC)
    return {
        seconds: name
        for seconds, name in names.items()
        # What ends by a time-out lasts a little longer than it.
        if item.seconds_from <= seconds * 1.000_001 < item.seconds_until
    }


def plain_bin(item: DurationBin) -> dict[str, Any]:
    """The keys that ``traffic --durations --format json`` promises."""
    return {
        "proto": item.proto,
        "proto_name": name_protocol(item.proto),
        "seconds_from": _round(item.seconds_from),
        "seconds_until": _round(item.seconds_until),
        "connections": item.connections,
        "timeouts": [
            {"seconds": seconds, "name": name} for seconds, name in timeouts_in(item).items()
        ],
    }


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.6g}")


def format_json(bins: Iterable[DurationBin]) -> Iterator[str]:
    for item in bins:
        yield json.dumps(plain_bin(item))


def format_csv(bins: Iterable[DurationBin]) -> Iterator[str]:
    """RFC 4180 with a header line; time-outs as ``120 TIME_WAIT``."""
    yield "proto,proto_name,seconds_from,seconds_until,connections,timeouts"
    for item in bins:
        names = "; ".join(f"{seconds} {name}" for seconds, name in timeouts_in(item).items())
        yield format_csv_line((plain_bin(item) | {"timeouts": names}).values())


def format_bins(
    bins: Sequence[DurationBin], form: str, width: int | None, style: Style
) -> Iterator[str]:
    """``form``: table, json or csv; ``width``: of the terminal, None where there is none."""
    if form == "table":
        return format_table(bins, width, style)
    return (format_json if form == "json" else format_csv)(bins)


def format_table(bins: Sequence[DurationBin], width: int | None, style: Style) -> Iterator[str]:
    """A line for each bin; with ``width`` also bars, each protocol's longest as wide as fits."""
    if not bins:
        yield "No connections ended."
        return
    rows = [_cells(item, grouped=width is not None) for item in bins]
    heads = ["PROTO", "FROM", "UNTIL", "CONNECTIONS"]
    sizes = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    room = 0 if width is None else min(_BAR_MOST, width - sum(sizes) - len(_MARKED) - 12)
    gap = f"  {' ' * room}" if room >= _BAR_LEAST else ""
    yield _align(heads, sizes) + ("" if width is None else f"{gap}  {_MARKED}")
    for cells, item in zip(rows, bins, strict=True):
        line = _align(cells, sizes)
        if room >= _BAR_LEAST:
            most = max(other.connections for other in bins if other.proto == item.proto)
            line += "  " + style.draw(item.connections, 0, most, room).ljust(room)
        names = ", ".join(f"{seconds} s {name}" for seconds, name in timeouts_in(item).items())
        yield f"{line}  {names and '<- ' + names}".rstrip()


def _cells(item: DurationBin, *, grouped: bool) -> list[str]:
    count = f"{item.connections:,}" if grouped else str(item.connections)
    name = name_protocol(item.proto)
    if item.seconds_from is None or item.seconds_until is None:
        return [name, "unknown", "unknown", count]
    return [name, format_length(item.seconds_from), format_length(item.seconds_until), count]


def _align(cells: Sequence[str], sizes: Sequence[int]) -> str:
    first, *others = zip(cells, sizes, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(text.rjust(size) for text, size in others)])


def format_length(seconds: float) -> str:
    """``0``, ``1.6 ms``, ``25 s``, ``2.6 min``, ``11 h``, ``4.6 d``: two digits, one unit."""
    if seconds == 0:
        return "0"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size * 0.9999:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds * 1000)} ms"


def _two_digits(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < 9.95 else f"{number:.0f}"
