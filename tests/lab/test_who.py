"""ctaudit who, asked of real connections: translated either way, open and ended, ports reused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab import addresses as a
from lab.cluster import Cluster
from lab.namespaces import Lab, run_in
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic import holding, make_traffic
from lab.traffic.senders import Sent
from lab.witness import Witness, delete_all, list_table, watching
from lab.witness.compare import Row, fits, name_public, the, to_time
from lab.witness.conntrack_text import Entry

ENDED = ("article", "udp-answered", "icmp-echo", "nat66-tcp", "dnat-tcp", "dnat6-tcp", "zone-tcp")
HELD: Mapping[str, Mapping[str, Any]] = {
    "outward": {"source_port": 40300},
    "outward6": {"source": a.CLIENT6_NAT, "destination": a.SERVER6, "destination_port": 22},
    "inward": {
        "role": "server", "source": a.OUTSIDER,
        "destination": a.GATEWAY, "destination_port": a.FORWARD_PORT,
    },
}  # fmt: skip
REUSED_PORT, TWICE_PORT = 40400, 40500
FIRST, SECOND = a.PLAIN_CLIENTS[1:3]
MICROSECOND = timedelta(microseconds=1)
DST_NAT = 0x20


@dataclass(frozen=True)
class Scene:
    """A rig whose services run, and who was there: sent by name, and the witness's events."""

    rig: Rig
    sents: Mapping[str, Sent]
    events: list[Entry]

    def event(self, name: str, event: str = "DESTROY") -> Entry:
        (found,) = [e for e in self.events if e.event == event and fits(e, self.sents[name])]
        return found

    def flow(self, name: str) -> Row:
        return the(self.rig.rows("flow"), self.event(name))

    def opening(self, name: str) -> Row:
        return the(self.rig.rows("opening"), self.event(name, "NEW"))

    def ask(self, *words: str, at: datetime) -> subprocess.CompletedProcess[str]:
        return self.rig.ask("who", *words, "--at", at.isoformat())

    def reply(self, *words: str, at: datetime) -> Any:
        return self.rig.who(words, at)


@pytest.fixture(scope="module")
def scene(lab: Lab, cluster: Cluster) -> Iterator[Scene]:
    with rigging(lab, cluster) as rig, ExitStack() as open_still:
        open_still.enter_context(started(rig, "record"))
        open_still.enter_context(started(rig, "receive"))
        witness = open_still.enter_context(watching(lab))
        rig.wait_until_recorded()
        sents = {"natural": end_by_itself(lab, witness)}
        sents |= {kind: make_traffic(lab, kind) for kind in ENDED}
        for name, client in (("reused first", FIRST), ("reused second", SECOND)):
            port = {"source": client, "source_port": REUSED_PORT}
            sents[name] = make_traffic(lab, "udp-answered", **port)
            delete_all(lab)
        twice = {"source": a.ZONE_CLIENT, "source_port": TWICE_PORT}
        sents["twice"] = make_traffic(lab, "udp-answered", **twice)
        with without_zones(lab):
            make_traffic(lab, "udp-answered", **twice)
        delete_all(lab)
        for name, options in HELD.items():
            held = open_still.enter_context(holding(lab, **options))
            held.exchange(1000)
            sents[name] = held.sent
        rig.wait_until_recorded(datetime.now(UTC) + timedelta(seconds=1))
        assert witness.lost == 0
        yield Scene(rig, sents, witness.entries())


def end_by_itself(lab: Lab, witness: Witness) -> Sent:
    """A connection whose time-out of a second ran off, collected by the kernel when looked at."""
    setting = "/proc/sys/net/netfilter/nf_conntrack_udp_timeout"
    run_in(lab.gateway, ["sh", "-c", f"echo 1 > {setting}"], check=True)
    sent = make_traffic(lab, "udp-unanswered")
    run_in(lab.gateway, ["sh", "-c", f"echo 10 > {setting}"], check=True)

    def is_end(entry: Entry) -> bool:
        list_table(lab)
        return entry.event == "DESTROY" and fits(entry, sent)

    (gone,) = witness.wait_for(is_end)
    assert "USERSPACE" not in gone.flags
    return sent


@contextmanager
def without_zones(lab: Lab) -> Iterator[None]:
    """The gateway puts nobody into a zone during the body."""
    chain = ("chain", "inet", "ctaudit_lab", "zones")
    rules = run_in(
        lab.gateway, ["nft", "list", *chain], text=True, capture_output=True, check=True
    ).stdout
    run_in(lab.gateway, ["nft", "flush", *chain], check=True)
    try:
        yield
    finally:
        run_in(lab.gateway, ["nft", "-f", "-"], input=rules, text=True, check=True)


def middle(row: Row) -> datetime:
    moment: datetime = row["started_at"] + (row["ended_at"] - row["started_at"]) / 2
    return moment


def expected_ends(row: Row) -> dict[str, Any]:
    """Who was behind it and whom it talked to, by the tuples alone."""
    inward = row["status"] & DST_NAT
    host, remote = ("reply_src", "orig_src") if inward else ("orig_src", "reply_src")
    return {
        "host": str(row[host]),
        "host_port": row["reply_sport" if inward else "orig_sport"],
        "remote": str(row[remote]),
        "remote_port": row["orig_sport" if inward else "reply_sport"],
        "direction": "inward" if inward else "outward",
        "ct_id": row["ct_id"],
    }


def name_remote(row: Row) -> str:
    ends = expected_ends(row)
    host = f"[{ends['remote']}]" if ":" in ends["remote"] else ends["remote"]
    return host if ends["remote_port"] is None else f"{host}:{ends['remote_port']}"


@pytest.mark.parametrize("name", ENDED)
def test_ended(scene: Scene, name: str) -> None:
    row = scene.flow(name)
    reply = scene.reply(*name_public(row), at=middle(row))
    assert (reply["exit_status"], reply["verdict"], reply["complete"]) == (0, "one", True)
    (answer,) = reply["answers"]
    expected = {
        **expected_ends(row),
        "state": "ended",
        "exact": True,
        "started_at": f"{row['started_at']:%Y-%m-%dT%H:%M:%S.%fZ}",
        "ended_at": f"{row['ended_at']:%Y-%m-%dT%H:%M:%S.%fZ}",
        "orig_packets": row["orig_packets"],
        "reply_bytes": row["reply_bytes"],
        "zone": row["zone"],
    }
    assert {key: answer[key] for key in expected} == expected


@pytest.mark.parametrize("name", ["article", "nat66-tcp", "dnat-tcp", "icmp-echo"])
def test_ended_with_the_remote_end(scene: Scene, name: str) -> None:
    row = scene.flow(name)
    right = scene.reply(*name_public(row), "--to", name_remote(row), at=middle(row))
    assert [answer["ct_id"] for answer in right["answers"]] == [row["ct_id"]]
    other = "2001:41d0:1:9598::77" if ":" in str(row["orig_src"]) else "19.1.16.77"
    wrong = scene.reply(*name_public(row), "--to", other, at=middle(row))
    assert (wrong["exit_status"], wrong["answers"]) == (1, [])


@pytest.mark.parametrize("name", HELD)
def test_open(scene: Scene, name: str) -> None:
    row = scene.opening(name)
    later = row["started_at"] + timedelta(seconds=1)
    reply = scene.reply(*name_public(row), "--to", name_remote(row), at=later)
    assert (reply["exit_status"], reply["verdict"]) == (0, "one")
    (answer,) = reply["answers"]
    expected = {**expected_ends(row), "state": "open", "exact": True, "ended_at": None}
    assert {key: answer[key] for key in expected} == expected
    before = scene.reply(
        *name_public(row), "--to", name_remote(row), at=row["started_at"] - MICROSECOND
    )
    assert (before["exit_status"], before["answers"]) == (1, [])


def test_an_answer_to_read_aloud(scene: Scene) -> None:
    """A whole second, as people ask, of the article's connection."""
    row = scene.flow("article")
    second = row["started_at"].astimezone(UTC).replace(microsecond=0)
    done = scene.ask("1.2.3.4:53500", "--to", "19.1.16.7:443", at=second)
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first == "192.168.1.129:53400 was behind 1.2.3.4:53500 (tcp to 19.1.16.7:443)"
    counted = f"{row['orig_packets']:,} packets, {row['orig_bytes']:,} bytes"
    assert f"  sent       {counted}" in rest
    assert rest[-1] == "The record is complete here."


def test_who_reached_the_forwarded_port(scene: Scene) -> None:
    row = scene.flow("dnat-tcp")
    done = scene.ask("1.2.3.4:8443", at=middle(row))
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(
        f"{a.FORWARD_TARGET}:443 was behind 1.2.3.4:8443 "
        f"(tcp from {a.OUTSIDER}:{row['orig_sport']})\n"
    )


def test_icmp_is_asked_by_its_id(scene: Scene) -> None:
    row = scene.flow("icmp-echo")
    identifier = scene.sents["icmp-echo"]["icmp_id"]
    done = scene.ask(f"1.2.3.4:{row['reply_dport']}", "--proto", "icmp", at=middle(row))
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(f"{a.CLIENT} id {identifier} was behind 1.2.3.4 id ")
    other = scene.reply(f"1.2.3.4:{row['reply_dport'] ^ 1}", "--proto", "icmp", at=middle(row))
    assert other["exit_status"] == 1
    anyone = scene.reply("1.2.3.4", "--proto", "icmp", at=middle(row))
    assert [answer["ct_id"] for answer in anyone["answers"]] == [row["ct_id"]]


def test_edges(scene: Scene) -> None:
    """The microseconds of its start and end are its own, those beside them are not."""
    row = scene.flow("udp-answered")
    public = name_public(row)
    for at, status in (
        (row["started_at"] - MICROSECOND, 1),
        (row["started_at"], 0),
        (row["ended_at"], 0),
        (row["ended_at"] + MICROSECOND, 1),
    ):
        moment = at.isoformat(timespec="microseconds")
        assert scene.rig.ask("who", *public, "--at", moment).returncode == status, at


def test_within(scene: Scene) -> None:
    row = scene.flow("udp-answered")
    late = row["ended_at"] + timedelta(milliseconds=100)
    assert scene.reply(*name_public(row), at=late)["exit_status"] == 1
    assert scene.reply(*name_public(row), "--within", "0.05", at=late)["exit_status"] == 1
    reply = scene.reply(*name_public(row), "--within", "0.2", at=late)
    assert (reply["exit_status"], reply["answers"][0]["ct_id"]) == (0, row["ct_id"])


def test_a_port_used_by_two_clients_in_turn(scene: Scene) -> None:
    first, second = scene.flow("reused first"), scene.flow("reused second")
    public = name_public(first)
    assert public == name_public(second)
    assert first["ended_at"] < second["started_at"]
    for row, client in ((first, FIRST), (second, SECOND)):
        reply = scene.reply(*public, at=middle(row))
        assert (reply["exit_status"], reply["hosts"]) == (0, [client])
    between = first["ended_at"] + (second["started_at"] - first["ended_at"]) / 2
    assert scene.reply(*public, at=between)["exit_status"] == 1
    both = scene.reply(*public, "--within", "1", at=between)
    assert (both["exit_status"], both["hosts"]) == (3, [FIRST, SECOND])
    done = scene.ask(*public, "--within", "1", at=between)
    assert "They belong to 2 different hosts." in done.stdout


def test_two_zones_with_the_same_tuples(scene: Scene) -> None:
    """Both at once: one connection that both zones saw."""
    rows = [row for row in scene.rig.rows("flow") if row["orig_sport"] == TWICE_PORT]
    assert [row["zone"] for row in sorted(rows, key=lambda row: row["started_at"])] == [a.ZONE, 0]
    assert len({name_public(row) for row in rows}) == 1
    at = max(row["started_at"] for row in rows) + MICROSECOND
    reply = scene.reply(*name_public(rows[0]), at=at)
    assert (reply["exit_status"], reply["hosts"]) == (0, [a.ZONE_CLIENT])
    (answer,) = reply["answers"]
    assert {seen["ct_id"] for seen in answer["seen_by"]} == {row["ct_id"] for row in rows}
    done = scene.ask(*name_public(rows[0]), at=at)
    assert f"gw1, zone {a.ZONE}" in done.stdout
    assert "seen by" in done.stdout


def test_an_end_that_came_by_itself(scene: Scene) -> None:
    """The kernel told of it later; its stop is the moment it expired."""
    seen, row = scene.event("natural"), scene.flow("natural")
    assert row["ended_at"] == to_time(seen.stop_ns)
    assert timedelta(seconds=0.9) < row["ended_at"] - row["started_at"]
    reply = scene.reply(*name_public(row), at=middle(row))
    assert (reply["exit_status"], reply["answers"][0]["ct_id"]) == (0, row["ct_id"])
    after = row["ended_at"] + 2 * MICROSECOND
    assert scene.reply(*name_public(row), at=after)["exit_status"] == 1


def test_nobody_and_unknown(scene: Scene) -> None:
    """None where the record is complete; unknown before it began and where it has not come to."""
    row = scene.flow("article")
    none = scene.ask("1.2.3.4:1", at=middle(row))
    assert none.returncode == 1
    assert none.stdout.splitlines()[0] == "No connection is recorded for 1.2.3.4:1."
    before = scene.ask("1.2.3.4:53500", at=datetime.now(UTC) - timedelta(days=1))
    assert before.returncode == 4
    to_come = scene.ask("1.2.3.4:53500", "--within", "600", at=datetime.now(UTC))
    assert to_come.returncode == 4
    for done in (before, to_come):
        assert [line for line in done.stdout.splitlines() if line.startswith("Unknown: ")]
