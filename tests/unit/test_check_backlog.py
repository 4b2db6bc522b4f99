"""check: whether what is published in the spool reaches the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from ctaudit.admin.check_backlog import (
    PATIENCE,
    Backlog,
    check_backlog,
    judge_backlog,
    read_published,
)
from ctaudit.admin.finding import Level
from ctaudit.config import Config, SpoolSection
from ctaudit.spool.writer import SpoolWriter
from tests.unit.fake_source import FakeClock

GOOD, WARNING, UNFIT = Level.GOOD, Level.WARNING, Level.UNFIT


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    """A stream with a note of some bytes."""
    clock = FakeClock()
    config = Config(node="gw1", spool=SpoolSection(tmp_path, segment_bytes=256 << 10))
    writer = SpoolWriter(config, clock)
    writer.begin_stream()
    writer.append_note("start", mode="live")
    yield tmp_path
    writer.close()


class Database:
    """Positions as the recorder moves them, ``step`` bytes a look."""

    def __init__(self, start: int | None, step: int = 0) -> None:
        self.position, self._step = start, step

    def find(self, node: str, stream: UUID) -> int | None:
        assert node == "gw1"
        assert stream.version == 4
        found = self.position
        self.position = (found or 0) + self._step if self._step else found
        return found


@pytest.mark.parametrize(
    ("backlog", "level", "words"),
    [
        (Backlog(0, 0, 0), GOOD, "the database has all that was received"),
        (Backlog(900, 0, 0.5), GOOD, "the database has all that was received"),
        (Backlog(900, 900, 10, 240), UNFIT, "nothing in 10 s; 900 bytes wait, the oldest"),
        (Backlog(900, 900, 10, 3), UNFIT, "took nothing"),
        (Backlog(900, 400, 10, 30), GOOD, "400 bytes wait, the oldest received 30 s ago; 500"),
        (Backlog(900, 400, 10, 300), WARNING, "400 bytes wait"),
        (Backlog(900, 400, 10), WARNING, "400 bytes wait; 500 were recorded in 10 s"),
    ],
)
def test_level(backlog: Backlog, level: Level, words: str) -> None:
    finding = judge_backlog(backlog)
    assert (finding.level, words in finding.found) == (level, True), finding
    assert bool(finding.remedy) == (level is not GOOD)


@pytest.mark.parametrize(
    ("database", "level", "waited"),
    [
        (Database(1 << 20), GOOD, 0),
        (Database(None), UNFIT, PATIENCE),
        (Database(0, 1), GOOD, PATIENCE),
        (Database(0, 1 << 20), GOOD, 0.25),
    ],
    ids=["all", "nothing", "slowly", "soon"],
)
def test_it_looks_until_all_is_there(
    spool: Path, database: Database, level: Level, waited: float
) -> None:
    clock = FakeClock()
    before = clock.now
    (finding,) = check_backlog(spool, database.find, monotonic=clock, sleep=clock.sleep)
    assert finding.level is level, finding
    assert clock.now - before == waited


def test_what_is_received_meanwhile_does_not_matter(spool: Path) -> None:
    [published] = read_published(spool)
    assert published.first == 0
    (finding,) = check_backlog(spool, Database(published.end).find)
    assert finding.level is GOOD


def test_no_spool_is_another_finding(tmp_path: Path) -> None:
    assert list(check_backlog(tmp_path / "none", Database(0).find)) == []
