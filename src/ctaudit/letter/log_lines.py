"""Lines of logs: fail2ban, sshd, web servers, and the kernel's packet filter."""

from __future__ import annotations

import re
from collections.abc import Callable

from ctaudit.letter.claim import Claim, Item, Party, Place, Unread, cut
from ctaudit.letter.endpoints import find_endpoints, is_address
from ctaudit.letter.time_texts import find_time

_FAIL2BAN = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?) .{0,20}fail2ban\.\w+ .{0,60}?"
    r"\[(?P<jail>[^\]]{1,64})\] (?P<action>[A-Z][\w ]{1,20}?) (?P<address>[0-9A-Fa-f:.]{3,45})"
    r"(?: - (?P<found>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d))?(?![\w:.])",
    re.ASCII,
)
_AT_THE_BAN = "the time is that of the ban; the connections came before it"
_SSHD = re.compile(r"\bsshd(?:-session|-auth)?(?:\[\d{1,10}\])?: (?P<text>.*)", re.ASCII)
_SSHD_PORT = re.compile(r"(?P<address>[0-9A-Fa-f:.]{3,45}) port (?P<port>\d{1,5})\b", re.ASCII)
_SSHD_OWN = re.compile(
    r"Connection from \S{3,45} port \d{1,5}"
    r"(?P<own> on (?P<address>[0-9A-Fa-f:.]{3,45}) port (?P<port>\d{1,5})\b)",
    re.ASCII,
)
_HOST_OR_ADDRESS = r"[\w.:\[\]-]{1,255}"
_ACCESS = re.compile(
    rf"(?:(?P<host>{_HOST_OR_ADDRESS}):(?P<host_port>\d{{1,5}}) )?"
    rf"(?P<client>{_HOST_OR_ADDRESS}) \S{{1,64}} .{{1,64}}? \[(?P<time>[^\]]{{17,40}})\] "
    r"\"(?P<request>[^\"]{0,2000})",
    re.ASCII,
)
_APACHE_ERROR = re.compile(
    r"\[(?P<time>\w{3} \w{3} +\d{1,2} [\d:.]{8,15} \d{4})\] .{0,200}?"
    r"\[(?:client|remote) (?P<client>[0-9A-Fa-f:.\[\]]{3,60})\]",
    re.ASCII,
)
_NGINX_ERROR = re.compile(
    r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[\w{1,10}\] .{0,2000}?"
    r"\bclient: (?P<client>[0-9A-Fa-f:.]{3,45})(?:,|$)",
    re.ASCII,
)
_FILTER = re.compile(r"\bSRC=(?P<source>\S{3,45}) DST=(?P<target>\S{3,45}) ", re.ASCII)
_FILTER_VALUE = re.compile(r"\b(?P<name>PROTO|SPT|DPT|ID)=(?P<value>\w{1,10})", re.ASCII)
_ICMP = ("icmp", "icmpv6", "1", "58")


class NoQuestion(Exception):
    """The line is one of a known log, and speaks of no connection."""


def read_log_line(line: str, place: Place) -> Item | None:
    """None: not a line of a log that is known here. Raises NoQuestion."""
    for read in _READERS:
        if (item := read(line, place)) is not None:
            return item
    return None


def _read_fail2ban(line: str, place: Place) -> Item | None:
    found = _FAIL2BAN.search(line)
    if found is None or not is_address(found["address"]):
        if "fail2ban." in line and re.search(r"fail2ban\.\w+ ", line):
            raise NoQuestion
        return None
    if found["action"] not in ("Ban", "Found", "Restore Ban"):
        raise NoQuestion
    is_ban = found["found"] is None
    return Claim(
        "fail2ban",
        place,
        cut(line),
        Party(found["address"], "", found["action"]),
        found["time"] if is_ban else found["found"],
        Party("", "", f"jail {found['jail']}"),
        notes=(_AT_THE_BAN,) if is_ban else (),
    )


def _read_sshd(line: str, place: Place) -> Item | None:
    found = _SSHD.search(line)
    if found is None:
        return None
    text = found["text"]
    own = _SSHD_OWN.match(text)
    # A name that a client invents stands before its address, so the last one is the client's.
    ports = _SSHD_PORT.finditer(text[: own.start("own")] if own else text)
    ends = [each for each in ports if is_address(each["address"])]
    address, port = (ends[-1]["address"], ends[-1]["port"]) if ends else ("", "")
    if not address:
        seen = find_endpoints(text)
        if not seen:
            raise NoQuestion
        address = seen[-1].address
    target = Party(own["address"], own["port"], "on") if own else Party("", "", "sshd")
    source = Party(address, port, "port" if port else "")
    return _claim("sshd", line, found.start(), place, source, target, "tcp")


def _claim(
    form: str, line: str, begin: int, place: Place, source: Party, target: Party, proto: str
) -> Claim | Unread:
    """The time stands before ``begin``: behind it may be what the attacker has written."""
    span = find_time(line[:begin])
    if span is None:
        return Unread(place, cut(line), "has no time")
    time = line[span[0] : span[1]]
    return Claim(form, place, cut(line), source, time, target, proto)


def _read_access(line: str, place: Place) -> Item | None:
    found = _ACCESS.match(line)
    if found is None:
        return None
    client, port = _split(found["client"])
    if not is_address(client) or find_time(found["time"]) is None:
        return None
    proto = "udp" if found["request"].endswith(" HTTP/3.0") else "tcp"
    host, host_port = _split(found["host"] or "")
    address = host if is_address(host) else ""
    target = Party(address, found["host_port"] or host_port, host or "web server")
    source = Party(client, port, "client" if port else "")
    return Claim("web server", place, cut(line), source, found["time"], target, proto)


def _split(text: str) -> tuple[str, str]:
    """An address and its port, or "": ``[2001:db8::1]:5``, ``192.0.2.1:5``."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, port.removeprefix(":")
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, port
    return text, ""


def _read_error(line: str, place: Place) -> Item | None:
    found = _APACHE_ERROR.search(line) or _NGINX_ERROR.search(line)
    if found is None:
        return None
    client, port = _split(found["client"])
    if not is_address(client):
        return None
    source = Party(client, port, "client" if port else "")
    return Claim("web server", place, cut(line), source, found["time"], Party("", "", "web server"))


def _read_filter(line: str, place: Place) -> Item | None:
    found = _FILTER.search(line)
    if found is None:
        return None
    # Behind the first [ stands the packet that an ICMP error is about.
    rest = line[found.end() :].partition("[")[0]
    values: dict[str, str] = {}
    for each in _FILTER_VALUE.finditer(rest):
        # ID comes twice: that of the IP header, and of an echo.
        if each["name"] != "ID" or "PROTO" in values:
            values.setdefault(each["name"], each["value"])
    proto = values.get("PROTO", "").lower()
    number = values.get("ID", "") if proto in _ICMP else values.get("SPT", "")
    names = "SRC, ID" if proto in _ICMP and number else "SRC, SPT" if number else "SRC"
    source = Party(found["source"], number, names)
    target_port = values.get("DPT", "")
    target = Party(found["target"], target_port, "DST, DPT" if target_port else "DST")
    return _claim("packet filter", line, found.start(), place, source, target, proto)


_READERS: tuple[Callable[[str, Place], Item | None], ...] = (
    _read_fail2ban,
    _read_sshd,
    _read_filter,
    _read_access,
    _read_error,
)
