"""Lines in no format of a program: an address, most often with a port, and a time."""

from __future__ import annotations

import re

from ctaudit.letter.claim import Claim, Item, Mention, Party, Place, Unread, cut
from ctaudit.letter.endpoints import Seen, find_endpoints
from ctaudit.letter.time_texts import find_time

_PROTO = re.compile(r"\b(tcp|udp|icmpv6|icmp|sctp|gre|dccp)\b", re.ASCII | re.IGNORECASE)
_PORT_WORD = r"[ _-]?(?:port|prt|pt)\b[ =:]{0,3}(\d{1,5})\b"
_SOURCE_PORT = re.compile(rf"\b(?:src|source|client|from|s){_PORT_WORD}", re.ASCII | re.IGNORECASE)
_TARGET_PORT = re.compile(
    rf"\b(?:dst|dest|destination|target|to|d){_PORT_WORD}", re.ASCII | re.IGNORECASE
)
# What lies between the values of a line that is a row of a table without a header.
_ROW_PORT = re.compile(r"[\s,;|]+(\d{1,5})(?=[\s,;|]|$)", re.ASCII)
_ONLY_VALUES = re.compile(r"[\s,;|\d\"'()\[\]>-]*(?:(?:tcp|udp)[\s,;|\d\"'>-]*)?", re.IGNORECASE)


def read_plain_line(line: str, place: Place) -> Item | None:
    """None: the line has no address."""
    span = find_time(line)
    masked = line
    if span is not None:
        masked = line[: span[0]] + " " * (span[1] - span[0]) + line[span[1] :]
    seen = find_endpoints(masked)
    if not seen:
        return None
    if span is None:
        first = next((each for each in seen if each.port), seen[0])
        return Mention(place, cut(line), first.address, bool(first.port))
    try:
        source, target = _choose(seen)
    except ValueError as error:
        return Unread(place, cut(line), str(error))
    protos = {found.lower() for found in _PROTO.findall(masked)}
    return Claim(
        "plain",
        place,
        cut(line),
        _add_port(source, masked, seen, _SOURCE_PORT),
        line[span[0] : span[1]],
        Party("") if target is None else _add_port(target, masked, seen, _TARGET_PORT),
        protos.pop() if len(protos) == 1 else "",
    )


def _choose(seen: list[Seen]) -> tuple[Seen, Seen | None]:
    """The source and the target, by the words before them, else by their order."""
    sources = [each for each in seen if each.role == "source"]
    targets = [each for each in seen if each.role == "target"]
    free = [each for each in seen if not each.role]
    if len({each.address for each in seen}) > 2 and not (sources and targets):
        raise ValueError(f"has {len(seen)} addresses, and no word says which of them is the source")
    source = (sources or free or targets)[0]
    others = [each for each in (*targets, *free, *sources) if each.address != source.address]
    return source, others[0] if others else None


def _add_port(each: Seen, line: str, seen: list[Seen], form: re.Pattern[str]) -> Party:
    port = each.port
    if not port and (found := form.search(line)):
        port = found[1]
    if not port and _is_row(line, seen) and (found := _ROW_PORT.match(line, each.end)):
        port = found[1]
    return Party(each.address, port, each.role)


def _is_row(line: str, seen: list[Seen]) -> bool:
    rest = list(line)
    for each in seen:
        rest[each.begin : each.end] = " " * (each.end - each.begin)
    return _ONLY_VALUES.fullmatch("".join(rest)) is not None
