"""docs/glossary.md explains each closed list of names in code and SQL; retired words are gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctaudit.config import MODES
from ctaudit.conntrack.event import Kind
from ctaudit.query.answer import BY_THE_LAST_DUMP, NOT_COUNTED, OFFLOADED
from ctaudit.query.verdict import EXIT_STATUS
from ctaudit.spool.note import NAMED

ROOT = Path(__file__).parents[2]
SQL = {path: path.read_text() for path in sorted((ROOT / "sql").rglob("*.sql"))}
GLOSSARY = (ROOT / "docs/glossary.md").read_text()
ENTRIES = dict(re.findall(r"(?m)^### (.+)\n((?:(?!^### ).*\n)*)", GLOSSARY))
# What is no argument's own literal: a key of the note's detail.
KEYS = re.compile(r"(->>|-) '\w+'|detail_time\(.*?\)|jsonb_build_object\(.*?\)")


def listed(entry: str) -> set[str]:
    """The names in the first column of an entry's table."""
    return set(re.findall(r"(?m)^\| `([^`]+)` \|", ENTRIES[entry]))


def labels_of(type_name: str) -> set[str]:
    """The labels of an enum in the migrations, values added later included."""
    text = "\n".join(SQL.values())
    [values] = re.findall(rf"CREATE TYPE ctaudit\.{type_name} AS ENUM \((.*?)\);", text)
    added = re.findall(rf"ALTER TYPE ctaudit\.{type_name} ADD VALUE.*?'(\w+)'", text)
    return {*re.findall(r"'(\w+)'", values), *added}


def notes() -> set[str]:
    """Those of the receiver, and those that the recorder makes and record_note alone knows."""
    text = (ROOT / "sql/procedures/record_note.sql").read_text()
    return {*NAMED.values(), "drained", *re.findall(r"(?m)^ *WHEN '([^']+)' THEN$", text)}


def gap_causes() -> Iterator[str]:
    """The literals among the arguments of each call of open_gap, but for a mode."""
    for text in SQL.values():
        for arguments in re.findall(r"(?s)(?<!FUNCTION )ctaudit\.open_gap\((.*?)\);", text):
            yield from set(re.findall(r"'([^']+)'", KEYS.sub("", arguments))) - set(MODES)


def counters(column: str) -> set[str]:
    """The values that ctaudit.count_traffic gives to counters or to counters_cause."""
    text = SQL[ROOT / "sql/functions/count_traffic.sql"]
    [values] = re.findall(rf"(?s)c\.{column} := CASE\n(.*?)END;", text)
    return set(re.findall(r"(?:THEN|ELSE) '([^']+)'", values))


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("counters", counters("counters")),
        ("note", notes()),
        ("provenance", labels_of("provenance")),
        ("time source", labels_of("time_source")),
        ("verdict", set(EXIT_STATUS)),
        ("mode", set(MODES)),
        ("event", {kind.name for kind in Kind}),
        ("role", set(re.findall(r"'(ctaudit_\w+)'", SQL[ROOT / "sql/roles.sql"]))),
    ],
)
def test_each_name_has_its_line(entry: str, names: set[str]) -> None:
    assert names
    assert listed(entry) == names


def test_each_level_of_check_has_its_line() -> None:
    text = "".join(path.read_text() for path in (ROOT / "src/ctaudit/admin").glob("*.py"))
    labels = set(re.findall(r'Level\.[A-Z]+: "([^"]+)"', text))
    assert "warning" in labels
    assert labels <= listed("check")


def test_each_exit_status_is_the_verdict_s() -> None:
    found = dict(re.findall(r"(?m)^\| `(\w+)` \| (\d) \|", ENTRIES["verdict"]))
    assert found == {name: str(status) for name, status in EXIT_STATUS.items()}


def test_each_gap_cause_of_the_sql_has_its_line() -> None:
    causes = set(gap_causes())
    assert "overrun" in causes
    assert causes - set(MODES) <= listed("gap")


def test_each_gap_cause_listed_is_in_code_or_sql() -> None:
    sources = [*SQL.values(), *(path.read_text() for path in (ROOT / "src").rglob("*.py"))]
    for cause in listed("gap"):
        assert any(cause.removesuffix("...") in text for text in sources), cause


def test_entries_are_in_alphabetical_order() -> None:
    headings = re.findall(r"(?m)^### (.+)$", GLOSSARY.lower())
    assert headings == sorted(set(headings))
    assert len(headings) > 50


def test_each_entry_says_where_it_shows() -> None:
    lacking = [
        heading
        for heading, text in ENTRIES.items()
        if "*Where:*" not in text and heading not in ("gateway", "span", "replay")
    ]
    assert not lacking


# A pattern, and what is said instead. Letters around it make another word: "whole" has no hole.
RETIRED = {
    "aside": "undecodable (a message), not a segment (a file)",
    "poison": "rejected",
    "misfit": "position conflict",
    "nap": "the delay after the queue was drained",
    "holes?": "missing bytes",
    "progress": "dump entry; in flight",
    r"v_batch|ctaudit\.batch": "stream",
    "keep_(openings|ends|entries)": "insert_openings, insert_ends, insert_entries",
}


def readable_files() -> Iterator[Path]:
    for folder in ("src", "sql", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix not in (".svg", ".png", ".pyc"):
                yield path


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_is_used_nowhere(word: str) -> None:
    pattern = re.compile(rf"(?<![a-z])({word})(?![a-z])", re.IGNORECASE)
    offenders = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in readable_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not offenders, f"say {RETIRED[word]}:\n" + "\n".join(offenders)


def test_causes_of_counters_are_documented() -> None:
    """In docs/sql.md, and those that Python knows are those of the function and of live()."""
    causes = counters("counters_cause")
    told = (ROOT / "docs/sql.md").read_text()
    (line,) = [line for line in told.splitlines() if line.startswith("| `counters_cause` ")]
    assert set(re.findall(r"`([^`]+)`", line)) - {"counters_cause"} == causes
    assert {BY_THE_LAST_DUMP, NOT_COUNTED, OFFLOADED} < causes
    alive = SQL[ROOT / "sql/functions/alive.sql"]
    assert {cause for cause in causes if f"'{cause}'" in alive} == causes - {
        "the end has no counters", "another tool set the counters to zero",
    }  # fmt: skip
