"""Waiting for something that happens in another process."""

from __future__ import annotations

import time
from collections.abc import Callable

Condition = Callable[[], bool]


def comes_true(condition: Condition, patience: float, pause: float = 0.02) -> bool:
    """Looks until the condition holds, at most for ``patience`` seconds; whether it did."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def wait_until(
    condition: Condition,
    patience: float = 20,
    pause: float = 0.02,
    explain: Callable[[], str] = lambda: "",
) -> None:
    """Waits until it holds. Raises AssertionError with the explanation if it does not."""
    if not comes_true(condition, patience, pause):
        raise AssertionError(f"not within {patience:g} s: {explain()}")
