"""The receiver says its rules in the stream, and changes them there before the kernel has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctaudit.capture.event_filter import EventFilter, choose_filter
from ctaudit.capture.receiver import Receiver
from ctaudit.conntrack.bpf import count_instructions
from ctaudit.conntrack.filter import RuleSet, find_digest, find_where
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.spool.segment import Word
from ctaudit.spool.segment_writer import SegmentWriter
from tests.unit.test_receiver import Rig


def rules(*texts: str) -> RuleSet:
    return RuleSet(tuple(map(read_rule, texts)))


ONE, OTHER = (choose_filter(rules(text)) for text in ("deny proto udp", "deny proto tcp"))
TOO_MANY = rules(*(f"deny orig_src 2001:db8:{n:x}::/48 reply_sport {n}" for n in range(500)))


class FilterRig(Rig):
    chosen = EventFilter()

    def restart(self, *, inherited: bool) -> Receiver:
        self.receiver = Receiver(
            self.config, self.source, self.dumps, self.clock, self.clock.sleep,  # type: ignore[arg-type]
            self.kernel, self.chosen,  # type: ignore[arg-type]
        )  # fmt: skip
        self.receiver.begin(inherited=inherited)
        return self.receiver

    def go_on(self, chosen: EventFilter) -> None:
        """The next receiver has other rules."""
        self.receiver.finish(going_on=True)
        self.chosen = chosen
        self.restart(inherited=True)

    @property
    def word(self) -> int:
        return int(self.receiver._spool.words[Word.FILTER])


@pytest.fixture
def rig(tmp_path: Path) -> FilterRig:
    return FilterRig(tmp_path)


def test_the_kernel_takes_a_program() -> None:
    assert ONE.program is not None
    assert (ONE.where, ONE.length) == ("kernel", count_instructions(ONE.program))
    assert choose_filter(None) == EventFilter()


def test_too_many_rules_are_the_recorder_s() -> None:
    chosen = choose_filter(TOO_MANY)
    assert (chosen.where, chosen.program) == ("recorder", None)
    assert chosen.length > 4096
    assert "instructions, and the kernel takes 4,096" in chosen.why


def test_what_the_kernel_refuses_is_the_recorder_s() -> None:
    chosen = choose_filter(ONE.rules, lambda _: True)
    assert (chosen.where, chosen.program, chosen.length) == ("recorder", None, ONE.length)
    assert "raise net.core.optmem_max" in chosen.why


def test_a_word_says_rules_and_place() -> None:
    refused = choose_filter(ONE.rules, lambda _: True)
    assert len({0, ONE.word, OTHER.word, refused.word}) == 4
    assert ONE.rules is not None
    assert find_digest(ONE.word) == find_digest(refused.word) == ONE.rules.digest
    assert find_digest(0) is None
    assert (find_where(ONE.word), find_where(refused.word)) == ("kernel", "recorder")


def test_without_rules_nothing_is_said(rig: FilterRig) -> None:
    rig.settle()
    assert rig.source.program is None
    assert "filter" not in rig.notes("start")[0].detail
    assert "filter" not in rig.notes("dump begin")[0].detail


def test_a_stream_begins_with_its_rules(tmp_path: Path) -> None:
    class Ruled(FilterRig):
        chosen = ONE

    rig = Ruled(tmp_path)
    rig.settle()
    assert rig.source.program == ONE.program
    assert rig.notes("start")[0].detail["filter"] == ONE.detail
    assert rig.notes("dump begin")[0].detail["filter"] == find_digest(ONE.word)
    assert rig.word == ONE.word
    rig.go_on(ONE)
    assert "filter" not in rig.notes("resume")[0].detail
    assert rig.source.programs == [ONE.program, ONE.program]


def test_other_rules_are_noted_and_make_a_dump_due(rig: FilterRig) -> None:
    rig.settle()
    for number, chosen in enumerate((ONE, OTHER, EventFilter()), 1):
        rig.go_on(chosen)
        assert rig.notes("resume")[-1].detail["filter"] == chosen.detail
        assert rig.source.program == chosen.program
        assert rig.word == chosen.word
        rig.settle()
        assert rig.notes("dump begin")[number].detail["cause"] == "filter"
    assert "filter" not in rig.notes("dump begin")[3].detail


def test_the_note_comes_before_the_program(rig: FilterRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that is killed in between has said rules that the kernel does not have yet."""
    rig.settle()
    noted: list[int] = []
    monkeypatch.setattr(rig.source, "set_program", lambda _: noted.append(len(rig.notes("resume"))))
    rig.go_on(ONE)
    assert noted == [1]


def test_another_place_is_noted(rig: FilterRig) -> None:
    rig.settle()
    rig.go_on(ONE)
    rig.go_on(choose_filter(ONE.rules, lambda _: True))
    assert [note.detail["filter"]["where"] for note in rig.notes("resume")] == [
        "kernel", "recorder",
    ]  # fmt: skip
    assert rig.source.program is None


def test_a_full_spool_keeps_the_rules(rig: FilterRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    monkeypatch.setattr(SegmentWriter, "has_room", lambda _: False)
    rig.go_on(ONE)
    assert rig.source.programs == [None]
    assert rig.word == 0


def test_the_word_goes_on_in_the_next_segment(rig: FilterRig) -> None:
    rig.settle()
    rig.go_on(ONE)
    before = rig.segments
    while rig.segments == before:
        rig.receive(256)
    assert rig.word == ONE.word
