"""Tasks of the role: what goes wrong in one is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.role_filters import ROLE

yaml = pytest.importorskip("yaml")


def list_tasks(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from list_tasks(task.get(part, []))


def test_the_sentence_of_a_module_of_ours_is_not_hidden() -> None:
    """no_log hides why a module fails; its own no_log parameters hide the secret alone."""
    seen = 0
    for path in sorted((ROLE / "tasks").glob("*.yml")):
        for task in list_tasks(yaml.safe_load(path.read_text())):
            if any(key.startswith("ctaudit_") for key in task):
                seen += 1
                assert "no_log" not in task, f"{path.name}: {task['name']}"
    assert seen > 5


def test_what_the_modules_hide() -> None:
    for path in (ROLE / "library").glob("*.py"):
        text = path.read_text()
        for parameter in ("password", "key"):
            for line in text.splitlines():
                if line.strip().startswith(f'"{parameter}": {{'):
                    assert '"no_log": True' in line, f"{path.name}: {line.strip()}"
