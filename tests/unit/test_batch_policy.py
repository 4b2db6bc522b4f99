"""When a batch is sent, and why: one row a case."""

from __future__ import annotations

import pytest

from ctaudit.record.batch_policy import BatchPolicy, Due, LastSent, Moment, has_content, is_quiet
from ctaudit.spool.decoder import Batch

SECOND = 1_000_000_000
# Monotonic and wall clock at the time of asking; the wall clock is of no use to the other.
NOW = Moment(1000.0, 5_000 * SECOND)
POLICY = BatchPolicy(events=100, wait=0.2)


def batch_of(count: int, covered: int = 0, age: float = 0.0) -> Batch:
    """``age``: seconds since the first event was received."""
    return Batch(count=count, covered_until=covered, since=NOW.wall - int(age * SECOND))


@pytest.mark.parametrize(
    ("count", "covered", "limit", "note_next", "due"),
    [
        # read on
        (0, 0, 100, False, None),
        (99, 5, 100, False, None),
        (0, 5, 100, False, None),
        # full; while an event is looked for it is full with less
        (100, 0, 100, False, Due.FULL),
        (50, 0, 50, False, Due.LIMIT),
        (1, 0, 1, False, Due.LIMIT),
        # a note or an undecodable message follows
        (1, 0, 100, True, Due.NOTE),
        (0, 5, 100, True, Due.NOTE),
        (0, 0, 100, True, None),
        (100, 0, 100, True, Due.FULL),
    ],
)
def test_after_a_step(
    count: int, covered: int, limit: int, note_next: bool, due: Due | None
) -> None:
    assert POLICY.due_after_step(batch_of(count, covered), limit, note_next=note_next) is due


def test_batches_of_one_event_are_answered_one_by_one() -> None:
    """Or a rejected event would not be the one that was read last."""
    assert BatchPolicy(1, 0.2).due_after_step(batch_of(1), 1, note_next=False) is Due.LIMIT
    assert BatchPolicy(2, 0.2).due_after_step(batch_of(2), 2, note_next=False) is Due.FULL


@pytest.mark.parametrize(
    ("count", "covered", "age", "sent", "events_sent", "ended", "due"),
    [
        # nothing to send; nothing more comes
        (0, 0, 0.0, 9.0, 9.0, False, None),
        (0, 0, 0.0, 0.0, 0.0, True, Due.END),
        (1, 0, 0.0, 0.0, 0.0, True, Due.END),
        # events wait since events were sent last, or since the first of them was received
        (1, 0, 0.0, 0.0, 0.1, False, None),
        (1, 0, 0.0, 0.0, 0.25, False, Due.WAITED),
        (1, 0, 0.25, 0.0, 0.0, False, Due.WAITED),
        (1, 0, 0.1, 0.1, 0.1, False, None),
        # coverage alone waits for a second since anything was sent
        (0, 5, 0.0, 0.9, 9.0, False, None),
        (0, 5, 0.0, 1.1, 0.0, False, Due.COVERAGE),
        (0, 5, 9.0, 0.3, 0.3, False, None),
    ],
)
def test_at_rest(
    count: int,
    covered: int,
    age: float,
    sent: float,
    events_sent: float,
    ended: bool,
    due: Due | None,
) -> None:
    """``sent``, ``events_sent``: seconds since a batch, and one with events, was sent."""
    last = LastSent(NOW.monotonic - sent, NOW.monotonic - events_sent)
    assert POLICY.due_at_rest(batch_of(count, covered, age), last, NOW, ended=ended) is due


@pytest.mark.parametrize(
    ("age", "events_sent", "left"),
    [(0.0, 0.0, 0.2), (0.05, 0.0, 0.15), (0.0, 0.15, 0.05), (0.5, 0.0, -0.3)],
)
def test_seconds_that_events_have_left(age: float, events_sent: float, left: float) -> None:
    last = LastSent(NOW.monotonic, NOW.monotonic - events_sent)
    assert POLICY.wait_left(batch_of(1, age=age), last, NOW) == pytest.approx(left)


def test_last_sent() -> None:
    last = LastSent(1.0, 2.0)
    assert last.after(batch_of(0, 5), 7.0) == LastSent(7.0, 2.0)
    assert last.after(batch_of(3), 7.0) == LastSent(7.0, 7.0)


@pytest.mark.parametrize(
    ("count", "covered", "content", "quiet"),
    [(0, 0, False, False), (0, 5, True, True), (2, 5, True, False), (2, 0, True, False)],
)
def test_content_of_a_batch(count: int, covered: int, content: bool, quiet: bool) -> None:
    batch = batch_of(count, covered)
    assert (has_content(batch), is_quiet(batch)) == (content, quiet)
