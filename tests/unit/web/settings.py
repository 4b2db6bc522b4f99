"""Settings of the pages for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ctaudit.web.settings import WebSettings

# Nobody listens there.
NOWHERE = "host=/nonexistent dbname=ctaudit user=ctaudit-web"


def on_socket(**changes: Any) -> WebSettings:
    made = WebSettings(
        NOWHERE, "/run/ctaudit-web/web.sock", "", 0, "X-Remote-User", frozenset(), 30.0
    )
    return replace(made, **changes)


def on_loopback(**changes: Any) -> WebSettings:
    return replace(on_socket(), path=None, address="127.0.0.1", port=8037, **changes)
