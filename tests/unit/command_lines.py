"""Generated command lines and environments, and how each of them may end."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from ctaudit.__main__ import main
from tests.unit.garbage import GARBAGE

# Examples of a run: hundreds in make test, 10,000 by hand (tests/README.md).
EXAMPLES = int(os.environ.get("CTAUDIT_COMMAND_LINES", "200"))

COMMON = {2, 5, 6, 7, 8}
STATUSES = {
    "who": {0, 1, 3, 4, *COMMON},
    "ask": {0, 2, 4, *COMMON},
    "flows": {0, 4, *COMMON},
    "traffic": {0, 4, *COMMON},
    "check": {0, 1, 3, *COMMON},
    "status": {0, *COMMON},
    "node": {0, *COMMON},
    "hold": {0, *COMMON},
    "filter": {0, *COMMON},
    "config": {0, *COMMON},
}
UNWRITTEN = 74

# What the operating system hands over: no NUL, and bytes that are no UTF-8 as surrogates.
_WORDS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=12)
_BYTES = st.binary(max_size=6).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"")))
_GARBAGE = GARBAGE.map(lambda text: text.replace("\0", "")) | _WORDS | _BYTES
TIMES = st.sampled_from(
    ["2026-02-22 11:59:43", "2026-02-22T11:59:43.25+01:00", "Sun, 22 Feb 2026 11:59:43 +0100",
     "[22/Feb/2026:11:59:43 +0100]", "@1771757983", "1771757983.5", "2026-02-22 11:59",
     "2026-02-22",
     "2016-12-31T23:59:60Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-29 02:30:00",
     "2026-10-25 02:30:00", "2026-10-25 02:30:00 CET", "01/02/2026 11:59", "Feb 22 11:59:43",
     "@-1", "@99999999999", "-"],
)  # fmt: skip
ADDRESSES = st.sampled_from(
    ["1.2.3.4:53500", "1.2.3.4:53600", "1.2.3.4", "[2001:41d0:1:9598::4]:51162", "2001:db8::1:22",
     "1.2.3.4 port 53500", "1.2.3.4#53500", "1.2.3.4.53500", "[1.2.3.4]:53500", "::", "0.0.0.0:0",
     "::ffff:1.2.3.4", "fe80::1%eth0", "1.2.3.4:99999"],
)  # fmt: skip
_NETWORKS = st.sampled_from(["192.168.1.0/24", "::/0", "0.0.0.0/0", "1.2.3.4", "1.2.3.4/8", "::1"])
_ZONES = st.sampled_from(["UTC", "Europe/Berlin", "EDT", "right/UTC", "../zone", "", "Europe", "/"])
_LETTERS = st.sampled_from(sorted((Path(__file__).parent / "letter/reports").iterdir())).map(str)
_NODES = st.sampled_from(["gw1", "gw9", "", "ä", "'; --", "%s"])
_OPTIONS: dict[str, dict[str, st.SearchStrategy[str] | None]] = {
    "who": {
        "--at": TIMES, "--to": ADDRESSES, "--proto": st.sampled_from(["tcp", "17", "icmp", "256"]),
        "--node": _NODES, "--within": st.sampled_from(["0", "2", "0.5", "31622400", "-1"]),
        "--tz": _ZONES, "--utc": None, "--json": None,
    },
    "ask": {
        "--date": st.sampled_from(["2026-02-22", "2024-02-30", "9999-12-31", "22.2.2026", ""]),
        "--within": st.sampled_from(["0", "2", "31622400", "-1"]),
        "--tz": _ZONES, "--utc": None, "--json": None,
    },
    "flows": {
        "--host": _NETWORKS, "--nat": _NETWORKS, "--remote": _NETWORKS, "--from": TIMES,
        "--until": TIMES, "--open": None, "--node": _NODES, "--tz": _ZONES, "--utc": None,
        "--limit": st.sampled_from(["1", "0", "-1", "99999999999999999999", "x"]),
        "--format": st.sampled_from(["table", "json", "csv", "ulogd", "xml"]),
    },
    "traffic": {
        "--host": _NETWORKS, "--remote": _NETWORKS, "--from": TIMES, "--until": TIMES,
        "--bucket": st.sampled_from(["1s", "1h", "7d", "0s", "1 month", "99999999d", "1.5h"]),
        "--by": st.sampled_from(["host", "remote", "service", "total", "x"]), "--node": _NODES,
        "--top": st.sampled_from(["1", "10", "0", "-1", "99999999999999999999"]),
        "--durations": None, "--tz": _ZONES, "--utc": None,
        "--format": st.sampled_from(["table", "json", "csv", "ulogd"]),
    },
    "check": {"--json": None},
    "status": {"--json": None, "--tz": _ZONES, "--utc": None},
    "node": {
        "--json": None, "--tz": _ZONES, "--utc": None, "--at": TIMES, "--reason": _NODES,
        "--wait": st.sampled_from(["0", "-1", "nan", "x"]), "--remove": None,
    },
    "hold": {
        "--json": None, "--tz": _ZONES, "--utc": None, "--from": TIMES, "--until": TIMES,
        "--case": _NODES, "--node": _NODES, "--address": _NETWORKS,
    },
    "filter": {
        "--json": None, "--proto": st.sampled_from(["tcp", "17", "icmp", "256"]),
        "--zone": st.sampled_from(["0", "65536", "x"]), "--snat": ADDRESSES, "--dnat": ADDRESSES,
    },
    "config": {"--json": None},
}  # fmt: skip
# Of the commands that have commands of their own: what each of these takes before its options.
_ACTIONS: dict[str, dict[str, list[st.SearchStrategy[str]]]] = {
    "node": {
        "list": [],
        "rename": [_NODES, _NODES],
        "retire": [_NODES],
        "revive": [_NODES],
        "login": [_NODES, _NODES],
    },
    "hold": {"list": [], "set": [], "lift": [_NODES]},
    "filter": {"show": [], "explain": [ADDRESSES, ADDRESSES]},
    "config": {"show": [], "check": []},
}


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with options that are right, almost right, or anything."""
    command = draw(st.sampled_from(sorted(STATUSES)))
    options = _OPTIONS[command]
    words = [draw(ADDRESSES | _GARBAGE)] if command == "who" else []
    if command == "ask":
        words = [draw(_LETTERS | _GARBAGE)]
    if command in _ACTIONS:
        action = draw(st.sampled_from(sorted(_ACTIONS[command])))
        words = [action, *(draw(value | _GARBAGE) for value in _ACTIONS[command][action])]
    names = draw(st.lists(st.sampled_from(sorted(options)), unique=True, max_size=4))
    if command == "who" and draw(st.integers(0, 9)):
        names = ["--at", *(name for name in names if name != "--at")]
    for name in names:
        values = options[name]
        if values is None:
            words.append(name)
            continue
        value = draw(st.one_of(values, values, values, _GARBAGE))
        is_split = name in ("--at", "--from", "--until") and draw(st.booleans())
        words += [name, *value.split(" ")] if is_split else [name, value]
    return [
        command,
        *words,
        *draw(st.lists(_GARBAGE, max_size=1) if draw(_RARELY) else st.just([])),
    ]


def ask_of(words: list[str], dsn: str) -> list[str]:
    """The command line with --dsn."""
    place = 2 if words[0] in _ACTIONS else 1
    return [*words[:place], "--dsn", dsn, *words[place:]]


_RARELY = st.integers(0, 9).map(lambda number: number == 0)
_SETTINGS = {
    "TZ": st.sampled_from(
        ["UTC", "Europe/Berlin", "EDT", "CET-1CEST", ":Asia/Kolkata", "", ":", "/etc/passwd",
         "<+03>-3", "America/St_Johns"]
    ),
    "TZDIR": st.sampled_from(["/nowhere", "/usr/share/zoneinfo"]),
    "LANG": st.sampled_from(["C", "C.UTF-8", "de_DE.UTF-8", "xx_YY", "POSIX"]),
    "LC_ALL": st.sampled_from(["C", "tr_TR.UTF-8", "en_US.ISO-8859-1"]),
    "COLUMNS": st.sampled_from(["0", "1", "20", "-3", "many"]),
    "PGDATESTYLE": st.sampled_from(["German", "SQL, DMY", "Postgres", "ISO, MDY", "wrong"]),
    "PGTZ": st.sampled_from(["Asia/Kolkata", "PST8PDT", "Nowhere", "+05:30"]),
    "PGOPTIONS": st.sampled_from(
        ["-c IntervalStyle=iso_8601", "-c DateStyle=German", "-c search_path=pg_temp",
         "-c statement_timeout=1", "-c default_transaction_isolation=serializable",
         "-c bytea_output=escape", "-c extra_float_digits=-15", "-c nonsense=1", "-c TimeZone=CET",
         "-c standard_conforming_strings=off", "-c client_min_messages=debug5", "-c lc_time=C"]
    ),
    "PGCLIENTENCODING": st.sampled_from(["LATIN1", "SQL_ASCII", "wrong"]),
    "PGCONNECT_TIMEOUT": st.sampled_from(["1", "x", "-1"]),
    "PGAPPNAME": st.sampled_from(["x" * 200, "ä"]),
    "PGSSLMODE": st.sampled_from(["disable", "prefer", "wrong"]),
    "PGTARGETSESSIONATTRS": st.sampled_from(["any", "wrong", "read-write"]),
}  # fmt: skip

# What the interpreter itself heeds, before it runs anything of ours.
_INTERPRETER = {
    "PYTHONHOME": st.sampled_from(["/nowhere", "/usr", "/etc/passwd"]),
    "PYTHONPATH": st.sampled_from(["/nowhere", "/etc/passwd", "/proc/self/root"]),
    "PYTHONSTARTUP": st.sampled_from(["/nowhere", "/etc/passwd"]),
    "PYTHONIOENCODING": st.sampled_from(["nonsense", "ascii:nonsense", "utf-16", ":", "latin-1"]),
    "PYTHONUTF8": st.sampled_from(["0", "1", "2", "x"]),
    "PYTHONWARNINGS": st.sampled_from(["error", "nonsense", "error::nonsense.Warning"]),
    "PYTHONHASHSEED": st.sampled_from(["0", "x", "99999999999"]),
    "PYTHONMALLOC": st.sampled_from(["debug", "nonsense"]),
    "PYTHONTRACEMALLOC": st.sampled_from(["x", "-1"]),
    "PYTHONINTMAXSTRDIGITS": st.sampled_from(["1", "x"]),
    "PYTHONBREAKPOINT": st.just("nonsense"),
    "PYTHONOPTIMIZE": st.just("2"),
    "PYTHONDEVMODE": st.just("1"),
    "PYTHONPLATLIBDIR": st.just("nowhere"),
    "PYTHONINSPECT": st.just("1"),
    "PYTHONCASEOK": st.just("1"),
    "PYTHONFAULTHANDLER": st.just("x"),
    "PYTHONVERBOSE": st.just("2"),
}  # fmt: skip


@st.composite
def interpreter_environments(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from(sorted(_INTERPRETER)), unique=True, max_size=3))
    return {name: draw(_INTERPRETER[name]) for name in names}


@st.composite
def environments(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from(sorted(_SETTINGS)), unique=True, max_size=3))
    values = {name: draw(_SETTINGS[name]) for name in names}
    if draw(_RARELY) and names:
        values[names[0]] = draw(_BYTES | _WORDS)
    return values


@dataclass(frozen=True)
class End:
    status: int
    out: str
    err: str


def run_here(words: list[str], environment: Mapping[str, str]) -> End:
    """The command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with environ(environment), redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as ended:  # --help
            status = int(ended.code or 0)
    return End(status, out.getvalue(), err.getvalue())


@contextmanager
def environ(values: Mapping[str, str]) -> Iterator[None]:
    """Other variables for a while: those of libpq and of the time zone are only ``values``."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("PG") or name in ("TZ", "TZDIR"):
            del os.environ[name]
    os.environ.update(values)
    time.tzset()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        time.tzset()


def judge_end(words: list[str], end: End) -> None:
    """A documented status; a refusal is one sentence; nothing is a traceback."""
    asked_help = any(word in ("-h", "--help") for word in words)
    assert end.status in STATUSES[words[0]] or (asked_help and end.status == 0), end
    assert "Traceback" not in end.err
    assert all(line.startswith("ctaudit: ") for line in end.err.splitlines()), end.err
    if end.status in COMMON:
        assert end.err.count("\n") == 1, end.err
    if end.status not in COMMON and words[0] not in ("flows", "traffic"):
        assert end.err == ""


SOURCES = Path(__file__).parents[2] / "src"


def as_installed(words: list[str]) -> list[str]:
    """As the command of the package and of tools/setup begins."""
    return [sys.executable, "-I", "-m", "ctaudit", *words]


def as_process(words: list[str]) -> list[str]:
    return [sys.executable, "-m", "ctaudit", *words]
