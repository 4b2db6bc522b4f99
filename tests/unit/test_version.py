"""A database's schema version against this program's."""

from __future__ import annotations

import pytest

from ctaudit.database.version import Mismatch, SchemaVersion


@pytest.mark.parametrize(
    ("installed", "mismatch"),
    [(None, Mismatch.MISSING), (0, Mismatch.OLDER), (1, Mismatch.OLDER), (2, None),
     (3, Mismatch.NEWER)],
)  # fmt: skip
def test_mismatch(installed: int | None, mismatch: Mismatch | None) -> None:
    found = SchemaVersion(installed, 2)
    assert found.mismatch is mismatch
    if mismatch is not None:
        assert found.describe().endswith(f"; {mismatch.value}")
