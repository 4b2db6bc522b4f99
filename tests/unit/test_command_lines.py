"""However a command is called, and wherever its output goes: a documented exit status.

Here without a database; tests/store has the same with one.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings

from ctaudit import cli
from ctaudit.__main__ import main
from ctaudit.arguments import parse_arguments
from tests.unit.command_lines import (
    EXAMPLES,
    SOURCES,
    as_installed,
    as_process,
    ask_of,
    command_lines,
    environments,
    interpreter_environments,
    judge_end,
    run_here,
)

NOWHERE = ["--dsn", "host=/nowhere dbname=ctaudit"]
CHECK = ["check", *NOWHERE]


@given(command_lines(), environments())
@settings(max_examples=EXAMPLES, deadline=None)
def test_generated_command_lines(words: list[str], environment: dict[str, str]) -> None:
    words = ask_of(words, NOWHERE[1])
    judge_end(words, run_here(words, environment))


@given(interpreter_environments())
@settings(max_examples=max(EXAMPLES // 20, 10), deadline=None)
@example({"PYTHONHOME": "/nowhere"})
@example({"PYTHONIOENCODING": "nonsense"})
@example({"PYTHONHASHSEED": "x"})
def test_settings_of_the_interpreter(environment: dict[str, str]) -> None:
    """An interpreter that does not start ends with 1, which is who's word for nobody."""
    done = subprocess.run(
        as_installed(["who", "1.2.3.4", "--at", "never"]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], **environment},
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def run(
    words: list[str], shell: str = '"$@"', **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command as a process; ``shell`` says where its streams go."""
    return subprocess.run(
        ["bash", "-c", shell, "bash", *as_process(words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), **environment},
    )


@pytest.mark.parametrize("words", [["--help"], ["who", "--help"], ["--version"], CHECK])
@pytest.mark.parametrize(
    ("shell", "says"),
    [
        ('"$@" >/dev/full', "cannot write the output: No space left on device"),
        ('"$@" >&-', "cannot write the output: standard output is closed"),
        ('"$@" >&- <&-', "cannot write the output: standard output is closed"),
    ],
)
def test_output_that_cannot_be_written(words: list[str], shell: str, says: str) -> None:
    done = run(words, shell)
    assert (done.returncode, done.stderr) == (74, f"ctaudit: {says}\n")


@pytest.mark.parametrize("shell", ['"$@" 2>/dev/full', '"$@" 2>&-', '"$@" <&-'])
def test_a_sentence_that_cannot_be_written(shell: str) -> None:
    done = run(["who", "1.2.3.4", "--at", "never"], shell)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_reader_that_has_gone() -> None:
    assert run(CHECK, '{ sleep 0.5; "$@"; echo $? >&2; } | true').stderr == "141\n"


def test_an_interrupt_is_silent(tmp_path: Path) -> None:
    """While it waits for a server that accepts and never answers."""
    script = (
        "import socket, subprocess, sys, signal, time\n"
        "server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()\n"
        "child = subprocess.Popen(sys.argv[2:]); peer, _ = server.accept(); time.sleep(0.5)\n"
        "child.send_signal(signal.SIGINT); sys.exit(child.wait())\n"
    )
    words = as_process(["status", "--dsn", f"host={tmp_path} dbname=x"])
    done = subprocess.run(
        [words[0], "-c", script, str(tmp_path / ".s.PGSQL.5432"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    "words", [["who", "1.2.3.4", "--at", "@1"], ["flows"], ["status"], ["check"]]
)
def test_a_broken_installation(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('no pq wrapper available')\n")
    done = run([*words, *NOWHERE], PYTHONPATH=f"{tmp_path}:{SOURCES}")
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.startswith("ctaudit: cannot load a part of the program (ImportError: no pq")
    assert done.stderr.count("\n") == 1


def test_a_program_without_its_own_modules(tmp_path: Path) -> None:
    (tmp_path / "ctaudit").mkdir()
    for name in ("__init__.py", "__main__.py"):
        (tmp_path / "ctaudit" / name).write_text((SOURCES / "ctaudit" / name).read_text())
    done = run(["status"], PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (70, 1)
    assert "ctaudit: cannot load a part of the program" in done.stderr


def fail(_: object) -> int:
    raise ValueError("lost\nand \x1bfound")


@pytest.mark.parametrize(
    ("command", "wants", "shown"),
    [("status", "", False), ("status", "1", True), ("receive", "", True), ("record", "", True)],
)
def test_an_error_that_was_not_foreseen(
    command: str,
    wants: str,
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The services' journal keeps the traceback, and whoever reports it can have it."""
    monkeypatch.setitem(cli.COMMANDS, command, fail)
    monkeypatch.setenv("CTAUDIT_TRACEBACK", wants)
    assert main([command]) == 70
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("Traceback" in printed.err) is shown
    sentence = printed.err.splitlines()[-1]
    what = r"ValueError: lost and \x1bfound in cli.py:"
    assert sentence.startswith(f"ctaudit: an error that was not foreseen ({what}")
    assert "CTAUDIT_TRACEBACK=1" in sentence
    assert shown or printed.err.count("\n") == 1


LOCAL_TIMES = [
    ["who", "1.2.3.4", "--at", "@1"],
    ["flows"],
    ["traffic"],
    ["table"],
    ["status"],
    ["check"],
    ["node", "list"],
    ["node", "retire", "gw1", "--at", "2026-11-24 11:59:43"],
    ["hold", "set", "--case", "x", "--from", "2026-11-24 11:59:43", "--until", "2026-11-25"],
    ["hold", "list"],
]
NO_LOCAL_TIME = [
    ["node", "retire", "--here"],
    ["node", "rename", "gw1", "gw2"],
    ["node", "revive", "gw1"],
    ["hold", "lift", "x"],
    ["import", "ulogd", "--csv", "/nowhere"],
    ["maintain"],
    ["schema", "status"],
]


@pytest.mark.parametrize(
    "zone",
    [
        "EDT",
        "Europe/Berln",
        "/etc/passwd",
        "../UTC",
        ":EDT",
        "CET-1CEST,x",
        "EST99",
        "CET-1:75",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,J366,J1",
    ],
)
@pytest.mark.parametrize("words", LOCAL_TIMES, ids=" ".join)
def test_a_time_zone_that_does_not_exist(words: list[str], zone: str) -> None:
    end = run_here(words, {"TZ": zone})
    assert (end.status, end.out) == (2, "")
    assert end.err.startswith("ctaudit: the environment's TZ ")
    assert "no such time zone on this machine" in end.err
    end = run_here([*words, "--tz", zone], {})
    assert (end.status, "ctaudit: --tz " in end.err) == (2, True)
    assert run_here([*words, "--tz", "UTC", "--utc"], {}).status == 2


@pytest.mark.parametrize("words", NO_LOCAL_TIME, ids=" ".join)
def test_a_command_without_a_local_time_needs_no_zone(words: list[str], tmp_path: Path) -> None:
    """The end of a package must not fail by a TZ."""
    (tmp_path / "ctaudit.toml").write_text(f'[spool]\ndirectory = "{tmp_path}/nothing"\n')
    words = [*words, "--config", str(tmp_path / "ctaudit.toml")]
    end = run_here(words, {"TZ": "EDT", "PGHOST": "/nowhere"})
    assert end.status in (2, 5)
    assert "time zone" not in end.err


@pytest.mark.parametrize("zone", [["--tz", "UTC"], ["--utc"], ["--at", "@1"]])
def test_the_spool_says_when_it_ended(zone: list[str]) -> None:
    end = run_here(["node", "retire", "--here", *zone], {})
    assert end.status == 2
    assert "--here: takes neither --at, --tz, --utc nor --dsn" in end.err


@pytest.mark.parametrize(
    "zone", ["", ":", "UTC", "Europe/Berlin", ":Europe/Berlin", "EST5EDT", "<+03>-3", "CET-1CEST",
             "CET-1CEST,M3.5.0,M10.5.0/3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "AAA24",
             "EST5EDT,J60/167,365/00:30:59", "/usr/share/zoneinfo/Europe/Berlin"],
)  # fmt: skip
def test_a_time_zone_that_exists(zone: str) -> None:
    assert run_here(["status", *NOWHERE], {"TZ": zone}).status == 5


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "time", ["2026-11-25 20:27:14", "Wed, 25 Nov 2026 20:08:36 +0100", "2026-11-25T20:27:14 +0100"]
)
def test_a_time_needs_no_quotes(time: str, after: bool) -> None:
    address = ["1.2.3.4", "port", "53500"]
    first, *others = time.split()
    for words in (["--at", first, *others], [f"--at={first}", *others]):
        asked = parse_arguments(["who", *words, *address] if after else ["who", *address, *words])
        assert (asked.at, asked.public) == (time, "1.2.3.4 port 53500")


@pytest.mark.parametrize("number", ["port 53500", "id 4711", "key 12"])
@pytest.mark.parametrize("address", ["1.2.3.4", "1.2.3.4,", "2001:db8::1"])
def test_an_address_with_its_number_needs_no_quotes(address: str, number: str) -> None:
    words = [address, *number.split()]
    asked = parse_arguments(["who", *words, "--to", *words, "--at", "@1"])
    assert (asked.public, asked.to) == (f"{address} {number}", f"{address} {number}")
    asked = parse_arguments(["who", *words, f"--to={address}", *words[1:], "--at", "@1"])
    assert asked.to == f"{address} {number}"


@pytest.mark.parametrize(
    "words", [["hold", "lift", "id", "4711"], ["flows", "--node", "port", "1"]]
)
def test_what_is_no_address_is_not_joined(words: list[str]) -> None:
    end = run_here(words, {})
    assert end.status == 2
    assert "unrecognized arguments: " in end.err


def test_other_words_too_many_have_a_hint() -> None:
    end = run_here(["who", "1.2.3.4", "--at", "25.11.2026", "20:27:14"], {})
    assert end.status == 2
    assert "unrecognized arguments: 20:27:14; put quotes around a value with spaces" in end.err


def test_an_unknown_option_has_no_hint_at_quotes() -> None:
    end = run_here(["who", "1.2.3.4", "--at", "@1", "--fast"], {})
    assert (end.status, end.err) == (
        2, "ctaudit: unrecognized arguments: --fast; see ctaudit --help\n"
    )  # fmt: skip
