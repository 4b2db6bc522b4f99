"""Rows that wait for the end of a transaction: in order, from memory or a file, or a sentence."""

from __future__ import annotations

import errno
import os
import pickle
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from ctaudit.errors import DiskError
from ctaudit.query import kept_rows
from ctaudit.query.kept_rows import KeptRows

ROWS = [(number, IPv4Address(number), datetime.now(UTC)) for number in range(1000)]


@pytest.mark.parametrize("in_memory", [1 << 20, 100])
def test_rows_come_back_in_their_order(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(kept_rows, "_IN_MEMORY", in_memory)
    with KeptRows[object]() as kept:
        kept.add(ROWS[:600])
        kept.add(ROWS[600:])
        assert list(kept) == ROWS
        kept.forget()
        assert list(kept) == []
        kept.add(ROWS[:2])
        assert list(kept) == ROWS[:2]


def test_a_full_disk_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pickle, "dump", fail)
    with (
        KeptRows[object]() as kept,
        pytest.raises(DiskError, match=r"No space left on device.*TMP"),
    ):
        kept.add(ROWS)
