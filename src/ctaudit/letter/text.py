"""A text into its blocks: JSON, XML, tables, and what is read line by line."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Generator, Iterator
from itertools import accumulate
from json import JSONDecodeError
from typing import Any

from ctaudit.letter import json_form, xml_form
from ctaudit.letter.claim import Item, Place, Unread, cut
from ctaudit.letter.csv_form import find_header, read_table
from ctaudit.letter.endpoints import refang
from ctaudit.letter.fields import Fields, read_field
from ctaudit.letter.log_lines import NoQuestion, read_log_line
from ctaudit.letter.plain import read_plain_line

_FAILURES_MAX = 50
_LINE_MAX = 8192  # characters of a line that are looked at
_QUOTED = re.compile(r"(?:> ?){1,20}")


def read_text(text: str) -> Iterator[Item]:
    """All that a text says, in its order; lines are counted from 1."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.split("\n")
        lengths = (len(line) + 1 for line in self._lines)
        self._starts = [0, *accumulate(lengths)][:-1]
        self._failures = 0  # of values of several lines
        self._fields = Fields()

    def read(self) -> Iterator[Item]:
        number = 0
        while number < len(self._lines):
            number = yield from self._read_block(number)
        yield from self._fields.end()

    def _read_block(self, number: int) -> Generator[Item, None, int]:
        """Reads what begins at the line; returns the line after it."""
        line = self._lines[number]
        stripped = line.lstrip()
        if stripped[:1] in ("{", "["):
            end = yield from self._read_json(number, len(line) - len(stripped))
            if end is not None:
                return end
        elif "<" in line and (found := xml_form.BEGIN.search(line)):
            return (yield from self._read_xml(number, self._starts[number] + found.start()))
        header = find_header(line[:_LINE_MAX]) if _may_be_header(line) else None
        if header is not None:
            yield from self._fields.end()
            end = number + 1
            for item, after in read_table(self._lines, number, header):
                end = after
                if item is not None:
                    yield item
            return end
        yield from self._read_line(line, Place(number + 1))
        return number + 1

    def _read_json(self, number: int, indent: int) -> Generator[Item, None, int | None]:
        begin = self._starts[number] + indent
        try:
            value, end = self._decode(number, indent)
        except JSONDecodeError as error:
            if _looks_like_json(self._text[begin : begin + 200]):
                line = self._lines[number]
                yield Unread(Place(number + 1), cut(line), f"not JSON: {error.msg}")
                return number + 1
            return None
        if not isinstance(value, list | dict):
            return None
        last = self._line_of(max(begin, end - 1))
        items = list(json_form.read_value(value, Place(number + 1), self._text[begin:end][:1000]))
        if not items and not _looks_like_json(self._text[begin : begin + 200]):
            return None
        yield from self._fields.end()
        yield from items
        if not items and isinstance(value, dict) and "event_type" not in value:
            reason = "the JSON holds no address with a time"
            yield Unread(Place(number + 1), cut(self._text[begin:end][:1000]), reason)
        return last + 1

    def _decode(self, number: int, indent: int) -> tuple[Any, int]:
        """A value on one line, else one of several; of these only some may fail, for the time."""
        line, start = self._lines[number], self._starts[number]
        try:
            value, end = json_form.decode(line, indent)
        except JSONDecodeError as error:
            if error.pos < len(line.rstrip()) or self._failures == _FAILURES_MAX:
                raise
        else:
            return value, start + end
        try:
            return json_form.decode(self._text, start + indent)
        except JSONDecodeError:
            self._failures += 1
            raise

    def _read_xml(self, number: int, begin: int) -> Generator[Item, None, int]:
        yield from self._fields.end()
        end = xml_form.find_end(self._text, begin)
        yield from xml_form.read_xml(self._text[begin:end], number + 1)
        return self._line_of(max(begin, end - 1)) + 1

    def _line_of(self, position: int) -> int:
        """Counted from 0."""
        return bisect_right(self._starts, position) - 1

    def _read_line(self, line: str, place: Place) -> Iterator[Item]:
        line = refang(line[:_LINE_MAX])
        if quoted := _QUOTED.match(line):
            line = line[quoted.end() :]
        if not line.strip():
            yield from self._fields.end()
            return
        if line[:1] == "#":
            return
        try:
            item = read_log_line(line, place)
        except NoQuestion:
            return
        if item is None:
            item = read_plain_line(line, place)
            if (item is None or not _has_time(item)) and (found := read_field(line)) is not None:
                yield from self._fields.add(*found, place)
                return
        if item is not None:
            yield item


def _has_time(item: Item) -> bool:
    return bool(getattr(item, "time", ""))


def _may_be_header(line: str) -> bool:
    return line.startswith("#fields") or any(mark in line for mark in ",;\t|")


def _looks_like_json(text: str) -> bool:
    return re.match(r"[\[{]\s*(?:[\[{]\s*)*\"[^\"\n]{1,100}\"\s*:", text) is not None
