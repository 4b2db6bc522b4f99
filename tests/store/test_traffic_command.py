"""ctaudit traffic as a process, on the store of the other commands' tests."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest

from tests.store.scenario import COUNTS, SOURCES, Done, after, refuse, run

ONE = COUNTS["orig_bytes"] + COUNTS["reply_bytes"]
SPAN = ["--from", after(0).isoformat(), "--until", after(900).isoformat()]


def traffic(dsn: str, *words: str, status: int = 0) -> Done:
    done = run("traffic", "--dsn", dsn, "--case", "2026-17", "--reason", "test", *words)
    assert (done.status, done.err == "") == (status, status == 0), done
    return done


def test_by_host(dsn: str) -> None:
    done = traffic(dsn, *SPAN, "--by", "host", "--bucket", "900s", "--format", "json")
    rows = {item["party"]: item for item in map(json.loads, done.out.splitlines())}
    assert set(rows) == {
        "192.168.1.129", "192.168.1.130", "192.168.1.131", "2a01:e35:1394:5bd0::66",
    }  # fmt: skip
    assert rows["192.168.1.129"]["bytes"] == 4 * ONE
    assert rows["192.168.1.130"]["bytes"] >= ONE, "the port that is forwarded to it"
    assert rows["192.168.1.130"]["connections"] == 2
    assert rows["192.168.1.131"]["packets"] == 2 * (23 + 20)


def test_buckets_add_up(dsn: str) -> None:
    words = [*SPAN, "--host", "192.168.1.129", "--format", "csv"]
    for bucket in ("10s", "33s", "15min"):
        rows = list(csv.DictReader(traffic(dsn, *words, "--bucket", bucket).out.splitlines()))
        assert sum(int(row["bytes"]) for row in rows) == 4 * ONE
        assert sum(int(row["began"]) for row in rows) == 4


def test_the_others(dsn: str) -> None:
    lines = traffic(dsn, *SPAN, "--bucket", "15min", "--by", "host", "--top", "1").out.splitlines()
    assert [line.split()[2] for line in lines] == ["HOST", "192.168.1.129", "others"]


def test_what_is_not_covered(dsn: str) -> None:
    words = ["--from", after(900).isoformat(), "--until", after(1300).isoformat()]
    done = traffic(dsn, *words, "--format", "json", status=4)
    (part,) = json.loads(done.out.splitlines()[-1])["uncovered"]
    assert "gap (overrun)" in part["why"]
    assert "gap (overrun)" in done.err
    assert traffic(dsn, *words, status=4).out.startswith("FROM +01:00")


def test_durations(dsn: str) -> None:
    done = traffic(dsn, *SPAN, "--durations", "--format", "json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert sum(row["connections"] for row in rows) == 8
    (echo,) = [row for row in rows if row["proto_name"] == "icmp"]
    assert echo["seconds_from"] <= 30 < echo["seconds_until"]
    assert echo["timeouts"] == [{"seconds": 30, "name": "echo"}]


def test_refused(dsn: str) -> None:
    assert refuse(2, "traffic", "--node", "gw9", "--dsn", dsn).endswith("known are gw1")
    assert "at most 10000" in refuse(2, "traffic", "--bucket", "1s", "--dsn", dsn)
    assert "--durations: takes neither" in refuse(
        2, "traffic", "--durations", "--by", "host", "--dsn", dsn
    )


@pytest.mark.parametrize(("language", "glyph"), [("C.UTF-8", "█"), ("en_US.ISO-8859-1", "#")])
def test_a_terminal_has_bars(dsn: str, language: str, glyph: str) -> None:
    terminal, end = os.openpty()
    environment = {"PYTHONPATH": str(SOURCES), "PATH": os.environ["PATH"], "COLUMNS": "100"}
    if glyph == "#":
        environment["PYTHONIOENCODING"] = "latin-1"
    try:
        subprocess.run(
            [sys.executable, "-m", "ctaudit", "traffic", "--dsn", dsn, *SPAN],
            stdout=end,
            check=True,
            timeout=60,
            env=environment | {"LANG": language},
        )
        text = os.read(terminal, 1 << 16).decode()
    finally:
        os.close(terminal)
        os.close(end)
    assert glyph * 5 in text
    assert max(map(len, text.splitlines()[:10])) <= 100
