"""What counters are worth: ctaudit.most_counted on arrays, and the answers of flows and live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lab.cluster import Cluster
from tests.store.histories.sending import Store, open_store
from tests.store.situation import write_calls
from tests.store.test_situations import CONNECTIONS

BEGIN = ("10:00 begin", "10:05 NEW a")
ZEROED = "another tool set the counters to zero"
OFFLOADED = "offloaded to a flowtable"
LAST_DUMP = "by the last table dump"
NOT_COUNTED = "the kernel did not count, nf_conntrack_acct = 0"
NOT_SEEN = "no table dump has shown it"
AN_HOUR = "p_from => '2024-02-22 10:01Z', p_until => '2024-02-22 10:59Z'"
Told = tuple[int | None, int | None, int | None, int | None, str, str | None]


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "counters") as opened:
        yield opened


@pytest.mark.parametrize(
    ("counts", "most", "was_reset"),
    [
        ([], None, False),
        (None, None, False),
        ([None], None, False),
        ([0], 0, False),
        ([5], 5, False),
        ([5, 5], 5, False),
        ([5, 9, 9, 12], 12, False),
        ([9, 5], 9, True),
        ([9, 0], 9, True),
        ([5, 3, 12], 12, True),
        ([9, None, 5], 9, True),
        ([None, 5, None, 9, None], 9, False),
        ([1 << 62, (1 << 62) + 1], (1 << 62) + 1, False),
    ],
)
def test_most_counted(
    store: Store, counts: Sequence[int | None] | None, most: int | None, was_reset: bool
) -> None:
    found = store.connection.execute(
        "SELECT * FROM ctaudit.most_counted(%s::bigint[])", (counts,)
    ).fetchone()
    assert found == (most, was_reset)


def ask(store: Store, lines: Sequence[str], function: str) -> Any:
    """The one connection: packets and bytes of either side, their worth, and last_seen_at."""
    store.begin()
    try:
        store.send(write_calls(tuple(lines), CONNECTIONS))
        (row,) = store.connection.execute(
            "SELECT orig_packets, orig_bytes, reply_packets, reply_bytes, counters, "
            "counters_cause, to_char(last_seen_at AT TIME ZONE 'UTC', 'HH24:MI') "
            f"FROM {function}".encode()
        ).fetchall()
    finally:
        store.forget()
    return row


ANSWERS: dict[str, tuple[Sequence[str], Told]] = {
    "all that were counted": (
        ["10:10 dump a@bytes=900@packets=3", "10:20 END a packets=4 bytes=950"],
        (4, 950, 4, 950, "exact", None),
    ),
    "zeroed": (
        ["10:10 dump a@bytes=1003176@packets=700", "10:20 END a packets=3 bytes=1156"],
        (700, 1003176, 700, 1003176, "at least", ZEROED),
    ),
    "zeroed by the packets alone": (
        ["10:10 dump a@bytes=900@packets=9", "10:20 END a packets=3 bytes=950"],
        (9, 950, 9, 950, "at least", ZEROED),
    ),
    "offloaded once": (
        ["10:10 dump a@offloaded", "10:12 dump a", "10:20 END a packets=3 bytes=180"],
        (None, None, None, None, "unknown", OFFLOADED),
    ),
    "an end without counters": (
        ["10:10 dump a@bytes=900@packets=9", "10:20 END a uncounted"],
        (9, 900, 9, 900, "at least", "the end has no counters"),
    ),
    "not counted": (
        ["10:10 dump a@uncounted", "10:20 END a uncounted"],
        (None, None, None, None, "unknown", NOT_COUNTED),
    ),
    "not counted, and in no dump": (
        ["10:06 END a uncounted"],
        (None, None, None, None, "unknown", NOT_COUNTED),
    ),
    "open": (
        ["10:10 dump a@bytes=900@packets=9"],
        (9, 900, 9, 900, "at least", LAST_DUMP),
    ),
    "open, not counted": (
        ["10:10 dump a@uncounted"],
        (None, None, None, None, "unknown", NOT_COUNTED),
    ),
    "open, in no dump": ([], (None, None, None, None, "unknown", NOT_SEEN)),
    "open, offloaded": (
        ["10:10 dump a@offloaded"],
        (None, None, None, None, "unknown", OFFLOADED),
    ),
}  # fmt: skip
OPEN = [name for name in ANSWERS if name.startswith("open")]


@pytest.mark.parametrize("bounds", ["", AN_HOUR])
@pytest.mark.parametrize("name", ANSWERS)
def test_flows(store: Store, name: str, bounds: str) -> None:
    lines, told = ANSWERS[name]
    row = ask(store, [*BEGIN, *lines, "11:00 covered"], f"ctaudit.flows({bounds})")
    assert row[:6] == told


@pytest.mark.parametrize("bounds", ["", AN_HOUR])
@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in OPEN])
def test_flows_of_history_mode(store: Store, name: str, bounds: str) -> None:
    lines, told = ANSWERS[name]
    begin = ["10:00 begin history", "10:05 NEW a"]
    row = ask(store, [*begin, *lines, "11:00 covered"], f"ctaudit.flows({bounds})")
    assert row[:6] == told


@pytest.mark.parametrize("name", OPEN)
def test_live(store: Store, name: str) -> None:
    lines, told = ANSWERS[name]
    row = ask(store, [*BEGIN, *lines, "11:00 covered"], "ctaudit.live('gw1')")
    assert row[:6] == told


def test_counters_while_open_are_of_the_time_they_say(store: Store) -> None:
    """Two dumps come after what is asked: the second counts, and its time is given."""
    dumps = ["10:10 dump a@bytes=5000", "10:20 dump a@bytes=9000", "10:30 covered"]
    who = "ctaudit.who('1.2.3.4', 53500, '2024-02-22 10:07Z', '2024-02-22 10:07:01Z')"
    row = ask(store, [*BEGIN, *dumps], who)
    assert (row[1], row[4], row[6]) == (9000, "at least", "10:20")


IDLE: dict[str, tuple[Sequence[str], str | None]] = {
    "in no dump": ([], None),
    "in one dump": (["10:10 dump a@packets=5"], None),
    "in two, with more": (["10:10 dump a@packets=5", "10:20 dump a@packets=6"], None),
    "in two": (["10:10 dump a@packets=5", "10:20 dump a@packets=5"], "10:10"),
    "not counted": (["10:10 dump a@uncounted", "10:20 dump a@uncounted"], None),
    "offloaded": (["10:10 dump a@offloaded", "10:20 dump a@offloaded"], None),
    "busy before": (
        ["10:10 dump a@packets=4", "10:20 dump a@packets=5", "10:30 dump a@packets=5",
         "10:40 dump a@packets=5"], "10:20",
    ),
    "more by its end": (
        ["10:10 dump a@packets=5", "10:20 dump a@packets=5", "10:30 END a packets=6"], None,
    ),
    "until its end": (["10:20 dump a@packets=5", "10:30 END a packets=5"], "10:20"),
}  # fmt: skip


@pytest.mark.parametrize("name", IDLE)
def test_since_when_no_packet_was_seen(store: Store, name: str) -> None:
    lines, since = IDLE[name]
    store.begin()
    try:
        store.send(write_calls((*BEGIN, *lines, "11:00 covered"), CONNECTIONS))
        rows = store.connection.execute(
            "SELECT to_char(idle_since AT TIME ZONE 'UTC', 'HH24:MI') "
            f"FROM ctaudit.flows({AN_HOUR})".encode()
        ).fetchall()
    finally:
        store.forget()
    assert rows == [(since,)]


@pytest.mark.parametrize("mode", ["live", "history"])
def test_a_connection_whose_start_is_not_known(store: Store, mode: str) -> None:
    """In history mode nothing tells it: each dump within the span may show it."""
    lines = [
        f"10:00 begin {mode} unstamped with a@unstamped@bytes=5000",
        "10:10 dump a@unstamped@bytes=10", "10:20 END a unstamped bytes=20", "11:00 covered",
    ]  # fmt: skip
    row = ask(store, lines, "ctaudit.flows(p_from => '2024-02-22 09:59Z')")
    assert (row[1], row[4], row[5]) == (5000, "at least", ZEROED)
