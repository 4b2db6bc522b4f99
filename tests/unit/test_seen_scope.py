"""What was seen, between the process that looks and the one that notes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ctaudit.host.seen_scope import UNKNOWN, SeenScope, read_scope, save_scope

HOUR = 3600 * 10**9


def seen(public: list[str], hours_ago: float) -> SeenScope:
    return SeenScope(public, ["10.0.0.0/8"], [], time.time_ns() - int(hours_ago * HOUR))


def test_a_change_says_when_the_other_was_seen_last(tmp_path: Path) -> None:
    file = tmp_path / "scope.json"
    first, second = seen(["1.2.3.4/32"], 1.5), seen(["1.2.3.4/32"], 1)
    third, fourth = seen(["1.2.3.9/32"], 0.5), seen(["1.2.3.9/32"], 0)
    for each, since in [
        (first, None), (second, None), (third, second.seen_at), (fourth, second.seen_at),
    ]:  # fmt: skip
        save_scope(each, file)
        assert read_scope(file) == replace(each, since=since)
    assert file.stat().st_mode & 0o777 == 0o644


def test_what_was_seen_long_ago_is_not_known(tmp_path: Path) -> None:
    old = seen(["1.2.3.4/32"], 2.1)
    save_scope(old, tmp_path / "scope.json")
    assert read_scope(tmp_path / "scope.json") == replace(UNKNOWN, since=old.seen_at)


def test_another_network_namespace_is_another_gateway(tmp_path: Path) -> None:
    file = tmp_path / "scope.json"
    save_scope(seen(["1.2.3.4/32"], 0), file)
    saved = json.loads(file.read_text())
    file.write_text(json.dumps({**saved, "namespace": saved["namespace"] + 1}))
    assert read_scope(file) == UNKNOWN


def test_gateways_on_one_host_have_a_file_each(tmp_path: Path) -> None:
    """The one of the caller's network namespace counts, whatever it is called."""
    file, other = tmp_path / "scope.json", tmp_path / "scope-gw2.json"
    save_scope(seen(["1.2.3.4/32"], 0), file)
    saved = json.loads(file.read_text())
    file.write_text(json.dumps({**saved, "namespace": saved["namespace"] + 1}))
    own = seen(["5.6.7.8/32"], 0)
    save_scope(own, other)
    assert read_scope(file) == own


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"namespace": 1}', "null"])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "scope.json"
    assert read_scope(file) == UNKNOWN
    file.write_text(text)
    assert read_scope(file) == UNKNOWN
