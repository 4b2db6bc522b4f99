"""What the notes settings and clashes make of the store, and what dumps prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ctaudit.admin import check_database
from ctaudit.admin.finding import Level
from lab.cluster import Cluster
from tests.store.gateway import Event, Gateway, let_record, nanoseconds, opened, tuples

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
ON = {"events": 1, "acct": 1, "timestamp": 1}
HELD: Event = {
    **tuples("192.168.1.131 40000 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53599"),
    "proto": 6, "ct_id": 9, "status": 0x198,
}  # fmt: skip


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


class Watched(Gateway):
    """A gateway that records since ``BEGAN``; its dumps take 10 ms."""

    def dump(self, at: datetime, entries: Sequence[Event] = ()) -> None:
        super().dump(at, entries)
        self.connection.execute(
            "UPDATE ctaudit.dump SET began_at = began_at - interval '10 ms' "
            "WHERE node = %s AND ended_at = %s",
            (self.node, at),
        )

    def settings(self, seconds: float, before: dict[str, Any], **changes: Any) -> None:
        self.record([], at(seconds - 0.5))
        detail = {**before, **changes, "last_look": nanoseconds(at(seconds - 0.25))}
        self.note("settings", at(seconds), {**detail, "before": before})

    def clashes(self, seconds: float, count: int, timeout: int = 120) -> None:
        self.record([], at(seconds - 0.5))
        since = nanoseconds(at(seconds - 0.25))
        detail = {"count": count, "since": since, "udp_timeout": timeout}
        self.note("clashes", at(seconds), detail)

    def gaps(self) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            "SELECT cause, gap_from, gap_until, lost, proto, hides_openings, hides_ends "
            "FROM ctaudit.gap WHERE node = %s ORDER BY gap_id",
            (self.node,),
        ).fetchall()

    def kept_notes(self, name: str) -> list[dict[str, Any]]:
        found = self.connection.execute(
            "SELECT detail FROM ctaudit.note WHERE node = %s AND note = %s ORDER BY position",
            (self.node, name),
        ).fetchall()
        return [detail for (detail,) in found]

    def setting(self, name: str) -> Any:
        row = self.connection.execute(
            "SELECT detail -> %s FROM ctaudit.stream WHERE stream = %s", (name, self.stream)
        ).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def gateway(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Watched]:
    made = begin(cluster, request.node.name)
    yield made
    made.close()


def begin(cluster: Cluster, node: str, mode: str = "live", **settings: int) -> Watched:
    made = Watched(cluster.dsn(), node, mode)
    made.note("start", BEGAN, {"mode": mode, **ON, **settings})
    made.dump(at(1))
    made.record([], at(2))
    return made


def test_events_off_is_a_gap_until_a_dump_after_they_are_on(gateway: Watched) -> None:
    gateway.settings(60, ON, events=0)
    gateway.dump(at(70))
    gateway.record([], at(71))
    opened_gap = ("nf_conntrack_events = 0", at(59.5), None, None, None, True, True)
    assert gateway.gaps() == [opened_gap]
    gateway.settings(80, {**ON, "events": 0}, events=2)
    assert gateway.gaps() == [opened_gap]
    gateway.dump(at(81))
    assert [(cause, until) for cause, _, until, *_ in gateway.gaps()] == [
        ("nf_conntrack_events = 0", at(81))
    ]
    assert [note["before"]["events"] for note in gateway.kept_notes("settings")] == [1, 0]


@pytest.mark.parametrize(("mode", "openings", "ends"), [("live", True, True), ("nat", True, False)])
def test_events_off_from_the_start(
    cluster: Cluster, request: pytest.FixtureRequest, mode: str, openings: bool, ends: bool
) -> None:
    gateway = begin(cluster, request.node.name, mode, events=0)
    [(_, gap_from, until, *_, hides_openings, hides_ends)] = gateway.gaps()
    assert (gap_from, until) == (BEGAN, None)
    assert (hides_openings, hides_ends) == (openings, ends)
    gateway.close()


def test_events_off_twice_are_two_gaps_and_off_still_is_one(gateway: Watched) -> None:
    off = {**ON, "events": 0}
    gateway.settings(60, ON, events=0)
    gateway.settings(70, off, acct=0)
    gateway.settings(80, {**off, "acct": 0}, events=1)
    gateway.dump(at(81))
    gateway.settings(90, {**ON, "acct": 0}, events=0)
    assert [(gap_from, until) for _, gap_from, until, *_ in gateway.gaps()] == [
        (at(59.5), at(81)), (at(89.5), None),
    ]  # fmt: skip


def test_other_gaps_end_with_a_dump_while_events_are_off(gateway: Watched) -> None:
    gateway.settings(60, ON, events=0)
    gateway.note("overrun", at(65), {"lost": 1, "last_read_at": nanoseconds(at(64))})
    gateway.dump(at(70))
    assert [(cause, until) for cause, _, until, *_ in gateway.gaps()] == [
        ("nf_conntrack_events = 0", None), ("overrun", at(70)),
    ]  # fmt: skip


@pytest.mark.parametrize(("first", "then"), [(1, 0), (0, 1), (None, 1)])
def test_stamps_count_as_there_only_if_they_always_were(
    cluster: Cluster, request: pytest.FixtureRequest, first: int | None, then: int
) -> None:
    """ctaudit.needed relies on it."""
    gateway = begin(cluster, request.node.name, timestamp=first)  # type: ignore[arg-type]
    gateway.settings(60, {**ON, "timestamp": first}, timestamp=then)
    assert gateway.setting("timestamp") == 0
    gateway.settings(61, {**ON, "timestamp": then}, timestamp=first)
    assert gateway.setting("timestamp") == 0
    assert not gateway.gaps()
    gateway.close()


def test_stamps_stay_while_another_setting_changes(gateway: Watched) -> None:
    gateway.settings(60, ON, acct=0)
    assert gateway.setting("timestamp") == 1
    assert not gateway.gaps()


def test_clashes_are_a_gap_of_udp(gateway: Watched) -> None:
    gateway.clashes(60, 3)
    gateway.dump(at(70))
    gateway.record([], at(300))
    assert gateway.gaps() == [("clashes", at(59.5), at(180), 3, 17, True, False)]


def test_clashes_that_go_on_are_one_gap_and_one_note(gateway: Watched) -> None:
    for seconds in (60, 61, 62, 170):
        gateway.clashes(seconds, 2)
    assert gateway.gaps() == [("clashes", at(59.5), at(290), 8, 17, True, False)]
    assert len(gateway.kept_notes("clashes")) == 1
    gateway.clashes(500, 1, timeout=30)
    assert [gap[1:4] for gap in gateway.gaps()] == [
        (at(59.5), at(290), 8), (at(499.5), at(530), 1),
    ]  # fmt: skip
    assert len(gateway.kept_notes("clashes")) == 2


def test_clashes_hide_nothing_in_history_mode(
    cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    gateway = begin(cluster, request.node.name, "history")
    gateway.clashes(60, 3)
    assert not gateway.gaps()
    assert not gateway.kept_notes("clashes")
    gateway.close()


def test_clashes_after_the_clock_was_set_back_are_another_gap(gateway: Watched) -> None:
    gateway.clashes(60, 3)
    detail = {"count": 1, "since": nanoseconds(at(20)), "udp_timeout": 120}
    gateway.note("clashes", at(20.5), detail)
    assert [gap[1:3] for gap in gateway.gaps()] == [(at(59.5), at(180)), (at(20), at(140.5))]


def test_a_note_of_clashes_that_comes_again_counts_once(gateway: Watched) -> None:
    gateway.clashes(60, 2)
    gateway.clashes(61, 2)
    gateway.position -= 100
    detail = {"count": 2, "since": nanoseconds(at(60.75)), "udp_timeout": 120}
    gateway.note("clashes", at(61), detail)
    assert [gap[3] for gap in gateway.gaps()] == [4]


def test_a_clash_explains_udp_alone(gateway: Watched) -> None:
    """What of TCP no event announced is evidence against the kernel all the same."""
    gateway.clashes(60, 1)
    udp = {**HELD, "proto": 17, "ct_id": 10}
    gateway.dump(at(100), [{**entry, "start_sent": at(60.1)} for entry in (HELD, udp)])
    gateway.record([], at(101))
    assert [(gap[0], gap[3]) for gap in gateway.gaps()] == [("clashes", 1), ("not announced", 1)]


def test_a_clash_ends_nothing_that_a_dump_does_not_show(gateway: Watched) -> None:
    """It has expired: its DESTROY is under way."""
    gateway.record([opened(HELD, at(30))], at(31))
    gateway.clashes(60, 1)
    gateway.dump(at(100))
    gateway.record([], at(101))
    ended = gateway.connection.execute(
        "SELECT count(*) FROM ctaudit.flow WHERE node = %s", (gateway.node,)
    ).fetchone()
    assert ended == (0,)


def test_an_opening_that_was_not_announced_is_a_warning(gateway: Watched) -> None:
    warnings: list[tuple[str | None, str | None]] = []
    gateway.connection.add_notice_handler(
        lambda notice: warnings.append((notice.sqlstate, notice.message_primary))
    )
    gateway.dump(at(600), [{**HELD, "start_sent": at(300)}])
    gateway.record([], at(601))
    [(state, words)] = warnings
    assert state == "CT004"
    assert words is not None
    assert words.startswith(
        f"gateway {gateway.node}: a table dump shows 1 connections whose opening the kernel"
    )


def test_an_end_that_was_not_announced_is_a_warning(gateway: Watched) -> None:
    warnings: list[str | None] = []
    gateway.connection.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    gateway.record([opened(HELD, at(300))], at(301))
    for seconds in (600, 1200):
        gateway.dump(at(seconds))
        gateway.record([], at(seconds + 1))
    [words] = warnings
    assert words is not None
    assert "two table dumps do not show 1 connections whose end the kernel" in words


def test_check_names_it_while_the_gap_is_the_node_s(
    cluster: Cluster, gateway: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_database, "RECORDER_USER", "no-such-user")

    def announcements(node: str) -> Any:
        let_record(cluster.dsn(user="rex"), node)
        found = check_database.check_database(cluster.dsn(user="rex"), "ctaudit.record_live", node)
        return next(finding for finding in found if finding.name == "announcements")

    assert announcements(gateway.node).level is Level.GOOD
    gateway.dump(at(600), [{**HELD, "start_sent": at(300)}])
    gateway.record([], at(601))
    found = announcements(gateway.node)
    assert found.level is Level.WARNING
    assert f"1 connections began without an event of the kernel, {at(1):%Y-%m-%d}" in found.found
    assert announcements("another").level is Level.GOOD
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(
            "UPDATE ctaudit.gap SET gap_from = gap_from - interval '2 days', "
            "gap_until = clock_timestamp() - interval '25 h' WHERE node = %s",
            (gateway.node,),
        )
    assert announcements(gateway.node).level is Level.GOOD
