"""tools/beside, by which make test runs its lanes: none may fail in silence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "tools/beside"
STATUSES = [(0, 0, 0), (3, 0, 3), (0, 4, 4), (3, 4, 4)]


@pytest.mark.parametrize("seconds", [0, 0.3])
@pytest.mark.parametrize(("first", "second", "status"), STATUSES)
def test_either_fails(first: int, second: int, status: int, seconds: float) -> None:
    """Also where the first one has ended long before the second."""
    lanes = ["sh", "-c", f"sleep {seconds}; echo here; exit {first}", "--",
             "sh", "-c", f"sleep 0.15; exit {second}"]  # fmt: skip
    words = [str(BESIDE), "5", "one", *lanes]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "  one | here\n")
