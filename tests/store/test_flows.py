"""flows against a real store: filters, formats, and readers that go away."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, ended
from tests.store.scenario import ARTICLE, SOURCES, Done, after, run


def flows(dsn: str, *words: str) -> Done:
    done = run("flows", "--dsn", dsn, *words)
    assert (done.status, done.err) == (0, ""), done
    return done


def test_flows_as_json(dsn: str) -> None:
    rows = [json.loads(line) for line in flows(dsn, "--format", "json").out.splitlines()]
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
        (["--node", "gw9"], set()),
    ],
)
def test_flows_filters(dsn: str, words: list[str], ids: set[int] | None) -> None:
    words = [after(int(word)).isoformat() if word.isdigit() else word for word in words]
    rows = [json.loads(line) for line in flows(dsn, "--format", "json", *words).out.splitlines()]
    found = {row["ct_id"] for row in rows}
    assert found == (ids if ids is not None else {1384991512, 2, 3, 4, 5, 7, 8, 9})


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
            check=True,
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
        asked = connection.execute("SELECT question, answers FROM ctaudit.inquiry").fetchall()
    assert asked == [("flows", 20_000)]
    everything = run("flows", "--dsn", cluster.dsn("many"), "--format", "csv")
    assert everything.out.count("\n") == 20_001
