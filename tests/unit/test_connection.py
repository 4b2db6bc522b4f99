"""What the server says of an error, as a clause of a sentence."""

from __future__ import annotations

import pytest

from ctaudit.database.connection import _read_advice


@pytest.mark.parametrize(
    ("detail", "hint", "clauses"),
    [
        (None, None, []),
        (
            None,
            "You might need to increase max_locks_per_transaction.",
            ["you might need to increase max_locks_per_transaction"],
        ),
        ("Process 1 waits;\nprocess 2 too.", None, ["Process 1 waits; process 2 too"]),
        ("Key (node)=(gw1) exists.", "CREATE it.", ["Key (node)=(gw1) exists", "CREATE it"]),
        # It would show addresses.
        ("Failing row contains (1.2.3.4).", None, []),
    ],
)
def test_detail_and_hint(detail: str | None, hint: str | None, clauses: list[str]) -> None:
    assert list(_read_advice(detail, hint)) == clauses
