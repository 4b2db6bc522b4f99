"""docs/spool-format.md says what the code does: offsets, sizes, types of notes."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from ctaudit.spool import frame, note, segment
from ctaudit.spool.segment import Word

PAGE = (Path(__file__).parents[2] / "docs" / "spool-format.md").read_text()


def rows(pattern: str) -> list[tuple[str, ...]]:
    """The cells of the table rows that match, in the page's order."""
    return [found.groups() for found in re.finditer(rf"(?m)^\| {pattern} \|", PAGE)]


def places(fields: tuple[tuple[str, str], ...]) -> list[tuple[str, str, str]]:
    """(offset, size, name) of a packed struct's fields."""
    found, offset = [], 0
    for name, code in fields:
        size = struct.calcsize(f"={code}")
        found.append((str(offset), str(size), name))
        offset += size
    return found


FIELDS = rows(r"(\d+) \| (\d+) \| `(\w+)`")


def test_the_fixed_part_of_the_header() -> None:
    fixed = places(segment.FIXED_FIELDS)
    assert FIELDS[: len(fixed)] == fixed
    checksum, node = rows(r"(\d+) \| (\d+) \| (checksum|node)")
    assert checksum[:2] == (str(segment._FIXED.size), str(segment._CHECKSUM.size))
    assert node[:2] == (str(segment._NODE_OFFSET), str(segment._NODE_SIZE))
    assert f"{segment.HEADER_SIZE} bytes of header" in PAGE


def test_the_words_of_the_header() -> None:
    words = rows(r"(\d+) \| `([A-Z_]+)` \| (?:receiver|recorder)")
    assert words == [(str(8 * word), word.name) for word in Word]


def test_the_head_of_a_frame() -> None:
    head = places(frame.HEAD_FIELDS)
    assert FIELDS[len(segment.FIXED_FIELDS) :] == head
    assert f"{frame.HEAD_SIZE}, the size of the head" in PAGE


def test_the_types_of_notes() -> None:
    types = {int(number, 16): name for number, name in rows(r"(0x[0-9A-F]{4}) \| `([\w ]+)`")}
    assert types == {note.DRAINED: "drained", **note.NAMED}
    assert f"{frame._TYPE:#06x}".replace("0xca", "0xCA") in PAGE


@pytest.mark.parametrize("suffix", ["new", "segment", "foreign", "damaged"])
def test_the_names_of_files(suffix: str) -> None:
    source = Path(segment.__file__).read_text()
    assert f".{suffix}" in source
    assert f"`NNNNNNNNNNNN.{suffix}`" in PAGE
