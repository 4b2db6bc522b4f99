"""Which notices of the server the recorder writes to the journal."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from ctaudit.host.log import MESSAGE_IDS
from ctaudit.record.notices import log_notice


@pytest.mark.parametrize(("state", "logged"), [("CT004", 1), ("01000", 0), (None, 0)])
def test_what_was_not_announced_is_a_fault(
    caplog: pytest.LogCaptureFixture, state: str | None, logged: int
) -> None:
    notice: Any = SimpleNamespace(sqlstate=state, message_primary="gateway gw1: 3 connections")
    log_notice(notice)
    assert len(caplog.records) == logged
    for record in caplog.records:
        assert record.levelno == logging.ERROR
        assert MESSAGE_IDS["not announced"] == record.MESSAGE_ID  # type: ignore[attr-defined]
        assert record.getMessage().startswith("gateway gw1: 3 connections; who answers unknown")
