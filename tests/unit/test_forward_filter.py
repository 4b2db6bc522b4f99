"""An output leaves out what the stream's own rules exclude where the kernel does not judge it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctaudit.capture.event_filter import EventFilter, choose_filter
from ctaudit.config import Config, FilterSection
from ctaudit.conntrack.filter import RuleSet
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.spool.output_state import read_state
from ctaudit.spool.segment import Word, list_segments
from ctaudit.spool.writer import SpoolWriter
from tests.unit.forwarding import configure, drain, gaps_in, numbered, numbers_in, outputting
from tests.unit.messages import build
from tests.unit.spool_writing import config, write_frame
from tests.unit.test_filtering import UDP_ENTRY

NO_UDP, NO_TCP = "deny proto udp", "deny proto tcp"


def in_recorder(text: str) -> EventFilter:
    return choose_filter(RuleSet((read_rule(text),)), lambda _: True)


def in_kernel(text: str) -> EventFilter:
    return choose_filter(RuleSet((read_rule(text),)), lambda _: False)


class Ruled:
    """A spool whose receiver has filter rules: event 2n-1 is of TCP, event 2n of UDP."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.writer = SpoolWriter(config(directory))
        self.sent = 0

    def start(self, chosen: EventFilter, told: Any = None) -> None:
        self.writer.begin_stream()
        rules = told or chosen.detail
        self.writer.append_note("start", mode="live", **({"filter": rules} if rules else {}))
        self.writer.words[Word.FILTER] = chosen.word

    def resume(self, chosen: EventFilter) -> None:
        self.writer.append_note("resume", pair="x", filter=chosen.detail)
        self.writer.words[Word.FILTER] = chosen.word

    def send(self) -> None:
        self.sent += 2
        udp = build(replace(UDP_ENTRY, ct_id=self.sent))
        write_frame(self.writer, numbered(self.sent - 1), udp + bytes(-len(udp) % 4))

    def roll(self) -> None:
        assert self.writer.roll()

    def lose_first(self) -> None:
        list_segments(self.directory)[0][1].unlink()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Ruled]:
    (tmp_path / "spool").mkdir()
    found = Ruled(tmp_path / "spool")
    yield found
    found.writer.close()


def forward(spool: Ruled, *rules: str, **keys: object) -> tuple[list[int], list[str]]:
    """The events and the causes of gaps in the file, by a process that ends thereafter."""
    given, file = output_of(spool, *rules, **keys)
    with outputting(given) as output:
        drain(output)
    return numbers_in(file), gaps_in(file)


def output_of(spool: Ruled, *rules: str, **keys: object) -> tuple[Config, Path]:
    file = spool.directory.parent / "out"
    given = configure(spool.directory, str(file), **keys)
    return replace(given, filter=FilterSection(rules=rules)), file


@pytest.mark.parametrize(
    ("chosen", "written"),
    [
        (in_recorder(NO_UDP), [1]),
        (in_recorder(NO_TCP), [2]),
        (in_kernel(NO_UDP), [1, 2]),
        (EventFilter(), [1, 2]),
    ],
)
def test_lines_of_what_the_rules_accept(
    spool: Ruled, chosen: EventFilter, written: list[int]
) -> None:
    """What the kernel has judged is not judged again."""
    spool.start(chosen)
    spool.send()
    assert forward(spool) == (written, [])


def test_rules_are_applied_before_remote_ends_are_taken_out(spool: Ruled) -> None:
    """A rule on the remote end holds although no line has one."""
    remote = f"deny orig_dst {UDP_ENTRY.orig.dst}"
    spool.start(in_recorder(remote))
    spool.send()
    given, file = output_of(spool)
    given = replace(given, privacy=replace(given.privacy, remote=False))
    with outputting(given) as output:
        drain(output)
    assert numbers_in(file) == []
    assert not any("gap.cause" in json.loads(line) for line in file.read_text().splitlines())


def test_rules_change_with_their_note(spool: Ruled) -> None:
    """They come from the stream, whatever is configured."""
    spool.start(in_recorder(NO_UDP))
    spool.send()
    spool.resume(in_recorder(NO_TCP))
    spool.send()
    spool.writer.append_note("resume", pair="x")
    spool.send()
    spool.resume(EventFilter())
    spool.send()
    assert forward(spool, NO_UDP) == ([1, 4, 6, 7, 8], [])


def test_a_new_stream_has_rules_of_its_own(spool: Ruled) -> None:
    spool.start(in_recorder(NO_UDP))
    spool.send()
    spool.start(EventFilter())
    spool.send()
    assert forward(spool) == ([1, 3, 4], ["not listening"])


def test_another_process_knows_the_rules(spool: Ruled) -> None:
    """From the state, in the middle of a segment and in the next one; without the kernel's."""
    spool.start(in_recorder(NO_UDP))
    spool.send()
    forward(spool)
    spool.send()
    assert forward(spool) == ([1, 3], [])
    spool.roll()
    spool.send()
    assert forward(spool) == ([1, 3, 5], [])
    spool.resume(in_kernel(NO_TCP))
    spool.send()
    assert forward(spool) == ([1, 3, 5, 7, 8], [])
    state = read_state(spool.directory, "a")
    assert state is not None
    kept = {"digest": RuleSet((read_rule(NO_TCP),)).digest, "where": "kernel"}
    assert state.place.filter == kept


def test_what_is_written_again_is_judged_by_the_rules_of_its_place(
    spool: Ruled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed fsync the output goes back behind a change of rules."""
    spool.start(in_recorder(NO_UDP))
    spool.send()
    given, file = output_of(spool)
    with outputting(given) as output:
        drain(output)
        spool.send()
        spool.resume(in_recorder(NO_TCP))
        spool.send()

        def fail(_: object) -> bool:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as broken:
            broken.setattr("ctaudit.forward.file_sink.FileSink.settle", fail)
            output.turn(stop=True)
        drain(output)
    assert numbers_in(file) == [1, 3, 6]


@pytest.mark.parametrize(
    ("chosen", "configured", "written", "gaps"),
    [
        (in_recorder(NO_UDP), (NO_UDP,), [3], []),
        (in_recorder(NO_UDP), (NO_TCP,), [4], ["filter rules not known"]),
        (in_recorder(NO_UDP), (), [3, 4], ["filter rules not known"]),
        (in_kernel(NO_UDP), (NO_TCP,), [3, 4], []),
        (EventFilter(), (NO_TCP,), [3, 4], []),
    ],
)
def test_an_output_that_begins_within_a_stream(
    spool: Ruled,
    caplog: pytest.LogCaptureFixture,
    chosen: EventFilter,
    configured: tuple[str, ...],
    written: list[int],
    gaps: list[str],
) -> None:
    """The header says the digest; the rules are the configuration's, and a line says if others."""
    spool.start(chosen)
    spool.send()
    spool.roll()
    spool.lose_first()
    spool.send()
    assert forward(spool, *configured) == (written, gaps)
    assert ("those of the configuration" in caplog.text) is bool(gaps)
    assert forward(spool, *configured) == (written, gaps)


@pytest.mark.parametrize("change", [lambda spool: spool.lose_first(), None])
def test_rules_that_changed_in_what_is_lost(
    spool: Ruled, change: Callable[[Ruled], None] | None
) -> None:
    """Deleted before it was read, or damaged."""
    spool.start(in_recorder(NO_UDP))
    spool.send()
    forward(spool)
    if change is not None:
        spool.roll()
    segment = spool.writer.current.segment
    offset = segment.end
    spool.resume(in_recorder(NO_TCP))
    segment.memory[4096 + offset + 60] ^= 0xFF
    spool.send()
    spool.roll()
    if change is not None:
        for _ in range(2):
            change(spool)
    spool.send()
    written, gaps = forward(spool, NO_TCP)
    assert written == [1, 6]
    assert len(gaps) == 1
    assert "filter rules not known" not in gaps


@pytest.mark.parametrize(
    ("first", "second", "configured", "written"),
    [
        (in_recorder(NO_UDP), in_recorder(NO_UDP), NO_TCP, [1, 5]),
        (in_kernel(NO_UDP), in_recorder(NO_UDP), NO_UDP, [1, 2, 5]),
        (in_recorder(NO_UDP), in_kernel(NO_UDP), NO_TCP, [1, 5, 6]),
    ],
)
def test_the_same_rules_behind_what_is_lost(
    spool: Ruled, first: EventFilter, second: EventFilter, configured: str, written: list[int]
) -> None:
    """Those that the output has go on, unless they are evaluated elsewhere now."""
    spool.start(first)
    spool.send()
    forward(spool)
    spool.roll()
    spool.resume(second)
    spool.send()
    spool.roll()
    for _ in range(2):
        spool.lose_first()
    spool.send()
    lost = "segments were deleted before they were read"
    assert forward(spool, configured) == (written, [lost])


@pytest.mark.parametrize(
    ("configured", "written", "gaps"),
    [(NO_UDP, [1, 2, 3], []), (NO_TCP, [1, 2, 4], ["filter rules not known"])],
)
def test_the_note_of_a_dump_says_rules_whose_note_was_lost(
    spool: Ruled, configured: str, written: list[int], gaps: list[str]
) -> None:
    lost = in_recorder(NO_UDP)
    spool.start(lost, told="damaged")
    spool.send()
    for _ in range(2):
        assert lost.rules is not None
        spool.writer.append_note("dump begin", cause="start", filter=lost.rules.digest)
    spool.send()
    assert forward(spool, configured) == (written, gaps)


def test_a_dump_without_rules_changes_nothing(spool: Ruled) -> None:
    spool.start(EventFilter())
    spool.writer.append_note("dump begin", cause="start")
    spool.send()
    assert forward(spool, NO_UDP) == ([1, 2], [])
