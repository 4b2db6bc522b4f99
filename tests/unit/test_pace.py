"""When the receiver sleeps, polls and writes a DRAINED note."""

from __future__ import annotations

import pytest

from ctaudit.capture.pace import (
    BUFFER_FOR_DELAY,
    COALESCE_DELAY,
    DRAINED_EVERY,
    HEARTBEAT,
    Pace,
    poll_timeout,
)

LARGE, SMALL = BUFFER_FOR_DELAY, BUFFER_FOR_DELAY - 1


@pytest.mark.parametrize(
    ("drained", "buffer", "dump_wait", "seconds"),
    [
        (True, LARGE, 10.0, COALESCE_DELAY),
        (True, LARGE, 0.001, COALESCE_DELAY),
        (True, LARGE, 0.0, 0.0),  # a dump runs or is due
        (True, SMALL, 10.0, 0.0),  # the buffer could overrun meanwhile
        (False, LARGE, 10.0, 0.0),  # more is queued, or events are being dropped
    ],
)
def test_sleep(drained: bool, buffer: int, dump_wait: float, seconds: float) -> None:
    assert Pace(drained).sleep_before(buffer, dump_wait) == seconds


@pytest.mark.parametrize(
    ("count", "since", "due"),
    [
        (0, 0, True),  # nothing came: the heartbeat of an idle stream
        (0, DRAINED_EVERY, True),
        (1, DRAINED_EVERY, True),
        (256, DRAINED_EVERY + 1, True),
        (1, DRAINED_EVERY - 1, False),
    ],
)
def test_drained_note(count: int, since: int, due: bool) -> None:
    assert Pace(noted_at=10**18).is_note_due(count, 10**18 + since) is due


@pytest.mark.parametrize(
    ("dump_wait", "seconds"),
    [(3600.0, HEARTBEAT), (HEARTBEAT, HEARTBEAT), (0.1, 0.1), (0.0, 0.0)],
)
def test_poll_timeout(dump_wait: float, seconds: float) -> None:
    assert poll_timeout(dump_wait) == seconds


def test_a_stream_begins_busy_and_has_its_first_note_at_once() -> None:
    assert Pace().sleep_before(LARGE, 10.0) == 0.0
    assert Pace().is_note_due(1, 10**18)
