"""The gateways, word for word; and check's finding on those that are silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ctaudit.admin.finding import Level
from ctaudit.admin.nodes import Node, judge_nodes
from ctaudit.admin.nodes_text import format_nodes, plain_nodes
from tests.unit.answers import local_zone

FIRST = datetime(2026, 2, 20, 11, tzinfo=UTC)
LAST = datetime(2026, 2, 22, 11, 59, 43, 500000, tzinfo=UTC)
RECORDING = Node("gw1", "live", FIRST, LAST, LAST, False, None, [], None)
COMMAND = "ctaudit node retire gw2 --at '2026-02-22T11:59:44Z'"
SILENT = replace(RECORDING, node="gw2", stopped=True, retire_command=COMMAND)
GONE = replace(RECORDING, node="gw3", stopped=True, retired_at=LAST, former_names=["b", "a"])


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with local_zone("Europe/Berlin"):
        yield


def test_word_for_word() -> None:
    span = "since 2026-02-20 12:00:00+01:00 until 2026-02-22 12:59:43.500000+01:00"
    assert list(format_nodes([RECORDING, SILENT, GONE])) == [
        "gw1 (live)",
        f"  recorded   {span}",
        "gw2 (live)",
        f"  recorded   {span}, stopped",
        f"  silent     if it is gone: {COMMAND}",
        "gw3 (live)",
        f"  recorded   {span}, stopped",
        "  formerly   b, a",
        "  retired    at 2026-02-22 12:59:43.500000+01:00",
    ]


def test_logins_and_a_gateway_to_come() -> None:
    to_come = Node("gw4", None, None, None, None, None, None, [], None, logins=["a", "gw4"])
    assert list(format_nodes([replace(RECORDING, logins=["rex"]), to_come])) == [
        "gw1 (live)",
        "  recorded   since 2026-02-20 12:00:00+01:00 until 2026-02-22 12:59:43.500000+01:00",
        "  login      rex",
        "gw4",
        "  recorded   nothing yet",
        "  login      a, gw4",
    ]
    assert judge_nodes([RECORDING, to_come]).found == "1 known, none of them silent"


def test_no_gateway() -> None:
    assert list(format_nodes([])) == ["No gateway has recorded anything yet."]


def test_plain() -> None:
    assert plain_nodes([GONE]) == {
        "nodes": [
            {
                "node": "gw3", "mode": "live", "first_seen": "2026-02-20T11:00:00.000000Z",
                "last_at": "2026-02-22T11:59:43.500000Z",
                "committed_at": "2026-02-22T11:59:43.500000Z", "stopped": True,
                "retired_at": "2026-02-22T11:59:43.500000Z", "former_names": ["b", "a"],
                "retire_command": None,
                "imported_from": None, "logins": [],
            }
        ]
    }  # fmt: skip


def test_check_warns_of_the_silent_one_and_names_the_command() -> None:
    found = judge_nodes([RECORDING, SILENT, GONE])
    assert found.level is Level.WARNING
    assert found.found == ("gw2 has recorded nothing since 2026-02-22 12:59:43.500000+01:00")
    assert found.remedy == f"if gw2 is gone: {COMMAND}"
    assert judge_nodes([RECORDING, GONE]).level is Level.GOOD
