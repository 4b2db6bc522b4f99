"""A spool with numbered events, an output of it, and what has arrived."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ctaudit.config import Config, OutputSection
from ctaudit.forward.output import Output, make_sink
from ctaudit.spool.writer import SpoolWriter
from tests.unit.messages import build
from tests.unit.spool_writing import config, write_frame
from tests.unit.test_layout import ENTRY


class Spool:
    """``sent``: the ct_id of each event that was written, from 1 on."""

    def __init__(self, writer: SpoolWriter) -> None:
        self.writer = writer
        self.sent: list[int] = []

    def send(self, count: int) -> None:
        first = len(self.sent) + 1
        numbers = range(first, first + count)
        write_frame(self.writer, *(numbered(number) for number in numbers))
        self.sent += numbers

    def fill(self) -> None:
        """One segment more."""
        while self.writer.current.offset < self.writer.current.limit - 70_000:
            self.send(200)
        assert self.writer.roll()


def numbered(number: int) -> bytes:
    message = build(replace(ENTRY, ct_id=number))
    return message + bytes(-len(message) % 4)


@contextmanager
def spooling(directory: Path, **spool: object) -> Iterator[Spool]:
    writer = SpoolWriter(config(directory, **spool))
    writer.begin_stream()
    writer.append_note("start", mode="live")
    try:
        yield Spool(writer)
    finally:
        writer.close()


def configure(directory: Path, to: str, **keys: object) -> Config:
    section = OutputSection(to, **keys)  # type: ignore[arg-type]
    return replace(config(directory), output={"a": section})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def outputting(given: Config, clock: Clock | None = None) -> Iterator[Output]:
    output = Output(given, "a", make_sink(given.output["a"]), clock or Clock())
    try:
        yield output
    finally:
        output.close()


def drain(output: Output, *, stop: bool = True) -> None:
    """Until all that is published has been written; with ``stop`` also recorded."""
    while output.turn(stop=stop) or (stop and not output.is_settled):
        pass


def numbers_in(*files: Path) -> list[int]:
    """The ct_id of each line."""
    lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
    assert all(line.endswith(b"\n") for line in lines)
    return [found["ct.id"] for found in map(json.loads, lines) if "ct.id" in found]


def gaps_in(file: Path) -> list[str]:
    lines = map(json.loads, file.read_text().splitlines())
    return [line["gap.cause"] for line in lines if "gap.cause" in line]
