"""Read the lines and the XML that Debian's conntrack tool prints.

Text (-o extended,id,timestamp) has everything but precise kernel times; XML (-o xml,id,ktimestamp)
has those in nanoseconds, so the witness reads both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_address
from xml.etree import ElementTree

Key = tuple[object, ...]


@dataclass(frozen=True)
class Tuple:
    """One direction. GRE's keys stand as ports, as the kernel hands them out; ICMP has none."""

    src: str
    dst: str
    sport: int | None = None
    dport: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    icmp_id: int | None = None
    zone: int | None = None
    packets: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Entry:
    """What the tool says of one connection, in an event or in a listing.

    family 4 or 6; event NEW, UPDATE, DESTROY or None in a listing; zone of both directions (a
    zone of one direction stands in its tuple); seen_at when the tool saw the event, seconds
    since 1970; start_ns and stop_ns the kernel's times in nanoseconds since 1970; None for
    what was not printed.
    """

    line: str
    family: int
    proto: int
    event: str | None
    orig: Tuple
    reply: Tuple
    id: int | None = None
    state: str | None = None
    timeout: int | None = None
    flags: frozenset[str] = frozenset()
    mark: int | None = None
    zone: int | None = None
    helper: str | None = None
    labels: tuple[str, ...] = ()
    delta_time: int | None = None
    seen_at: Decimal | None = None
    start_ns: int | None = None
    stop_ns: int | None = None

    @property
    def assured(self) -> bool:
        return "ASSURED" in self.flags

    @property
    def unreplied(self) -> bool:
        return "UNREPLIED" in self.flags

    @property
    def key(self) -> Key:
        """What both text and XML have of an entry, and what identifies most of them."""
        return (self.event, self.id, self.proto, self.orig.src, self.orig.dst)


_HEAD = re.compile(
    r"(?:\[(?P<seen>\d+\.\d+)\s*\]\s*)?(?:\[(?P<event>[A-Z]+)\]\s+)?"
    r"(?P<l3>ipv[46])\s+\d+\s+(?P<l4>\S+)\s+(?P<proto>\d+)\s+"
    r"(?:(?P<timeout>\d+)\s+)?(?:(?P<state>[A-Z][A-Z0-9_]*)\s+)?(?=src=)"
)
_TIME = re.compile(r"\[(?:start|stop)=[^\]]*\]")
_WORD = re.compile(r"\[(?P<flag>[A-Z_]+)\]|(?P<name>[a-z-]+)=(?P<value>\S*)")


def parse_line(line: str) -> Entry:
    """One line of conntrack -E or -L; ValueError names a line that does not fit."""
    head = _HEAD.match(line.strip())
    if head is None:
        raise ValueError(f"not a line of conntrack -o extended,id: {line!r}")
    tuples: list[dict[str, str]] = []
    other: dict[str, str] = {}
    flags = set()
    for word in _WORD.finditer(_TIME.sub("", line.strip()[head.end() :])):
        if word["flag"]:
            flags.add(word["flag"])
        elif word["name"] == "src":
            tuples.append({"src": word["value"]})
        elif word["name"] in _TUPLE_FIELDS and not _is_entry_id(word["name"], head, tuples[-1]):
            tuples[-1][word["name"]] = word["value"]
        else:
            other[word["name"]] = word["value"]
    if len(tuples) != 2:
        raise ValueError(f"not two tuples in {line!r}")
    return Entry(
        line=line.strip(),
        family=int(head["l3"][-1]),
        proto=int(head["proto"]),
        event=head["event"],
        orig=_tuple(tuples[0]),
        reply=_tuple(tuples[1]),
        id=_number(other.get("id")),
        state=head["state"],
        timeout=_number(head["timeout"]),
        flags=frozenset(flags),
        mark=_number(other.get("mark")),
        zone=_number(other.get("zone")),
        helper=other.get("helper"),
        labels=tuple(filter(None, other.get("labels", "").split(","))),
        delta_time=_number(other.get("delta-time")),
        seen_at=Decimal(head["seen"]) if head["seen"] else None,
    )


_TUPLE_FIELDS = {
    "dst": "dst",
    "sport": "sport",
    "dport": "dport",
    "srckey": "sport",
    "dstkey": "dport",
    "type": "icmp_type",
    "code": "icmp_code",
    "id": "icmp_id",
    "zone-orig": "zone",
    "zone-reply": "zone",
    "packets": "packets",
    "bytes": "bytes",
}


def _is_entry_id(name: str, head: re.Match[str], current: dict[str, str]) -> bool:
    """The word id= stands for ICMP's id in each tuple and for the entry's own at the end."""
    return name == "id" and ("icmp" not in head["l4"] or "id" in current)


def _tuple(words: dict[str, str]) -> Tuple:
    numbers = {
        field: _number(words[name])
        for name, field in _TUPLE_FIELDS.items()
        if name in words and name != "dst"
    }
    return Tuple(str(ip_address(words["src"])), str(ip_address(words["dst"])), **numbers)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text, 0)


@dataclass(frozen=True)
class Times:
    key: Key
    start_ns: int | None
    stop_ns: int | None


def parse_times(xml: str) -> Iterator[Times]:
    """The kernel's times of each flow in the tool's XML, with the key of its Entry."""
    for text in re.findall(r"<flow.*?</flow>", xml):
        flow = ElementTree.fromstring(text)
        orig = flow.find("meta[@direction='original']")
        rest = flow.find("meta[@direction='independent']")
        assert orig is not None
        assert rest is not None
        event = flow.get("type", "").upper() or None
        layer3, layer4 = orig.find("layer3"), orig.find("layer4")
        assert layer3 is not None
        assert layer4 is not None
        ends = (str(ip_address(layer3.findtext(end, ""))) for end in ("src", "dst"))
        key = (event, _found(rest, "id"), int(layer4.get("protonum", "-1")), *ends)
        yield Times(key, _found(rest, "timestamp/start"), _found(rest, "timestamp/stop"))


def _found(element: ElementTree.Element, path: str) -> int | None:
    return _number(element.findtext(path))
