"""One connection that two gateways see, with real packets, and a pair of which one falls silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import netns

from lab import addresses as a
from lab.cluster import Cluster
from lab.namespaces import Lab, call_in, feed_in
from lab.rig import Rig, rigging
from lab.rules import gateway_settings, settings_script
from lab.service import started
from lab.traffic import holding
from lab.witness import delete_all
from lab.witness.compare import Row, name_public

ONE, NONE, UNKNOWN = 0, 1, 4
SECOND = timedelta(seconds=1)
UNUSED = [f"{a.GATEWAY}:40699"]
# A chain that looks at the state makes conntrack see the packets of a namespace.
TRACKED = """
table inet seen {
  chain input {
    type filter hook input priority filter;
    ct state new accept
  }
}
"""


@pytest.fixture
def standby(lab: Lab) -> Iterator[str]:
    """A namespace of its own, without a link: what it tracks is injected."""
    name = f"{lab.name}-standby"
    netns.create(name)
    try:
        yield name
    finally:
        netns.remove(name)


@contextmanager
def second_rig(rig: Rig, directory: Path, node: str, namespace: str) -> Iterator[Rig]:
    """Another gateway that records into the same database, with both daemons at work."""
    feed_in(namespace, ["sh"], settings_script(gateway_settings(True, True, {})))
    feed_in(namespace, ["nft", "-f", "-"], TRACKED)
    other = replace(rig, lab=replace(rig.lab, gateway=namespace), directory=directory, node=node)
    rig.let_record(node)
    text = rig.config.read_text().replace(str(rig.directory), str(directory))
    for mine, its in ((rig.node, node), ("the-other", rig.node)):
        text = text.replace(f'"{mine}"', f'"{its}"')
    other.config.write_text(text)
    with started(other, "record"), started(other, "receive"):
        yield other


def wait_until_read(*rigs: Rig) -> datetime:
    """A moment until which the record of each of these gateways reaches."""
    covered = "SELECT FROM ctaudit.coverage WHERE node = %s AND covered_until > %s"
    rigs[0].wait_until_read()
    moment = datetime.now(UTC)
    for rig in rigs:
        rig.wait_until(
            lambda rig=rig: bool(rig.query(covered, rig.node, moment + SECOND)),  # type: ignore[misc]
            60,
        )
    return moment


def inject(namespace: str, row: Row) -> None:
    """The connection as conntrackd commits it: with its translation, and its state."""
    source = ["-s", str(row["orig_src"]), "-d", str(row["orig_dst"])]
    ports = ["--sport", str(row["orig_sport"]), "--dport", str(row["orig_dport"])]
    nat = ["--src-nat", f"{row['reply_dst']}:{row['reply_dport']}"]
    state = ["-p", "tcp", "--state", "ESTABLISHED", "--timeout", "600", "-u", "SEEN_REPLY,ASSURED"]
    call_in(namespace, "conntrack", "-I", *source, *state, *ports, *nat)


def seen_by(reply: Any) -> list[str]:
    (answer,) = reply["answers"]
    return sorted(sighting["node"] for sighting in answer["seen_by"])


def test_a_connection_injected_into_the_other_gateway(
    lab: Lab, cluster: Cluster, standby: str, tmp_path: Path
) -> None:
    """B5: both have the entry; it is one connection."""
    delete_all(lab)
    with (
        rigging(lab, cluster) as rig,
        started(rig, "record"),
        started(rig, "receive"),
        second_rig(rig, tmp_path, "gw2", standby) as other,
    ):
        wait_until_read(rig, other)
        with holding(lab, source_port=40690) as held:
            rig.wait_until_read()
            (row,) = rig.rows_of("opening", held.sent["sport"])
            inject(standby, row)
            moment = wait_until_read(rig, other)
        reply = rig.who(name_public(row), moment)
        assert (reply["exit_status"], reply["hosts"]) == (ONE, [a.CLIENT])
        assert seen_by(reply) == ["gw1", "gw2"]


def test_a_gateway_behind_the_gateway(lab: Lab, cluster: Cluster, tmp_path: Path) -> None:
    """B6: it sees the translated packets, in which the first gateway is the host."""
    delete_all(lab)
    with (
        rigging(lab, cluster) as rig,
        started(rig, "record"),
        started(rig, "receive"),
        second_rig(rig, tmp_path, "fw", lab.server) as behind,
    ):
        try:
            wait_until_read(rig, behind)
            with holding(lab, source_port=40691) as held:
                moment = wait_until_read(rig, behind)
                (row,) = (
                    r for r in rig.rows_of("opening", held.sent["sport"]) if r["node"] == "gw1"
                )
            for words in ([], ["--node", "fw"]):
                reply = rig.who(name_public(row), moment, *words)
                assert (reply["exit_status"], reply["hosts"]) == (ONE, [a.CLIENT])
                assert seen_by(reply) == ["fw", "gw1"]
        finally:
            feed_in(lab.server, ["nft", "-f", "-"], "delete table inet seen")


def test_a_pair_of_which_one_falls_silent(
    lab: Lab, cluster: Cluster, standby: str, tmp_path: Path
) -> None:
    """The other counts for both from the dump that shows what was injected; not before."""
    delete_all(lab)
    settings = {"": 'pair = "the-other"', "dumps": 'interval = "1s"'}
    with (
        rigging(lab, cluster, settings=settings) as rig,
        second_rig(rig, tmp_path, "gw2", standby) as other,
    ):
        rig.config.write_text(rig.config.read_text().replace("the-other", "gw2"))
        with started(rig, "record"), started(rig, "receive") as receiver:
            wait_until_read(rig, other)
            with holding(lab, source_port=40692) as held:
                wait_until_read(rig, other)
                (row,) = rig.rows_of("opening", held.sent["sport"])
                receiver.stop()
                silent = wait_until_read(other)
                assert rig.who(UNUSED, silent)["exit_status"] == UNKNOWN
                inject(standby, row)
                proof = "SELECT proved_from FROM ctaudit.pair_proof WHERE protocols IS NULL"
                rig.wait_until(lambda: bool(rig.query(proof)))
                moment = wait_until_read(other)
            assert rig.who(UNUSED, silent)["exit_status"] == UNKNOWN
            assert rig.who(UNUSED, moment)["exit_status"] == NONE
            reply = rig.who(name_public(row), moment)
            assert (reply["exit_status"], reply["hosts"]) == (ONE, [a.CLIENT])
            assert seen_by(reply) == ["gw1", "gw2"]
            by_pair = {item["node"]: item["by_pair"] for item in reply["completeness"]}
            assert "its pair gw2 has its connections since" in by_pair["gw1"]
            call_in(standby, "conntrack", "-F")
            assert rig.who(name_public(row), wait_until_read(other))["exit_status"] == NONE
