"""Tests share a cluster, which replaces a database of the same name: each must have its own."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1] / "store"


def test_no_two_tests_make_a_database_of_one_name() -> None:
    made = Counter(
        name
        for path in TESTS.rglob("*.py")
        for name in re.findall(r'\bcluster\.create_database\("(\w+)"', path.read_text())
    )
    assert made["gap"] == 1
    assert [name for name, count in made.items() if count > 1] == []
