"""A canary's whole way, and the numbers of a gateway, with the kernel's own packets."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from lab.cluster import Cluster
from lab.namespaces import Lab, run_in
from lab.rig import COMMAND, Rig, environment, rigging
from lab.service import started
from lab.traffic import make_traffic
from lab.witness import delete_all

IS_FOUND = "SELECT FROM ctaudit.stream WHERE detail ? 'canary'"
CANARY = {"canary": 'interval = "1min"'}
NOTRACK = "table inet quiet { chain c { type filter hook output priority raw; oif lo notrack; }; }"


def measure(rig: Rig) -> dict[str, float]:
    """Each metric of the gateway, asked in its namespace; several of one name as their sum."""
    done: subprocess.CompletedProcess[str] = run_in(
        rig.lab.gateway, [*COMMAND, "metrics", "--config", str(rig.config)], env=environment(),
        text=True, capture_output=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(done.stdout):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            name = sample.name.removeprefix("ctaudit_")
            found[name] = found.get(name, 0) + sample.value
    return found


def check(rig: Rig) -> dict[str, dict[str, Any]]:
    said = rig.run("check", "--json", "--config", str(rig.config))
    return {each["name"]: each for each in json.loads(said.stdout)["findings"]}


def test_a_canary_comes_back(lab: Lab, cluster: Cluster) -> None:
    with rigging(lab, cluster, settings=CANARY) as rig, started(rig, "receive"):
        began = time.time()
        # In the gateway's network namespace; the database's socket is a file.
        inside = ("ip", "netns", "exec", lab.gateway, *COMMAND)
        with started(rig, "record", program=inside):
            rig.wait_until(lambda: bool(rig.query(IS_FOUND)))
            found = measure(rig)
            # check sends a packet of its own.
            [row] = [row for row in rig.rows("opening") if row["orig_src"].is_loopback]
            findings = check(rig)
        assert (str(row["orig_src"]), str(row["orig_dst"])) == ("127.0.0.1", "127.0.0.1")
        assert (row["proto"], row["orig_dport"]) == (17, 9)
        assert began - 1 < found["canary_timestamp_seconds"] < time.time()
        assert findings["canary's way"]["found"] == "the kernel tracks loopback"
        assert findings["canary"]["level"] == "good"
        assert "found, " in rig.ask("status").stdout.partition("canary")[2]
        assert rig.count("inquiry") == 0


def test_where_it_cannot_come_back_check_says_so(lab: Lab, cluster: Cluster) -> None:
    with rigging(lab, cluster, settings=CANARY) as rig, started(rig, "receive"):
        with started(rig, "record"):
            elsewhere = check(rig)["canary's way"]
        run_in(lab.gateway, ["nft", NOTRACK], check=True)
        try:
            untracked = check(rig)["canary's way"]
        finally:
            run_in(lab.gateway, ["nft", "delete", "table", "inet", "quiet"], check=True)
    assert "another network namespace" in elsewhere["found"]
    assert untracked["found"] == "the kernel does not track loopback"
    assert {elsewhere["level"], untracked["level"]} == {"warning"}


def test_the_numbers_agree_with_the_record(lab: Lab, cluster: Cluster) -> None:
    delete_all(lab)
    with rigging(lab, cluster) as rig, started(rig, "record"), started(rig, "receive"):
        rig.wait_until_listening()
        before = measure(rig)
        make_traffic(lab, "udp-answered")
        make_traffic(lab, "tcp-close")
        rig.wait_until_recorded()
        found = measure(rig)
        [(received, stored)] = rig.query("SELECT received, stored FROM ctaudit.stream")
    assert found["source_up"] == 3
    assert found["conntrack_entries"] >= 2
    assert found["conntrack_entries_limit"] > 0
    assert found["conntrack_insert_failed_total"] == 0
    assert (found["events_received_total"], found["events_stored_total"]) == (received, stored)
    # Each event of the stream was counted once, by its wait: less than a minute here.
    assert found["commit_lag_seconds_count"] == received > before["commit_lag_seconds_count"]
    assert found["receiver_received_bytes_total"] > before["receiver_received_bytes_total"]
    assert 0 <= time.time() - found["receiver_look_timestamp_seconds"] < 30
    assert found["gaps_open"] == found["events_dropped_total"] == 0
