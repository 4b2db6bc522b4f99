"""Addresses and ports in running text, and the words before them that say which end they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

_NO_MORE = r"(?!\d|[.:]\d)"
_PORT = rf"(?P<port>\d{{1,5}}){_NO_MORE}"
_V4 = re.compile(
    r"(?<![\w./-])(?P<address>(?:\d{1,3}\.){3}\d{1,3})"
    r"(?:(?P<mark>[:#.]|/|,? (?:source |src )?port[ =:]{1,2}|\()" + _PORT + r"\)?|"
    r"(?P<net>/\d{1,2}\b)|(?![\w.-]|\.\d))",
    re.ASCII | re.IGNORECASE,
)
_V4_BEFORE_STOP = re.compile(
    r"(?<![\w./-])(?P<address>(?:\d{1,3}\.){3}\d{1,3})(?=\.(?:\s|$))", re.ASCII
)
_V6 = re.compile(
    r"\[(?P<inner>[0-9A-Fa-f:.]{2,45})\](?:(?::|\.|#|,? port[ =:]{1,2})" + _PORT + r")?"
    r"|(?<![\w:.])(?P<mapped>[0-9A-Fa-f:]{1,30}:(?:\d{1,3}\.){3}\d{1,3})"
    r"(?:(?::|#|,? port[ =:]{1,2})(?P<port3>\d{1,5})(?!\d|[.:]\d))?(?!\w|:\w|/\d)"
    r"|(?<![\w:.])(?P<bare>(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39})"
    r"(?:(?:\.|#|,? (?:source |src )?port[ =:]{1,2})(?P<port2>\d{1,5})(?!\d|[.:]\d))?"
    r"(?!\w|:\w|/\d)",
    re.ASCII,
)
_BEHIND = r"[\s=:\"'\[(<]*(?:ip|address|addr|host|hosts|server)?[\s=:\"'\[(<]*$"
_TARGET = re.compile(
    r"(?:->|=>|→|>|\bto|\bdst|\bdst_?ip|\bdest\w*|\btarget\w*|\bagainst|\bvictim|\bon|\bnach|\bserver"
    r"|\bziel\w*)" + _BEHIND,
    re.IGNORECASE,
)
_SOURCE = re.compile(
    r"(?:\bfrom|\bsrc|\bsrc_?ip|\bsource|\bclient|\battacker|\bby|\boffender|\brhost|\bvon|\bquell\w*)"
    + _BEHIND,
    re.IGNORECASE,
)
_SEEN_BEFORE = 40  # characters


@dataclass(frozen=True)
class Seen:
    """An address in a line; ``role``: source, target, or "" where no word says which."""

    address: str
    port: str
    begin: int
    end: int
    role: str


def refang(line: str) -> str:
    """``192.0.2[.]44`` and ``192.0.2(.)44``, written so that nobody clicks on it."""
    return line.replace("[.]", ".").replace("(.)", ".").replace("[:]", ":")


def find_endpoints(line: str) -> list[Seen]:
    """In the order of the line; networks, and what only looks like an address, are left out."""
    seen = [*_find_v6(line)]
    taken = [(each.begin, each.end) for each in seen]
    for found in (*_V4.finditer(line), *_V4_BEFORE_STOP.finditer(line)):
        if any(begin < found.end() and found.start() < end for begin, end in taken):
            continue
        if (each := _read_v4(found, line)) is not None:
            seen.append(each)
            taken.append((each.begin, each.end))
    return sorted(seen, key=lambda each: each.begin)


def _read_v4(found: re.Match[str], line: str) -> Seen | None:
    parts = found.groupdict()
    port = parts.get("port") or ""
    is_network = parts.get("net") or (parts.get("mark") == "/" and int(port) <= 32)
    if is_network or not is_address(parts["address"]):
        return None
    return Seen(parts["address"], port, found.start(), found.end(), _role(line, found.start()))


def _find_v6(line: str) -> list[Seen]:
    if line.count(":") < 2 and "[" not in line:
        return []
    seen = []
    for found in _V6.finditer(line):
        address = found["inner"] or found["mapped"] or found["bare"]
        if address.count("::") == 0:
            address = address.rstrip(":")
        if is_address(address):
            port = found["port"] or found["port2"] or found["port3"] or ""
            role = _role(line, found.start())
            seen.append(Seen(address, port, found.start(), found.end(), role))
    return seen


def _role(line: str, begin: int) -> str:
    before = line[max(0, begin - _SEEN_BEFORE) : begin]
    if _TARGET.search(before):
        return "target"
    return "source" if _SOURCE.search(before) else ""


def is_address(text: str) -> bool:
    """Whether it is one of a host that may be asked for: no loopback, multicast, link-local."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or address.is_link_local
    )
