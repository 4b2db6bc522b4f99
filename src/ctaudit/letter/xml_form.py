"""XML: notices of the Automated Content Notice System (ACNS), and any elements of a record.

A document type is refused: ACNS has none, and its entities may be made to fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from ctaudit.letter.claim import Item, Place, Unread, cut
from ctaudit.letter.record import find_columns, read_record

BEGIN = re.compile(r"<\?xml\b|<(?:\w+:)?Infringement\b", re.ASCII)
_DEPTH_MAX = 100
_PEER = (
    "a notice on peer-to-peer may name the port on which the peer listens, which is not that of "
    "each connection"
)


class _Refused(Exception):
    """Raised in a handler, which ends the parsing."""


@dataclass
class _Element:
    name: str
    line: int
    text: str = ""
    leaves: dict[str, str] = field(default_factory=dict)


class _Reader:
    """Collects the records while the parser runs: elements whose children have names of one."""

    def __init__(self) -> None:
        self.records: list[_Element] = []
        self.root = ""
        self._open: list[_Element] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        if len(self._open) == _DEPTH_MAX:
            raise _Refused("elements are nested too deeply")
        local = name.rpartition(":")[2]
        self.root = self.root or local
        self._open.append(_Element(local, self.parser.CurrentLineNumber))

    def _add(self, text: str) -> None:
        if self._open and len(self._open[-1].text) < 1000:
            self._open[-1].text += text

    def _end(self, _name: str) -> None:
        done = self._open.pop()
        if done.leaves and find_columns(list(done.leaves), "XML").is_record():
            self.records.append(done)
        elif self._open and done.text.strip() and len(self._open[-1].leaves) < 1000:
            self._open[-1].leaves.setdefault(done.name, done.text.strip())

    def _refuse(self, *_: object) -> None:
        raise _Refused("has a document type, which is not read")


def find_end(text: str, begin: int) -> int:
    """Where the XML that begins at ``begin`` ends: behind the end tag of its first element."""
    first = re.compile(r"<([A-Za-z_][\w.:-]*)").search(text, begin)
    if first is None:
        return len(text)
    last = re.compile(rf"</{re.escape(first[1])}\s*>").search(text, first.end())
    return last.end() if last else len(text)


def read_xml(text: str, line: int) -> Iterator[Item]:
    """``line``: that of the text's first line in the letter."""
    reader = _Reader()
    try:
        # As text it has no encoding of its own any more.
        plain = re.sub(r"^\s*<\?xml[^>]*\?>", lambda found: "\n" * found[0].count("\n"), text)
        reader.parser.Parse(plain, True)
    except (expat.ExpatError, _Refused, ValueError) as error:
        yield Unread(Place(line), cut(text), f"not XML that is read: {error}")
        return
    is_acns = reader.root == "Infringement"
    for number, record in enumerate(reader.records, 1):
        place = Place(line + record.line - 1)
        columns = find_columns(list(record.leaves), "ACNS" if is_acns else "XML")
        excerpt = cut(" ".join(record.leaves.values()))
        claim = read_record(columns, record.leaves, place, excerpt)
        if claim is None:
            yield Unread(place, excerpt, f"{record.name} {number} names no address")
        elif "torrent" in record.leaves.get("Type", "").lower():
            yield replace(claim, notes=(_PEER,))
        else:
            yield claim
    if not reader.records:
        yield Unread(Place(line), cut(text), f"<{reader.root}> holds no address with a time")
