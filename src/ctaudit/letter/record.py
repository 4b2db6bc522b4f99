"""Records: what the columns, keys and elements of tables, JSON, XML and mails are called.

Names are compared without case, spaces and marks: ``Source IP``, ``src_ip``, ``id.orig_h``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ctaudit.letter.claim import Claim, Party, Place, cut
from ctaudit.letter.endpoints import find_endpoints
from ctaudit.letter.time_texts import find_time, normalise

# Of several that a record has, the first of the list counts.
_NAMES = {
    "source": (
        "srcip", "sourceip", "sourceipaddress", "sourceipv4", "sourceipv6", "srcaddr",
        "sourceaddress", "srcipaddr", "sourceidentifier", "src", "source", "attackerip",
        "attacker", "clientip", "clientaddress", "client", "offenderip", "idorigh", "peerip",
        "publicip", "publicaddress", "natip", "infringeripaddress", "infringersipaddress",
        "quellip", "quelladresse", "ipsource", "ca", "remoteaddr",
    ),
    "address": (
        "ip", "ipaddress", "ipaddr", "ipv4", "ipv6", "addr", "address", "ipadresse", "ipnumber",
        "infringementip", "hostip", "host",
    ),
    "source port": (
        "srcport", "sourceport", "sport", "spt", "clientport", "attackerport", "publicport",
        "natport", "idorigp", "peerport", "portsource", "quellport", "infringerport",
        "infringersport", "remoteport", "sourceportnumber",
    ),
    "port": ("port", "ipport", "portnumber", "infringementport", "tcpport", "udpport"),
    "target": (
        "dstip", "destip", "destinationip", "destinationipaddress", "dstaddr", "destaddr",
        "destinationaddress", "dst", "dest", "destination", "targetip", "target", "victimip",
        "serverip", "ccip", "cc", "idresph", "honeypotip", "zielip", "zieladresse", "server",
        "destinationidentifier",
    ),
    "target port": (
        "dstport", "destport", "destinationport", "dport", "dpt", "targetport", "victimport",
        "serverport", "ccport", "idrespp", "honeypotport", "zielport", "serviceport",
    ),
    "protocol": (
        "protocol", "proto", "transport", "transportprotocol", "networktransport", "ipproto",
        "protokoll",
    ),
    "time": (
        "timestamp", "eventtime", "attacktime", "attackdate", "datetime", "dateandtime",
        "incidenttime", "incidentdate", "infringementtimestamp", "infringementtime",
        "infringementdate", "arrivaldate", "detecttime", "timeofattack", "dateofattack",
        "firstseen", "starttime", "seen", "ts", "occurred", "logtime", "time", "date",
        "reportedat", "reportdate", "lastseen", "zeitpunkt", "zeitstempel", "zeit", "uhrzeit",
        "datum", "tatzeit",
    ),
    "zone": ("timezone", "tz", "zeitzone", "utcoffset"),
}  # fmt: skip
_KINDS = {name: (kind, rank) for kind, names in _NAMES.items() for rank, name in enumerate(names)}
_DAYS, _HOURS = ("date", "datum"), ("time", "zeit", "uhrzeit")
_UTC = re.compile(r"^(?:utc|gmt)(?=..)|(?<=..)(?:utc|gmt)(?:0|0000)?$")
_OFFSET_IN_NAME = re.compile(r"[\[( ](?:UTC|GMT)?([+-]\d\d:?\d\d)[\])]?\s*$", re.IGNORECASE)
_SHADOWSERVER = ({"asn", "srcasn"}, {"geo", "srcgeo"})
_ABUSEIPDB = {"categories", "reportdate"}
_HOURLESS = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4}", re.ASCII)


@dataclass(frozen=True)
class Columns:
    """Which name is of which kind; ``zone``, ``zone_from``: of the times, as the names say it."""

    form: str
    kinds: Mapping[str, str]
    zone: str = ""
    zone_from: str = ""

    def is_record(self) -> bool:
        return "time" in self.kinds and bool({"source", "address"} & self.kinds.keys())


def squeeze(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def kind_of(name: str) -> str:
    """source, address, source port, port, target, target port, protocol, time, zone; or ""."""
    squeezed = squeeze(_OFFSET_IN_NAME.sub("", name))
    kind, _ = _KINDS.get(squeezed) or _KINDS.get(_UTC.sub("", squeezed), ("", 0))
    return kind


def find_columns(names: Sequence[str], form: str) -> Columns:
    """``form``: what records with these names are called where no better name is known."""
    best: dict[str, tuple[int, str]] = {}
    for name in names:
        squeezed = squeeze(_OFFSET_IN_NAME.sub("", name))
        found = _KINDS.get(squeezed) or _KINDS.get(_UTC.sub("", squeezed))
        if found and (found[0] not in best or found[1] < best[found[0]][0]):
            best[found[0]] = (found[1], name)
    kinds = {kind: name for kind, (_, name) in best.items()}
    every = {squeeze(name) for name in names}
    zone, zone_from = _find_zone(kinds.get("time", ""))
    if not zone and all(every & marks for marks in _SHADOWSERVER) and "timestamp" in every:
        form = f"Shadowserver {form}"
        zone, zone_from = "UTC", "Shadowserver's timestamps are in UTC"
    elif every >= _ABUSEIPDB:
        form = f"AbuseIPDB {form}"
    return Columns(form, kinds, zone, zone_from)


def _find_zone(name: str) -> tuple[str, str]:
    found = _OFFSET_IN_NAME.search(name)
    squeezed = squeeze(name)
    if found:
        return found[1], f"the name {name!r}"
    if squeezed not in _KINDS and _UTC.sub("", squeezed) in _KINDS:
        return "UTC", f"the name {name!r}"
    return "", ""


def read_record(
    columns: Columns, values: Mapping[str, str], place: Place, excerpt: str
) -> Claim | None:
    """None: the record has no address. ``values``: by the names of ``columns``, and others."""
    kinds = columns.kinds

    def value(kind: str) -> str:
        name = kinds.get(kind)
        return "" if name is None else values.get(name, "").strip()

    # A source may be the name of a sensor beside the address.
    is_named_source = bool(value("source")) and not (
        find_endpoints(value("address")) and not find_endpoints(value("source"))
    )
    address = "source" if is_named_source else "address"
    if not value(address):
        return None
    source_port, target_port = "source port", "target port"
    # A port alone is the attacked one where the address is named as a source.
    if not value(source_port) and value("port") and not is_named_source:
        source_port = "port"
    elif not value(target_port) and value("port") and source_port != "port":
        target_port = "port"
    zone, zone_from = columns.zone, columns.zone_from
    if value("zone"):
        zone, zone_from = normalise(value("zone")), f"the name {kinds['zone']!r}"
    return Claim(
        columns.form,
        place,
        cut(excerpt),
        _party(kinds, value(address), value(source_port), address, source_port),
        _read_time(columns, values),
        _party(kinds, value("target"), value(target_port), "target", target_port),
        value("protocol"),
        zone,
        zone_from,
    )


def _party(kinds: Mapping[str, str], address: str, port: str, *names: str) -> Party:
    used = [kinds[name] for name, text in zip(names, (address, port), strict=True) if text]
    return Party(address, port, ", ".join(used))


def _read_time(columns: Columns, values: Mapping[str, str]) -> str:
    """A date and an hour in two columns are one time."""
    name = columns.kinds.get("time")
    text = "" if name is None else values.get(name, "").strip()
    if find_time(text) and not _is_clock(text):
        return text
    days = [value for name, value in values.items() if squeeze(name) in _DAYS and value.strip()]
    hours = [value for name, value in values.items() if squeeze(name) in _HOURS and value.strip()]
    if days and hours and _HOURLESS.fullmatch(days[0].strip()) and days[0] != hours[0]:
        return f"{days[0].strip()} {hours[0].strip()}"
    return text


def _is_clock(text: str) -> bool:
    return re.match(r"\d{1,2}:\d\d", text, re.ASCII) is not None
