"""What status and check say of outputs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from ctaudit import cli
from ctaudit.admin.check_outputs import check_outputs, judge_output
from ctaudit.admin.finding import Level
from ctaudit.query.outputs import OutputLag, measure_outputs
from ctaudit.query.outputs_text import describe_output, format_outputs, plain_outputs
from ctaudit.spool.output_state import Lost, OutputState, Place, forget_others, list_states
from tests.unit.answers import local_zone
from tests.unit.forwarding import configure, drain, outputting, spooling

AT = 1_771_761_583_000_000_000  # 2026-02-22 11:59:43 UTC
DONE = OutputState("a", Place(UUID(int=1), 3, 500), lines=1234)
GOOD = OutputLag("a", "/out", DONE, 0, 0.0)
LOST = replace(DONE, lost=Lost(2, 5000, AT))
FAULTY = replace(DONE, fault="/out: No space left on device", fault_since=AT)


@pytest.fixture(autouse=True)
def _zone() -> Iterator[None]:
    with local_zone("UTC"):
        yield


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (replace(GOOD, state=None), "nothing forwarded yet"),
        (GOOD, "1,234 lines"),
        (
            replace(GOOD, unread=2048, seconds=61.25),
            "1,234 lines, 1 min 1.200 s behind (2,048 bytes)",
        ),
        (
            replace(GOOD, state=LOST),
            "1,234 lines, 2 segments lost, the last made before 2026-02-22 11:59:43+00:00",
        ),
        (
            replace(GOOD, state=FAULTY),
            "1,234 lines, /out: No space left on device since 2026-02-22 11:59:43+00:00",
        ),
    ],
)
def test_words(output: OutputLag, words: str) -> None:
    assert describe_output(output) == words
    assert list(format_outputs([output])) == [
        "outputs of this gateway",
        f"  a          /out: {words}",
    ]


@pytest.mark.parametrize(
    ("output", "now", "level"),
    [
        (GOOD, AT, Level.GOOD),
        (replace(GOOD, unread=9, seconds=59.0), AT, Level.GOOD),
        (replace(GOOD, unread=9, seconds=61.0), AT, Level.WARNING),
        (replace(GOOD, state=None), AT, Level.WARNING),
        (replace(GOOD, state=FAULTY), AT, Level.WARNING),
        (replace(GOOD, state=LOST), AT + int(86399e9), Level.WARNING),
        (replace(GOOD, state=LOST), AT + int(86401e9), Level.GOOD),
    ],
)
def test_levels(output: OutputLag, now: int, level: Level) -> None:
    finding = judge_output(output, 256 << 20, now)
    assert finding.level == level
    assert bool(finding.remedy) == (level is not Level.GOOD)


def test_json() -> None:
    assert plain_outputs([replace(GOOD, state=replace(FAULTY, lost=LOST.lost))]) == [
        {
            "name": "a", "to": "/out", "lines": 1234, "lag_bytes": 0, "lag_seconds": 0.0,
            "lost_segments": 2, "lost_bytes": 5000, "lost_until": "2026-02-22T11:59:43.000000Z",
            "fault": "/out: No space left on device", "fault_since": "2026-02-22T11:59:43.000000Z",
        }
    ]  # fmt: skip


def test_how_far_it_is_behind(tmp_path: Path) -> None:
    """In bytes of the spool, and since the first of them was received."""
    folder = tmp_path / "spool"
    folder.mkdir()
    given = configure(folder, str(tmp_path / "out"))
    with spooling(folder) as spool:
        spool.send(5)
        [fresh] = measure_outputs(given)
        assert (fresh.state, fresh.unread) == (None, spool.writer.current.offset)
        with outputting(given) as output:
            drain(output)
        [done] = measure_outputs(given)
        assert (done.unread, done.seconds) == (0, 0.0)
        offset = spool.writer.current.offset
        began = time.time()
        spool.send(5)
        spool.fill()
        spool.send(5)
        [behind] = measure_outputs(given)
        assert behind.unread > spool.writer.current.offset + 100_000
        assert offset < behind.unread
        assert 0 < behind.seconds <= time.time() - began + 0.1
        assert [item.level for item in check_outputs(given)] == [Level.GOOD]
    assert [state.name for state in list_states(folder)] == ["a"]
    assert forget_others(folder, {"b"}) == ["a"]
    assert list(list_states(folder)) == []


def test_the_status_of_a_gateway_without_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ctaudit.toml"
    folder = tmp_path / "spool"
    folder.mkdir()
    file.write_text(
        f'[spool]\ndirectory = "{folder}"\n[database]\nenabled = false\n[output.a]\nto = "/out"\n'
    )
    assert cli.main(["status", "--config", str(file)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["outputs of this gateway", "  a          /out: nothing forwarded yet"]
    assert cli.main(["status", "--json", "--config", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"][0]["name"] == "a"


def test_nothing_is_recorded_without_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand it says so and ends."""
    file = tmp_path / "ctaudit.toml"
    file.write_text('[database]\nenabled = false\n[output.a]\nto = "/out"\n')
    assert cli.main(["record", "--config", str(file)]) == 0
    assert "database.enabled = false: nothing is recorded" in capsys.readouterr().err
