"""Kept segments damaged in seeded ways, and what the recorder makes of them without a database."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from ctaudit.config import Config, JournalSection, SpoolSection
from ctaudit.record.positions import Span
from ctaudit.record.procedures import Call, Store
from ctaudit.record.recorder import Recorder
from ctaudit.record.session import Session
from ctaudit.spool.decoder import Batch, describe_row
from ctaudit.spool.note import Note
from ctaudit.spool.order import list_paths
from ctaudit.spool.segment import HEADER_SIZE

FOREVER = 1 << 63
Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Encoded(Call):
    span: Span
    batch: Batch


@dataclass
class Ledger(Store):
    """What record procedures would hold: rows with their time, and spans of which nothing is known.

    A span is [from, until] in nanoseconds: from what was covered before, as record_note has it;
    one without end ends with the next dump that nothing has spoiled.
    """

    rows: Counter[Row] = field(default_factory=Counter)
    positions: dict[tuple[str, UUID], int] = field(default_factory=dict)
    covered: dict[tuple[str, UUID], int] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    dumping: set[tuple[str, UUID]] = field(default_factory=set)

    def encode(self, span: Span, batch: Batch) -> Call:
        return _Encoded((), (), (), span, batch)

    def send(self, call: Call) -> None:
        assert isinstance(call, _Encoded)
        span, batch = call.span, call.batch
        self._advance(span)
        key = span.node, span.stream
        self.covered[key] = max(self.covered[key], batch.covered_until)
        for layout, rows in batch.rows.items():
            for row in rows:
                values = describe_row(layout, row)
                words = tuple(f"{name}={values[name]}" for name in sorted(values))
                self.rows[row[-1], *words] += 1

    def receive(self) -> None:
        """All that was sent is there."""

    def close(self) -> None:
        """There is no connection."""

    def record_note(self, span: Span, note: Note) -> None:
        key, at = (span.node, span.stream), note.at
        if note.name == "start" and key not in self.positions:
            # Nothing before it is covered, by this stream or an earlier one.
            self.gaps.append((max(self.covered.values(), default=0), FOREVER))
            self.positions[key] = span.until
            self.covered[key] = at
        else:
            self._advance(span)
        if note.name == "missing":
            self.gaps.append((self.covered[key], int(note.detail["until"])))
            self.dumping.discard(key)
        elif note.name == "dump begin":
            self.dumping.add(key)
        elif note.name == "dump end" and key in self.dumping:
            self.gaps = [(begin, min(end, at)) for begin, end in self.gaps]
        elif note.name in ("overrun", "dropped", "undecodable"):
            raise AssertionError(f"{note.name}: {note.detail}")

    def find_filter(self, node: str, stream: UUID, position: int) -> None:
        """No stream here has filter rules."""

    def find_position(self, node: str, stream: UUID) -> int | None:
        return self.positions.get((node, stream))

    def explains(self, received: int) -> bool:
        """Whether a row of that time may be missing, by a gap or by what is covered."""
        within = any(begin <= received <= end for begin, end in self.gaps)
        return within or received > max(self.covered.values(), default=0)

    def _advance(self, span: Span) -> None:
        key = span.node, span.stream
        assert self.positions[key] == span.first <= span.until
        self.positions[key] = span.until


def read_folder(directory: Path) -> Ledger:
    """All that the recorder's own code makes of a folder of segments."""
    ledger = Ledger()
    config = Config(
        node="gw1", spool=SpoolSection(directory=directory), journal=JournalSection(rate=0)
    )
    session = Session(lambda: ledger)
    Recorder(config, session, lambda: list_paths(directory)).work(lambda: True)
    return ledger


@contextmanager
def copied(segments: Path, place: Path) -> Iterator[Path]:
    """The folder once more, to be damaged."""
    copy = place / "copy"
    shutil.copytree(segments, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


Damage = Callable[[bytearray, random.Random], None]


def flip_bits(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 1, 1, 8, 200))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def flip_a_bit_of_the_header(data: bytearray, dice: random.Random) -> None:
    data[dice.randrange(300)] ^= 1 << dice.randrange(8)


def flip_a_bit_of_the_data(data: bytearray, dice: random.Random) -> None:
    data[dice.randrange(HEADER_SIZE, HEADER_SIZE + 150_000)] ^= 1 << dice.randrange(8)


def truncate(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


def zero(data: bytearray, dice: random.Random) -> None:
    at, size = dice.randrange(len(data)), dice.choice((1, 8, 40, 512, 4096, 65536))
    data[at : at + size] = bytes(len(data[at : at + size]))


def swap_blocks(data: bytearray, dice: random.Random) -> None:
    size = dice.choice((4, 188, 512, 4096))
    blocks = len(data) // size
    first, second = (slice(n * size, n * size + size) for n in dice.sample(range(blocks), 2))
    data[first], data[second] = data[second], data[first]


def repeat_a_stretch(data: bytearray, dice: random.Random) -> None:
    size = dice.choice((40, 188, 4096, 40_000))
    source, target = (dice.randrange(HEADER_SIZE, len(data) - size) for _ in range(2))
    data[target : target + size] = data[source : source + size]


def write_noise(data: bytearray, dice: random.Random) -> None:
    at, size = dice.randrange(len(data)), dice.choice((16, 512, 20_000))
    data[at : at + size] = dice.randbytes(len(data[at : at + size]))


def replace_by_noise(data: bytearray, dice: random.Random) -> None:
    data[:] = dice.randbytes(dice.choice((0, 100, 5000, len(data))))


DAMAGES: tuple[Damage, ...] = (
    flip_bits,
    flip_a_bit_of_the_header,
    flip_a_bit_of_the_data,
    truncate,
    zero,
    swap_blocks,
    repeat_a_stretch,
    write_noise,
    replace_by_noise,
)


def damage_folder(directory: Path, seed: int) -> str:
    """One damage to one file; or a foreign file, or a segment that is in the wrong place."""
    dice = random.Random(seed)
    paths = list_paths(directory)
    victim = dice.choice(paths)
    which = dice.randrange(len(DAMAGES) + 3)
    if which < len(DAMAGES):
        data = bytearray(victim.read_bytes())
        DAMAGES[which](data, dice)
        victim.write_bytes(data)
        return f"{DAMAGES[which].__name__} in {victim.name}"
    if which == len(DAMAGES):
        victim.unlink()
        return f"{victim.name} is gone"
    if which == len(DAMAGES) + 1:
        target = directory / f"{dice.randrange(10**12):012d}.segment"
        if not target.exists():
            shutil.copy(victim, target)
        return f"{victim.name} stands there as {target.name}, too"
    other = dice.choice([path for path in paths if path != victim])
    shutil.copy(other, victim)
    return f"{victim.name} is a copy of {other.name}"


def expect_truth(whole: Ledger, damaged: Ledger, told: str) -> bool:
    """No row that was not there, none twice, and a gap over each that is missing.

    Returns whether anything is missing.
    """
    assert not damaged.rows - whole.rows, f"{told}: rows that never were"
    missing = whole.rows - damaged.rows
    hidden = [row for row in missing if not damaged.explains(row[0])]
    assert not hidden, f"{told}: {len(hidden)} rows are missing and nothing says so: {hidden[0]}"
    return bool(missing)
