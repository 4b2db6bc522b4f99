"""flows against a real store: filters, formats, and readers that go away."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, ended, nanoseconds, opened
from tests.store.scenario import ARTICLE, SOURCES, Done, after, refuse, run

WHY = ["--case", "2026-17", "--reason", "test"]


def flows(dsn: str, *words: str, status: int = 4) -> Done:
    """Without a span the question holds a gap, and the hour since the record ended."""
    done = run("flows", "--dsn", dsn, *WHY, *words)
    assert (done.status, done.err == "") == (status, status == 0), done
    return done


def read_json(done: Done) -> tuple[list[Any], list[Any]]:
    """The rows, and what is not covered."""
    rows = [json.loads(line) for line in done.out.splitlines()]
    uncovered = rows.pop()["uncovered"] if rows and "uncovered" in rows[-1] else []
    return rows, uncovered


def test_flows_as_json(dsn: str) -> None:
    rows, _ = read_json(flows(dsn, "--format", "json"))
    assert len(rows) == 10
    assert [row["started_at"] for row in rows] == sorted(row["started_at"] for row in rows)
    (article,) = [row for row in rows if row["ct_id"] == ARTICLE["ct_id"]]
    assert article["host"] == "192.168.1.129"
    assert article["orig_bytes"] == 5600


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--host", "192.168.1.131"], {3, 9}),
        (["--host", "192.168.1.130/32"], {4, 5}),
        (["--nat", "2001:41d0:1::/48"], {6}),
        (["--remote", "68.232.35.0/24"], {3}),
        (["--remote", "61.174.51.209", "--nat", "1.2.3.4"], {5}),
        (["--open"], {4}),
        (["--from", "500"], {4, 10}),
        (["--until", "2"], {1384991512, 2, 4}),
        (["--from", "25", "--until", "31", "--host", "192.168.1.128/25"], None),
    ],
)
def test_flows_filters(dsn: str, words: list[str], ids: set[int] | None) -> None:
    words = [after(int(word)).isoformat() if word.isdigit() else word for word in words]
    status = 0 if "--until" in words else 4
    rows, _ = read_json(flows(dsn, "--format", "json", *words, status=status))
    found = {row["ct_id"] for row in rows}
    assert found == (ids if ids is not None else {1384991512, 2, 3, 4, 5, 7, 8, 9})


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--from", "10", "--until", "900"], []),
        (["--from", "10", "--until", "1003"], [(1000, 1003, "gap (overrun)")]),
        (["--from", "900", "--until", "1300"], [(1000, 1010, "gap (overrun)")]),
        (["--from", "1010.001", "--until", "3600"], []),
        (["--from", "3000", "--until", "4000"], [(3600, 4000, "not yet recorded")]),
        (["--from", "-9000", "--until", "10"], [(-9000, None, "before the first record")]),
        (["--from", "-9000", "--until", "-8000"], [(-9000, -8000, "no gateway had a record")]),
        (["--until", "900"], []),
        (["--open", "--until", "900"], []),
        (["--open", "--until", "1003"], [(1003, 1003, "gap (overrun)")]),
        (["--node", "gw1", "--from", "2020-01-01", "--until", "2020-01-02"], None),
    ],
)
def test_what_is_not_covered(
    dsn: str, words: list[str], parts: list[tuple[float, float | None, str]] | None
) -> None:
    """The bounds and the reason; a bound of None is not looked at."""
    is_number = re.compile(r"-?[\d.]+").fullmatch
    words = [after(float(word)).isoformat() if is_number(word) else word for word in words]
    done = flows(dsn, "--format", "json", *words, status=0 if parts == [] else 4)
    _, found = read_json(done)
    if parts is None:
        assert [item["why"][:4] for item in found] == ["gw1:"]
        return
    assert len(found) == len(parts)
    for part, (begin, until, why) in zip(found, parts, strict=True):
        assert why in part["why"], found
        assert why in done.err
        slack = timedelta(microseconds=1)
        assert abs(datetime.fromisoformat(part["from"]) - after(begin)) <= slack
        if until is not None:
            assert abs(datetime.fromisoformat(part["until"]) - after(until)) <= slack


def test_flows_of_an_unknown_gateway(dsn: str) -> None:
    sentence = refuse(2, "flows", "--node", "gw9", "--dsn", dsn)
    assert sentence == "--node 'gw9': no gateway of that name is known; known are gw1"


@pytest.mark.parametrize("mode", ["live", "nat", "history"])
def test_pieces_agree_with_completeness(cluster: Cluster, mode: str) -> None:
    """Where a part is not covered, who says unknown, and where none is, it does not."""
    cluster.create_database(f"pieces_{mode}")
    dsn = cluster.dsn(f"pieces_{mode}")
    schema.install(dsn)
    gateway = Gateway(dsn, "gw1", mode)
    gateway.listen(after(-600))
    gateway.record([], after(100))
    gateway.dump(after(100), [])
    gateway.record([], after(300))
    gateway.note("overrun", after(310), {"last_read_at": nanoseconds(after(300)), "lost": 7})
    gateway.dump(after(320), [])
    gateway.record([], after(700))
    gateway.dump(after(700), [])
    gateway.record([], after(900))
    gateway.close()
    with psycopg.connect(dsn) as connection:
        whole = ask_parts(connection, after(-900), after(1200))
        for second in range(-900, 1200, 13):
            begin, until = after(second), after(second + 1)
            inside = any(low < until and high > begin for low, high in whole)
            said = connection.execute(
                "SELECT complete FROM ctaudit.completeness('gw1', %s, %s)", (begin, until)
            ).fetchall()
            if mode != "nat":
                assert said == [(not inside,)], second
            assert bool(ask_parts(connection, begin, until)) is inside, second
        assert any(high <= after(400) for _, high in whole)
        # By ends alone, nothing after the last dump before the gap is known to be whole.
        assert any(low < after(250) < high for low, high in whole) is (mode == "history")


def ask_parts(
    connection: psycopg.Connection[Any], begin: datetime, until: datetime
) -> Sequence[tuple[datetime, datetime]]:
    return connection.execute(
        "SELECT uncovered_from, uncovered_until FROM ctaudit.uncovered('gw1', %s, %s)",
        (begin, until),
    ).fetchall()


def test_flows_in_other_formats(dsn: str) -> None:
    words = ["--nat", "1.2.3.4", "--host", "192.168.1.129"]
    header, *rows = csv.reader(flows(dsn, "--format", "csv", *words).out.splitlines())
    assert len(rows) == 4
    assert dict(zip(header, rows[0], strict=True))["orig_sport"] == "53400"
    objects = [
        json.loads(line) for line in flows(dsn, "--format", "ulogd", *words).out.splitlines()
    ]
    assert {item["ct.event"] for item in objects} == {4}
    assert objects[0]["src_ip"] == "192.168.1.129"
    assert objects[0]["flow.start.usec"] == 250000
    table = flows(dsn, *words).out.splitlines()
    assert table[0].split()[:2] == ["STARTED", "+01:00"]
    assert len(table) == 5
    assert "192.168.1.129:53400" in table[1]
    assert flows(dsn, "--limit", "1", *words).out.count("\n") == 2
    assert flows(dsn, "--host", "10.0.0.0/8").out == "No flows.\n"


def test_a_table_is_as_wide_as_its_terminal(dsn: str) -> None:
    terminal, end = os.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "ctaudit", "flows", "--dsn", dsn, "--nat", "1.2.3.4"],
            stdout=end,
            check=False,
            timeout=60,
            env={"PYTHONPATH": str(SOURCES), "PATH": os.environ["PATH"], "COLUMNS": "90"},
        )
        lines = os.read(terminal, 1 << 16).decode().splitlines()
    finally:
        os.close(terminal)
        os.close(end)
    assert lines[0].split() == ["STARTED", "+00:00", "PROTO", "HOST", "PUBLIC", "REMOTE"]
    assert max(map(len, lines)) <= 90


def test_a_reader_that_goes_away_early(cluster: Cluster) -> None:
    cluster.create_database("many")
    schema.install(cluster.dsn("many"))
    gateway = Gateway(cluster.dsn("many"), "gw1")
    gateway.listen(after(-600))
    gateway.record(
        [
            ended({**ARTICLE, "ct_id": number}, after(0), after(1 + number / 1000))
            for number in range(20_000)
        ],
        after(100),
    )
    gateway.close()
    words = [
        sys.executable,
        "-m",
        "ctaudit",
        "flows",
        "--dsn",
        cluster.dsn("many"),
        "--format",
        "json",
    ]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(SOURCES), "PATH": os.environ["PATH"]},
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert json.loads(child.stdout.readline())["host"] == "192.168.1.129"
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(timeout=30) == 141
    with psycopg.connect(cluster.dsn("many")) as connection:
        asked = connection.execute("SELECT question, answers FROM ctaudit.inquiries()").fetchall()
    assert asked == [("flows", 20_000)]
    everything = run("flows", "--dsn", cluster.dsn("many"), "--format", "csv")
    assert everything.out.count("\n") == 20_001


@pytest.mark.parametrize("asked", [
    "host FROM ctaudit.flows(p_host => {host}, p_from => {since})",
    "host FROM ctaudit.flows(p_remote => {remote}, p_from => {since})",
    "host FROM ctaudit.flows(p_nat => {public}, p_from => {since})",
    "host FROM ctaudit.live('gw1', p_host => {host})",
    "address FROM ctaudit.traffic({since}, NULL, '1 day', 'host', p_host => {host})",
    "proto FROM ctaudit.durations({since}, p_remote => {remote})",
])  # fmt: skip
def test_an_ipv4_mapped_network_is_that_of_ipv4(dsn: str, asked: str) -> None:
    networks = {"host": ("192.168.1.0", 24), "remote": ("19.1.16.0", 24), "public": ("1.2.3.4", 32)}
    said = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for before, longer in (("", 0), ("::ffff:", 96)):
            values = {
                name: f"'{before}{address}/{length + longer}'"
                for name, (address, length) in networks.items()
            }
            query = asked.format(since=f"'{after(0).isoformat()}'", **values)
            found = connection.execute(f"SELECT {query}".encode()).fetchall()
            said.append(sorted(map(str, found)))
    assert said[0] == said[1] != []


@pytest.mark.parametrize("mode", ["live", "history"])
def test_ends_without_a_start_are_counted(cluster: Cluster, mode: str) -> None:
    """nf_conntrack_timestamp = 0: in live mode the start is the opening's, if there is one."""
    name = f"startless_{mode}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = Gateway(cluster.dsn(name, "rex"), "gw1", mode)
    gateway.note("start", after(0), {"mode": mode, "timestamp": 0})
    gateway.dump(after(1))
    joined = {**ARTICLE, "ct_id": 1}
    alone = {**ARTICLE, "ct_id": 2, "orig_sport": 2}
    ends = [{**ended(each, after(5), after(60)), "start_sent": None} for each in (joined, alone)]
    gateway.record([opened(joined, after(5), timed=False), *ends], after(70))
    gateway.close()
    span = ["--from", after(4).isoformat(), "--until", after(65).isoformat()]
    done = run("flows", "--dsn", cluster.dsn(name, "audrey"), "--format", "json", *span)
    starts = [row["started_source"] for row in read_json(done)[0]]
    known = ["receiver"] if mode == "live" else []
    assert sorted(start for start in starts if start) == known
    count = "1 connection of these has" if mode == "live" else "2 connections of these have"
    assert f"ctaudit: {count} no known start: the kernel sent none" in done.err
    text = run(
        "who", "1.2.3.4:53500", "--at", after(60).isoformat(), "--node", "gw1",
        "--dsn", cluster.dsn(name, "audrey"),
    ).out  # fmt: skip
    assert "unknown (the kernel sent none, and no opening of it is recorded)" in text
    with psycopg.connect(cluster.dsn(name)) as owner:
        shown = owner.execute(
            "SELECT flow_start_sec IS NOT NULL FROM ctaudit.ulog2_ct ORDER BY 1 DESC"
        ).fetchall()
    assert shown == [(mode == "live",), (False,)]
