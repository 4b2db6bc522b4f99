"""What counters are worth, by real packets: zeroed by a tool, while open, not counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.cluster import Cluster
from lab.namespaces import Lab, call_in, changed_sysctl
from lab.rig import Rig
from lab.service import listening_rig
from lab.traffic import holding
from lab.traffic.senders import Sent
from lab.witness import delete_all
from lab.witness.compare import Row, name_public

SECOND = timedelta(seconds=1)
ACCOUNTING = "net.netfilter.nf_conntrack_acct"
ZEROED = "another tool set the counters to zero"
MEGABYTE = 1_000_000


@pytest.fixture
def rig(lab: Lab, cluster: Cluster) -> Iterator[Rig]:
    with listening_rig(lab, cluster, {"dumps": 'interval = "1s"'}) as made:
        yield made


def most_dumped(rig: Rig, sent: Sent) -> int:
    return max(
        (row["orig_bytes"] or 0 for row in rig.rows_of("dump_entry", sent["sport"])), default=0
    )


def wait_for_dumps(rig: Rig, sent: Sent, count: int) -> None:
    """Until so many more dumps have shown the connection."""
    shown = len(rig.rows_of("dump_entry", sent["sport"]))
    rig.wait_until(lambda: len(rig.rows_of("dump_entry", sent["sport"])) >= shown + count)


def the_answer(rig: Rig, row: Row, at: datetime, *words: str) -> dict[str, Any]:
    answer: dict[str, Any]
    (answer,) = rig.who(name_public(row), at, *words)["answers"]
    return answer


def listed(rig: Rig, row: Row, since: datetime, until: datetime) -> dict[str, Any]:
    span = ("--from", since.isoformat(), "--until", until.isoformat())
    done = rig.ask("flows", *span, "--format", "json")
    answers = map(json.loads, done.stdout.splitlines())
    (answer,) = [each for each in answers if each.get("ct_id") == row["ct_id"]]
    found: dict[str, Any] = answer
    return found


def test_zeroed_by_another_tool(rig: Rig, lab: Lab) -> None:
    """After a megabyte, conntrack -L -z: the end counts what came later, a dump had it all."""
    before = datetime.now(UTC)
    with holding(lab, source_port=40710) as held:
        held.exchange(MEGABYTE)
        rig.wait_until(lambda: most_dumped(rig, held.sent) > MEGABYTE)
        call_in(lab.gateway, "conntrack", "-L", "-z")
        held.exchange(1000)
        opened = rig.wait_until_read()
    delete_all(lab)
    after = rig.wait_until_read()
    (flow,) = rig.rows_of("flow", held.sent["sport"])
    assert flow["orig_bytes"] < MEGABYTE / 10, "the tool has not zeroed the counters"
    counted = most_dumped(rig, held.sent)
    for answer in (
        the_answer(rig, flow, opened),
        the_answer(rig, flow, before, "--within", str((after - before).total_seconds())),
        listed(rig, flow, before, after),
    ):
        assert (answer["counters"], answer["counters_cause"]) == ("at least", ZEROED)
        assert answer["orig_bytes"] == counted
        assert answer["state"] == "ended"
    text = rig.ask("who", *name_public(flow), "--at", opened.isoformat()).stdout
    assert f"packets, {counted:,} bytes ({ZEROED})" in text
    assert "  sent       at least " in text


def test_nobody_zeroed(rig: Rig, lab: Lab) -> None:
    """The same without the tool, and with as many dumps: exact."""
    before = datetime.now(UTC)
    with holding(lab, source_port=40711) as held:
        held.exchange(1000)
        wait_for_dumps(rig, held.sent, 3)
        opened = rig.wait_until_read()
    delete_all(lab)
    after = rig.wait_until_read()
    (flow,) = rig.rows_of("flow", held.sent["sport"])
    for answer in (the_answer(rig, flow, opened), listed(rig, flow, before, after)):
        assert (answer["counters"], answer["counters_cause"]) == ("exact", None)
        assert answer["orig_bytes"] == flow["orig_bytes"]


def test_while_it_is_open_the_last_dump_counts(rig: Rig, lab: Lab) -> None:
    with holding(lab, source_port=40712) as held:
        early = rig.wait_until_read()
        held.exchange(1000)
        wait_for_dumps(rig, held.sent, 2)
        rig.wait_until_read()
        (opening,) = rig.rows_of("opening", held.sent["sport"])
        answer = the_answer(rig, opening, early)
        assert (answer["state"], answer["counters"]) == ("open", "at least")
        assert answer["counters_cause"] == "by the last table dump"
        assert 1000 < answer["orig_bytes"] <= most_dumped(rig, held.sent)
        assert datetime.fromisoformat(answer["last_seen_at"]) > early, "when it was counted"
        text = rig.ask("who", *name_public(opening), "--at", early.isoformat()).stdout
        assert "  sent       at least " in text


def test_begun_while_accounting_was_off(rig: Rig, lab: Lab) -> None:
    """Setting it to 1 again counts nothing of what is open."""
    cause = "the kernel did not count, nf_conntrack_acct = 0"
    with ExitStack() as open_still:
        with changed_sysctl(lab.gateway, ACCOUNTING, 0):
            held = open_still.enter_context(holding(lab, source_port=40713))
        held.exchange(1000)
        wait_for_dumps(rig, held.sent, 2)
        opened = rig.wait_until_read()
        (opening,) = rig.rows_of("opening", held.sent["sport"])
        answers = [the_answer(rig, opening, opened)]
    delete_all(lab)
    rig.wait_until_read()
    answers.append(the_answer(rig, opening, opened))
    assert [answer["state"] for answer in answers] == ["open", "ended"]
    for answer in answers:
        assert (answer["counters"], answer["counters_cause"]) == ("unknown", cause)
        assert answer["orig_packets"] is answer["reply_bytes"] is None
    text = rig.ask("who", *name_public(opening), "--at", opened.isoformat()).stdout
    assert f"  sent       unknown ({cause})" in text
