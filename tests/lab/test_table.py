"""ctaudit table beside the conntrack tool, on the same real entries."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest

from lab import addresses as a
from lab.namespaces import Lab, run_in
from lab.network import build_lab
from lab.recorded import LONG_TIMEOUTS
from lab.rig import COMMAND, environment
from lab.serve import serving
from lab.traffic import KINDS, make_traffic
from lab.witness import list_table
from lab.witness.compare import expect_columns, read_row, to_time
from lab.witness.conntrack_text import Entry

_MANY = 30_000


@pytest.fixture(scope="module")
def busy() -> Iterator[Lab]:
    """A lab whose table holds each kind of connection for as long as the tests need."""
    with build_lab(f"cttab-{os.getpid()}", timeouts=LONG_TIMEOUTS) as lab, serving(lab):
        for kind in KINDS:
            make_traffic(lab, kind)
        yield lab


def run_table(lab: Lab, *words: str, before: Sequence[str] = ()) -> Any:
    return run_in(
        lab.gateway,
        [*before, *COMMAND, "table", *words],
        env=environment(),
        text=True,
        capture_output=True,
        timeout=60,
    )


def read_table(lab: Lab, *words: str) -> list[dict[str, Any]]:
    done = run_table(lab, "--format", "json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def expect(entry: Entry, node: str) -> dict[str, Any]:
    return {
        **expect_columns(entry, node),
        "orig_packets": entry.orig.packets,
        "orig_bytes": entry.orig.bytes,
        "reply_packets": entry.reply.packets,
        "reply_bytes": entry.reply.bytes,
        "started_at": to_time(entry.start_ns),
        "provenance": "dump",
    }


def as_row(shown: dict[str, Any]) -> dict[str, Any]:
    """What the command printed, by the names and types of the store's columns."""
    start = shown["started_at"]
    return {
        **shown,
        "state": shown["protocol_state"],
        "started_at": datetime.fromisoformat(start) if start else None,
    }


def test_each_entry_is_what_the_tool_lists(busy: Lab) -> None:
    shown = {row["ct_id"]: as_row(row) for row in read_table(busy)}
    listed = {entry.id: entry for entry in list_table(busy)}
    assert shown.keys() == listed.keys()
    assert len(shown) >= len(KINDS)
    for number, entry in listed.items():
        wanted = expect(entry, shown[number]["node"])
        assert read_row(shown[number], wanted) == wanted, entry.line


def test_parties_and_filters(busy: Lab) -> None:
    [forward] = read_table(busy, "--host", a.FORWARD_TARGET)
    assert (forward["direction"], forward["host"], forward["host_port"]) == (
        "inward",
        a.FORWARD_TARGET,
        a.HTTPS_PORT,
    )
    assert (forward["public"], forward["public_port"]) == (a.GATEWAY, a.FORWARD_PORT)
    assert forward["remote"] == a.OUTSIDER
    clients = read_table(busy, "--host", f"{a.CLIENT}/32", "--nat", a.GATEWAY)
    assert {row["host"] for row in clients} == {a.CLIENT}
    assert {row["public"] for row in clients} == {a.GATEWAY}
    assert len(clients) > 5
    assert read_table(busy, "--remote", "192.0.2.0/24") == []
    assert len(read_table(busy, "--limit", "3")) == 3


def test_for_people(busy: Lab) -> None:
    heading, *rows = run_table(busy, "--remote", a.OUTSIDER).stdout.splitlines()
    assert heading.split()[0] == "STARTED"
    assert len(rows) == 1
    assert f"{a.FORWARD_TARGET}:{a.HTTPS_PORT}" in rows[0]


def test_without_the_capability(busy: Lab) -> None:
    done = run_table(busy, before=["setpriv", "--bounding-set=-net_admin", "--inh-caps=-all"])
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr == (
        "ctaudit: the conntrack table needs CAP_NET_ADMIN in this network namespace: run as root\n"
    )


def test_unknown_without_time_stamps_and_accounting() -> None:
    with build_lab(f"cttab-{os.getpid()}-off", accounting=False, timestamps=False) as bare:
        make_traffic(bare, "udp-unanswered")
        [row] = read_table(bare)
    unknown = ("started_at", "started_source", "orig_packets", "orig_bytes", "reply_packets")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert row["last_seen_at"] is not None


def test_memory_stays_flat(busy: Lab) -> None:
    few = peak_memory(busy, "--limit", "1")
    make_traffic(busy, "burst", count=_MANY)
    assert len(read_table(busy)) > _MANY
    # 2 MB of addresses may be remembered; all the entries at once take about 60.
    assert peak_memory(busy) < few + 8 * 1024


def peak_memory(lab: Lab, *words: str) -> int:
    """The command's largest resident set, in kB."""
    script = (
        "import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.executable, sys.argv[1:]);"
        "_, status, usage = os.wait4(pid, 0); assert status == 0;"
        "print(usage.ru_maxrss, file=sys.stderr)"
    )
    done = run_table(lab, *words, before=[sys.executable, "-c", script])
    assert done.returncode == 0
    return int(done.stderr)
