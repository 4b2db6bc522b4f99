"""The counts of how long events waited, in the spool's file recorder.lag."""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path

import pytest

from ctaudit.spool.lag import BOUNDS, FILE_NAME, open_lag, read_lag


def test_bounds_rise() -> None:
    assert all(lower < upper for lower, upper in pairwise(BOUNDS))


@pytest.mark.parametrize(
    ("seconds", "place"),
    [(-3.0, 0), (0.0, 0), (0.1, 0), (0.1001, 1), (1.0, 3), (7200.0, 11), (7200.5, 12)],
)
def test_a_wait_is_in_its_bucket(tmp_path: Path, seconds: float, place: int) -> None:
    open_lag(tmp_path).add(7, seconds)
    found = read_lag(tmp_path)
    assert found is not None
    assert found.counts == tuple(7 if at == place else 0 for at in range(len(BOUNDS) + 1))
    assert found.total == pytest.approx(max(seconds, 0) * 7)


def test_a_restart_goes_on(tmp_path: Path) -> None:
    """Counters do not go back."""
    open_lag(tmp_path).add(2, 0.2)
    open_lag(tmp_path).add(3, 0.2)
    found = read_lag(tmp_path)
    assert found is not None
    assert found.counts[1] == 5
    assert found.total == pytest.approx(1.0)


@pytest.mark.parametrize("content", [b"", b"x" * 4096, bytes(100)])
def test_a_foreign_file_is_not_read_and_begins_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    assert read_lag(tmp_path) is None
    open_lag(tmp_path).add(1, 0.05)
    found = read_lag(tmp_path)
    assert found is not None
    assert sum(found.counts) == 1


def test_where_there_can_be_no_file_it_is_said_and_recording_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        open_lag(tmp_path / "missing").add(1, 0.05)
    assert caplog.messages == [
        f"{tmp_path}/missing/recorder.lag: no histogram of the lag: No such file or directory"
    ]
    assert read_lag(tmp_path / "missing") is None
