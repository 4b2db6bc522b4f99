"""Blocks of lines with a name and a value: X-ARF's old form, ARF (RFC 5965), notices by people."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctaudit.letter.claim import Item, Mention, Place, cut
from ctaudit.letter.endpoints import find_endpoints, refang
from ctaudit.letter.record import find_columns, kind_of, read_record

_LINE = re.compile(
    r"[\s>*•-]{0,20}([A-Za-z][\w .()/'@+:-]{0,48}?)\*{0,2}\s{0,20}[:=]\s*(\S.{0,500})"
)
_ENDS = ("source", "address")


def read_field(line: str) -> tuple[str, str] | None:
    """The name and the value, where the name is one of a record."""
    found = _LINE.match(line)
    if found is None or not kind_of(found[1]):
        return None
    return found[1], found[2].strip().strip("*").strip()


class Fields:
    """The block that is being read; a name that comes again begins the next record of it."""

    def __init__(self, form: str = "fields") -> None:
        self._form = form
        self._values: dict[str, str] = {}
        self._kinds: set[str] = set()
        self._first: Place | None = None

    def add(self, name: str, value: str, place: Place) -> Iterator[Item]:
        kind = kind_of(name)
        is_next = name in self._values or (kind in _ENDS and kind in self._kinds)
        if is_next and self._is_whole():
            yield from self.end()
        if name not in self._values or kind in self._kinds:
            self._values[name] = refang(value)
        self._kinds.add(kind)
        self._first = self._first or place

    def _is_whole(self) -> bool:
        return "time" in self._kinds and bool(self._kinds & set(_ENDS))

    def end(self) -> Iterator[Item]:
        """What the block says, and an empty one."""
        values, place = self._values, self._first
        self._values, self._kinds, self._first = {}, set(), None
        if place is None:
            return
        columns = find_columns(list(values), self._form)
        excerpt = cut("; ".join(f"{name}: {value}" for name, value in values.items()))
        claim = read_record(columns, values, place, excerpt)
        # Without an address it is a host of an HTTP request, or other text.
        if claim is None or not (seen := find_endpoints(claim.source.address)):
            return
        if columns.is_record():
            yield claim
        else:
            has_port = bool(claim.source.port or seen[0].port)
            yield Mention(place, excerpt, seen[0].address, has_port)
