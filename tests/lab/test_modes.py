"""The article's set-ups: openings only, ends only; updates when asked; a site's own procedure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic import make_traffic
from lab.witness import delete_all, watching
from lab.witness.compare import expect_columns, expect_end, name_public, read_row, the
from lab.witness.conntrack_text import Entry

KINDS = ("tcp-close", "udp-answered", "icmp-echo", "dnat-tcp")
SITE = Path(__file__).with_name("site.sql")


@contextmanager
def recorded_with(lab: Lab, cluster: Cluster, **settings: str) -> Iterator[tuple[Rig, list[Entry]]]:
    """Some traffic, opened and ended, recorded so, and all that the witness saw of it."""
    delete_all(lab)
    with rigging(lab, cluster, settings={"": settings.pop("top", ""), **settings}) as rig:
        if "site." in rig.config.read_text():
            rig.execute(SITE.read_text())
        with started(rig, "record"), started(rig, "receive"), watching(lab) as witness:
            for kind in KINDS:
                make_traffic(lab, kind)
            delete_all(lab)
            events = witness.entries()
            assert witness.lost == 0
            rig.wait_until_recorded()
            yield rig, events


def of(events: Sequence[Entry], event: str) -> list[Entry]:
    return [entry for entry in events if entry.event == event]


def test_nat_mode_keeps_openings_only(lab: Lab, cluster: Cluster) -> None:
    with recorded_with(lab, cluster, top='mode = "nat"') as (rig, events):
        rows = rig.rows("opening")
        assert len(rows) == len(KINDS)
        for entry in of(events, "NEW"):
            expected = expect_columns(entry, rig.node)
            assert read_row(the(rows, entry), expected) == expected
        assert rig.count("flow") == 0
        (stream,) = rig.rows("stream")
        assert (stream["mode"], stream["received"]) == ("nat", stream["stored"])
        assert {(row["openings"], row["ends"]) for row in rig.rows("coverage")} == {(True, False)}
        row = rows[0]
        reply = rig.who(name_public(row), row["started_at"])
        (answer,) = reply["answers"]
        assert reply["exit_status"] == 4
        assert (answer["ct_id"], answer["state"], answer["exact"]) == (
            row["ct_id"], "unknown", False,
        )  # fmt: skip
        assert "does not record when connections end" in reply["completeness"][0]["why"]


def test_history_mode_keeps_ends_only(lab: Lab, cluster: Cluster) -> None:
    """A later dump proves that nobody else was there; until it came, that is unknown."""
    with recorded_with(lab, cluster, top='mode = "history"') as (rig, events):
        rows = rig.rows("flow")
        assert len(rows) == len(KINDS)
        for entry in of(events, "DESTROY"):
            expected = expect_end(entry, rig.node)
            assert read_row(the(rows, entry), expected) == expected
        assert rig.count("opening") == 0
        (stream,) = rig.rows("stream")
        assert (stream["mode"], stream["received"]) == ("history", stream["stored"])
        assert {(row["openings"], row["ends"]) for row in rig.rows("coverage")} == {(False, True)}
        row = rows[0]
        reply = rig.who(name_public(row), row["started_at"])
        (answer,) = reply["answers"]
        assert (reply["exit_status"], answer["ct_id"]) == (4, row["ct_id"])


@pytest.mark.torture
def test_history_mode_is_certain_after_the_next_dump(lab: Lab, cluster: Cluster) -> None:
    with recorded_with(lab, cluster, top='mode = "history"', dumps='interval = "1s"') as (rig, _):
        row = rig.rows("flow")[0]
        after = row["ended_at"] + timedelta(milliseconds=1)
        # A DESTROY comes up to a minute after a dump that lacks its entry.
        rig.wait_until(lambda: rig.who(name_public(row), after)["exit_status"] == 1, patience=90)
        reply = rig.who(name_public(row), row["ended_at"])
        (answer,) = reply["answers"]
        assert (reply["exit_status"], answer["ct_id"]) == (0, row["ct_id"])


def test_updates_are_shown_and_filtered(lab: Lab, cluster: Cluster) -> None:
    settings = {"socket": "updates = true", "journal": "rate = 1000"}
    with recorded_with(lab, cluster, **settings) as (rig, events):
        updates = of(events, "UPDATE")
        assert len(updates) > len(KINDS)
        assert (rig.count("opening"), rig.count("flow")) == (len(KINDS), len(KINDS))
        (stream,) = rig.rows("stream")
        assert stream["filtered"] == len(updates)
        assert stream["received"] == stream["filtered"] + stream["stored"]
        lines = rig.log("record").read_text().splitlines()
        shown = [line for line in lines if line.startswith("UPDATE ")]
        assert len(shown) == len(updates)
        for entry in updates:
            if entry.state is not None:
                ends = f"{entry.orig.src}:{entry.orig.sport} -> {entry.orig.dst}:"
                assert [line for line in shown if ends in line and line.endswith(entry.state)]


def test_a_site_s_own_procedure(lab: Lab, cluster: Cluster) -> None:
    with recorded_with(lab, cluster, top='procedure = "site.record_mine"') as (rig, events):
        ended = of(events, "DESTROY")
        mine = "SELECT node, ended_at, host(client), port, bytes FROM site.mine"
        wanted = [
            (row["node"], row["ended_at"], row["orig_src"], row["orig_sport"], row["bytes"])
            for row in map(_with_sum, (expect_end(entry, rig.node) for entry in ended))
            if row["proto"] == 6
        ]
        assert len(wanted) == 2
        assert sorted(rig.query(mine)) == sorted(wanted)
        assert rig.count("opening") == rig.count("flow") == 0
        (stream,) = rig.rows("stream")
        assert (stream["stored"], stream["filtered"]) == (2, 2 * len(KINDS) - 2)


def _with_sum(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "bytes": row["orig_bytes"] + row["reply_bytes"]}


def test_event_after_a_quiet_time_waits_for_no_batch(lab: Lab, cluster: Cluster) -> None:
    delete_all(lab)
    with (
        rigging(lab, cluster, settings={"batch": 'wait = "6s"'}) as rig,
        started(rig, "record"),
        started(rig, "receive"),
    ):
        rig.wait_until_recorded()
        time.sleep(6.5)
        make_traffic(lab, "udp-unanswered")
        rig.wait_until(lambda: rig.count("opening") > 0)
        (opening,) = rig.rows("opening")
        assert datetime.now(UTC) - opening["started_at"] < timedelta(seconds=3)
    delete_all(lab)
