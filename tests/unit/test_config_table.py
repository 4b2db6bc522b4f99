"""The table of keys: what is said of a key is said there, and each row is right."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from ctaudit.config import Config
from ctaudit.config.key import ANY_NAME, FIRST_RELEASE, Key, list_all, list_sections
from ctaudit.config.readers import Form, duration, format_seconds, format_toml

ROOT = Path(__file__).parents[2]
KEYS = dict(list_all(Config))
# They stay as they are: docs/decisions/0010.
OF_FIRST_RELEASE = """
    node mode pair procedure
    socket.receive_buffer socket.receive_buffer_max socket.updates socket.reliable
    dumps.interval database.dsn database.live_copy database.enabled batch.events batch.wait
    spool.directory spool.max_bytes spool.segment_bytes spool.keep spool.keep_bytes spool.sync
    journal.events journal.rate journal.burst scope.public scope.internal privacy.remote
    canary.interval filter.rules filter.accept_src_filter filter.accept_dst_filter
    filter.accept_proto_filter retention.days retention.inquiries_days
    output.NAME.to output.NAME.form output.NAME.events output.NAME.sync
"""


def test_the_documentation_is_what_the_table_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/config-docs", "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_key_says_since_when_it_is_there() -> None:
    first = OF_FIRST_RELEASE.split()
    assert {path for path, key in KEYS.items() if key.since == FIRST_RELEASE} == set(first)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", key.since) for key in KEYS.values())


@pytest.mark.parametrize(("path", "key"), KEYS.items(), ids=KEYS)
def test_a_row_is_whole(path: str, key: Key) -> None:
    assert key.meaning[0].isupper() and key.meaning[-1] in ".:", path
    assert len(key.summary) <= 120, key.summary
    assert (key.default is None) == (key.example is not None)
    assert key.form.read(key.example if key.default is None else key.default) is not None
    if key.form.kind == "word":
        words = [word.strip('"') for word, _ in key.words]
        assert [key.form.read(word) for word in words] == words
        assert key.default in words


def test_each_field_has_a_row_with_its_default() -> None:
    for _, section in list_sections(Config):
        for item in fields(section.kind):
            assert {"key", "section"} & item.metadata.keys(), item.name
            key = item.metadata.get("key")
            if key and key.default is not None:
                assert key.form.write(item.default) == key.default, item.name


@pytest.mark.parametrize("path", KEYS)
def test_a_value_is_written_as_it_is_read(path: str) -> None:
    key = KEYS[path]
    value = key.form.read(key.example if key.default is None else key.default)
    assert key.form.read(key.form.write(value)) == value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (90, "90s"), (600, "10min"), (7200, "2h"), (86400, "1d"),
     (1.5, "1500ms"), (0.001, "1ms")],
)  # fmt: skip
def test_durations_are_written_as_they_are_read(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
    assert duration("0s", "7d").read(text) == seconds


def test_a_form_without_a_unit_writes_the_value_itself() -> None:
    assert Form("list", tuple).write(("a", "b")) == ["a", "b"]


@pytest.mark.parametrize("text", ["a\x7f", 'b"\\', "\x85\u200b", "\U000e0001é", "a\nb"])
def test_a_text_is_written_as_toml_on_one_line(text: str) -> None:
    written = format_toml([text])
    assert written.isprintable()
    assert tomllib.loads(f"a = {written}") == {"a": [text]}


def test_sections_with_names_are_told_by_one_that_stands_for_any() -> None:
    assert next(path for path in KEYS if f".{ANY_NAME}." in path) == "output.NAME.to"
