"""Generated command lines and environments against a real store; a login's own settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.cluster import Cluster
from tests.store.scenario import after, refuse, run, who
from tests.unit.command_lines import (
    COMMON,
    EXAMPLES,
    SOURCES,
    STATUSES,
    UNWRITTEN,
    as_installed,
    as_process,
    ask_of,
    command_lines,
    environments,
    interpreter_environments,
    judge_end,
    run_here,
)


@pytest.fixture(scope="module")
def asked(dsn: str) -> str:
    return dsn


def place_times(words: list[str]) -> list[str]:
    """A day of the generated times is the day that the store has a record of."""
    day = after(0.25)
    return [
        word.replace("2026-02-22", f"{day:%Y-%m-%d}").replace("1771757983", f"{day:%s}")
        for word in words
    ]


@given(words=command_lines(), environment=environments())
@settings(max_examples=EXAMPLES, deadline=None)
def test_generated_command_lines(asked: str, words: list[str], environment: dict[str, str]) -> None:
    words = ask_of([words[0], *place_times(words[1:])], asked)
    judge_end(words, run_here(words, environment))


STREAMS = ["", "<&-", ">&-", "2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&-", "<&- 2>&-",
           "| head -c 1"]  # fmt: skip


@given(
    words=command_lines(),
    environment=environments(),
    interpreter=interpreter_environments(),
    streams=st.sampled_from(STREAMS),
)
@settings(max_examples=max(EXAMPLES // 20, 5), deadline=None)
def test_generated_streams(
    asked: str,
    words: list[str],
    environment: dict[str, str],
    interpreter: dict[str, str],
    streams: str,
) -> None:
    words = ask_of([words[0], *place_times(words[1:])], asked)
    done = subprocess.run(
        ["bash", "-c", f'"$@" {streams}; exit ${{PIPESTATUS[0]}}', "bash", *as_installed(words)],
        capture_output=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ["PATH"], **environment, **interpreter},
    )
    allowed = STATUSES[words[0]] | {0, UNWRITTEN, 141}
    assert done.returncode in allowed, done
    assert b"Traceback" not in done.stderr
    if done.returncode in (*COMMON, UNWRITTEN) and "2>" not in streams:
        # bash itself complains of a locale that this machine does not have.
        said = [line for line in done.stderr.splitlines() if not line.startswith(b"bash: ")]
        assert len(said) == 1, done


@pytest.mark.parametrize("words", [["flows"], ["flows", "--format", "json"], ["traffic"]], ids=str)
@pytest.mark.parametrize(
    ("streams", "status", "says"),
    [
        (">/dev/full", 74, "ctaudit: cannot write the output: No space left on device\n"),
        ("| true", 141, ""),
    ],
)
def test_nothing_is_said_of_rows_that_were_not_written(
    asked: str, words: list[str], streams: str, status: int, says: str
) -> None:
    span = ["--from", after(-4000).isoformat(), "--until", after(9000).isoformat()]
    words = [*words, *span, "--dsn", asked]
    assert "not covered" in run(*words).err
    shell = f'{{ sleep 0.5; "$@"; }} {streams}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *as_process(words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)},
    )
    assert (done.returncode, done.stderr) == (status, says)


CONTROL = "x\ny\x1b[31mz\x07\u202e\x85"


@pytest.mark.parametrize(
    "words",
    [
        ["who", "1.2.3.4:53500", "--at", "@1", "--node", CONTROL],
        ["who", "1.2.3.4:53500", "--at", CONTROL],
        ["who", "1.2.3.4:53500", "--at", "@1", CONTROL],
        ["who", CONTROL, "--at", "@1"],
        ["flows", "--node", CONTROL],
        ["flows", "--host", CONTROL],
        ["traffic", "--node", CONTROL],
        ["node", "retire", CONTROL],
        ["hold", "set", "--case", CONTROL, "--from", "2026-01-01", "--until", "2126-01-01"],
        ["hold", "list"],
        ["hold", "lift", CONTROL],
        ["status", f"--{CONTROL}"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_controls_a_terminal_is_escaped(cluster: Cluster, words: list[str]) -> None:
    done = run(*words, "--dsn", cluster.dsn())
    shown = done.out + done.err
    assert all(line.isprintable() for line in shown.split("\n")), done
    assert words[1] == "list" or "\\x1b[31mz" in shown
    assert done.err.count("\n") == (done.status == 2)


SETTINGS = [
    {"PGDATESTYLE": "German"},
    {"PGDATESTYLE": "SQL, DMY"},
    {"PGDATESTYLE": "Postgres, MDY", "PGTZ": "Asia/Kolkata"},
    {"PGOPTIONS": "-c IntervalStyle=iso_8601 -c DateStyle=German -c TimeZone=PST8PDT"},
]


@pytest.mark.parametrize("environment", SETTINGS, ids=str)
def test_settings_of_the_environment(dsn: str, environment: dict[str, str]) -> None:
    assert_answers_are_the_same(dsn, environment)


@pytest.fixture
def german(cluster: Cluster) -> Iterator[None]:
    """The settings of a login, and of the database."""
    changes = [
        ("ROLE audrey", "DateStyle", "'German'"),
        ("ROLE audrey", "IntervalStyle", "'iso_8601'"),
        ("DATABASE ctaudit", "TimeZone", "'Asia/Kolkata'"),
        ("DATABASE ctaudit", "DateStyle", "'SQL, DMY'"),
    ]
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        for whose, name, value in changes:
            connection.execute(f"ALTER {whose} SET {name} = {value}")  # type: ignore[arg-type]
        yield
        for whose, name, _ in changes:
            connection.execute(f"ALTER {whose} RESET {name}")  # type: ignore[arg-type]


@pytest.mark.usefixtures("german")
def test_settings_of_a_login(dsn: str) -> None:
    assert_answers_are_the_same(dsn, {})


def assert_answers_are_the_same(dsn: str, environment: dict[str, str]) -> None:
    at = after(1003).isoformat()
    done = run("who", "1.2.3.4:53900", "--at", at, "--dsn", dsn, "--json", env=environment)
    assert (done.status, done.err) == (4, "")
    assert done.json["answers"][0]["started_at"] == f"{after(990):%Y-%m-%dT%H:%M:%S}.000000Z"
    begin, until = (f"{after(second):%Y-%m-%d %H:%M:%S}+00" for second in (1000, 1010))
    assert done.json["reasons"] == [f"gw1: gap (overrun) from {begin} until {until}, 123 lost"]
    text = run("who", "1.2.3.4:53900", "--at", at, "--dsn", dsn, "--utc", env=environment)
    assert f"gap (overrun) from {after(1000):%Y-%m-%d %H:%M:%S}+00:00 until " in text.out
    words = ["flows", "--format", "json", "--dsn", dsn, "--from", after(900).isoformat()]
    lines = [json.loads(line) for line in run(*words, env=environment).out.splitlines()]
    assert lines[0]["started_at"].startswith(f"{after(3):%Y-%m-%dT%H:%M:%S}")
    status = run("status", "--json", "--dsn", dsn, env=environment)
    assert status.json["streams"][0]["lag_seconds"] > 3000


def test_an_interrupt_during_a_question_is_silent(cluster: Cluster, dsn: str) -> None:
    with psycopg.connect(cluster.dsn()) as connection:
        connection.execute("LOCK TABLE ctaudit.inquiry")
        with subprocess.Popen(
            as_process(["flows", "--dsn", dsn]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)},
        ) as child:
            waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            with psycopg.connect(cluster.dsn(), autocommit=True) as other:
                while not other.execute(waiting).fetchone():
                    time.sleep(0.05)
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=30) == 130
            assert child.stdout is not None
            assert child.stdout.read() == b""


def test_an_installation_in_another_date_style(cluster: Cluster) -> None:
    cluster.create_database("german")
    environment = {"PGDATESTYLE": "SQL, DMY", "PGTZ": "Asia/Kolkata"}
    for words in (["schema", "install"], ["maintain"], ["schema", "status"]):
        done = run(*words, "--dsn", cluster.dsn("german"), env=environment)
        assert (done.status, done.err) == (0, "")
    with psycopg.connect(cluster.dsn("german")) as connection:
        bounds = connection.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class "
            "WHERE relname ~ '^flow_p' AND relispartition AND relkind = 'r'"
        ).fetchall()
    assert bounds
    assert all(bound.count(" 00:00:00+00'") == 2 for (bound,) in bounds), bounds


def test_the_time_zone_of_a_question(dsn: str) -> None:
    """Of the time without a zone, and of the answer."""
    local = f"{after(0.25):%Y-%m-%d %H:%M:%S}"
    asked = [*local.split(), "--to", "19.1.16.7", "--dsn", dsn]
    done = run("who", "1.2.3.4", "port", "53500", "--utc", "--at", *asked)
    assert done.status == 0
    assert f"Asked: {local}+00:00 to before" in done.out
    assert run("who", "1.2.3.4:53500", "--tz", "Asia/Kolkata", "--at", *asked).status == 4
    kolkata = run("who", "1.2.3.4:53500", "--tz", "Asia/Kolkata", "--at", *local.split(), "UTC",
                  "--dsn", dsn)  # fmt: skip
    assert kolkata.status == 0
    assert "+05:30" in kolkata.out
    assert "no such time zone" in refuse(
        2, "who", "1.2.3.4", "--at", local, "--dsn", dsn, env={"TZ": "EDT"}
    )


def test_what_our_own_output_and_psql_print_can_be_pasted_back(cluster: Cluster, dsn: str) -> None:
    """Each finds the connection again whose start it is."""
    answer = who(dsn, "1.2.3.4:53500", 1, "--json").json["answers"][0]
    printed = [answer["started_at"]]
    shown = who(dsn, "1.2.3.4:53500", 1)
    printed += [line.split(maxsplit=1)[1].split(" (")[0]
                for line in shown.out.splitlines() if line.startswith("  started")]  # fmt: skip
    for form, key in (("json", "started_at"), ("ulogd", "flow.start.sec")):
        words = ["--nat", "1.2.3.4", "--host", "192.168.1.129", "--format", form, "--dsn", dsn]
        row = json.loads(run("flows", *words).out.splitlines()[0])
        printed.append(str(row[key]))
    table = run("flows", "--nat", "1.2.3.4", "--host", "192.168.1.129", "--dsn", dsn, "--utc").out
    printed.append(" ".join(table.splitlines()[1].split()[:2]) + "Z")
    for style in ("ISO", "Postgres"):
        for zone in ("UTC", "Asia/Kolkata"):
            query = (
                f"SET DateStyle = {style}; SET TimeZone = '{zone}'; "
                f"SELECT '{answer['started_at']}'::timestamptz"
            )
            psql = [cluster.client("psql"), "-XAtq", "-d", cluster.dsn(), "-c", query]
            if style == "ISO" or zone == "UTC":
                printed.append(subprocess.check_output(psql, text=True).strip())
    assert len(printed) == 8
    for text in printed:
        found = run("who", "1.2.3.4:53500", "--at", text, "--dsn", dsn, "--json")
        assert found.status == 0, (text, found)
        assert found.json["answers"][0]["ct_id"] == answer["ct_id"], text
