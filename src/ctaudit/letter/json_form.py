"""JSON: XARF v4 and v3, Suricata's EVE, Zeek's logs, and any objects with names of a record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ctaudit.letter.claim import Item, Place, Unread, cut
from ctaudit.letter.record import find_columns, read_record

_DEPTH_MAX = 12
_NESTED_MAX = 3  # names of a record may be nested so deep: source.ip, source.port
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
# Both have times of the report itself, and ends that are not of the connection.
_V3_NAMES = (
    "SourceIp", "SourceIP", "SourcePort", "DestinationIp", "DestinationIP", "DestinationPort",
    "Date", "TransportProtocol", "Protocol",
)  # fmt: skip
_V4_NAMES = (
    "source_identifier", "source_port", "destination_ip", "destination_port", "protocol",
    "timestamp",
)  # fmt: skip
_V4_SPAN = ("first_seen", "last_seen")


def decode(text: str, begin: int) -> tuple[Any, int]:
    """The value at ``begin``, with numbers as text, and where it ends.

    Raises json.JSONDecodeError.
    """
    try:
        return _DECODER.raw_decode(text, begin)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", text, len(text)) from None


def read_value(value: Any, place: Place, excerpt: str) -> Iterator[Item]:
    """The claims in a value, and what of it holds none."""
    found = list(_walk(value, place, excerpt))
    is_many = len(found) > 1
    for number, item in enumerate(found, 1):
        inner = replace(item.place, element=f"object {number}") if is_many else item.place
        yield replace(item, place=inner)


def _walk(value: Any, place: Place, excerpt: str) -> Iterator[Item]:
    left: list[tuple[Any, int]] = [(value, 0)]
    while left:
        each, depth = left.pop()
        if depth > _DEPTH_MAX:
            continue
        if isinstance(each, list):
            left += [(item, depth + 1) for item in reversed(each)]
        elif isinstance(each, dict):
            item = _read_object(each, place, excerpt)
            if item is not None:
                yield item
            else:
                inner = [item for item in each.values() if isinstance(item, list | dict)]
                left += [(item, depth + 1) for item in reversed(inner)]


def _read_object(value: Mapping[str, Any], place: Place, excerpt: str) -> Item | None:
    report = value.get("Report")
    if "xarf_version" in value or ("source_identifier" in value and "report_id" in value):
        return _read_xarf(value, "XARF v4", _V4_NAMES, place)
    if isinstance(report, dict) and ({"SourceIp", "SourceIP"} & report.keys()):
        return _read_xarf(report, "XARF v3", _V3_NAMES, place)
    flat = dict(_flatten(value, "", 0))
    columns = find_columns(list(flat), _name_form(flat))
    if not columns.is_record():
        return None
    return read_record(columns, flat, place, excerpt)


def _name_form(flat: Mapping[str, str]) -> str:
    if "event_type" in flat and "src_ip" in flat:
        return "Suricata EVE"
    return "Zeek log" if "id.orig_h" in flat else "JSON"


def _read_xarf(value: Mapping[str, Any], form: str, names: tuple[str, ...], place: Place) -> Item:
    flat = {name: _text(value[name]) for name in names if _text(value.get(name))}
    kind = _text(value.get("type")) or _text(value.get("ReportType"))
    excerpt = cut(" ".join((form, kind, *flat.values())))
    columns = find_columns(list(flat), form)
    claim = read_record(columns, flat, place, excerpt)
    if claim is None:
        return Unread(place, excerpt, "the report names no source")
    return replace(claim, notes=tuple(_note_span(value)))


def _note_span(value: Mapping[str, Any]) -> Iterator[str]:
    first, last = (_text(value.get(name)) for name in _V4_SPAN)
    if first and last and first != last:
        yield f"the report speaks of {first} to {last}; asked is its timestamp alone"


def _flatten(value: Mapping[str, Any], above: str, depth: int) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        full = f"{above}.{name}" if above else str(name)
        if isinstance(item, dict):
            if depth < _NESTED_MAX:
                yield from _flatten(item, full, depth + 1)
        elif not isinstance(item, list) and item is not None:
            yield full.removeprefix("@"), _text(item)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
