"""What holds for all tests: those that need root are skipped without it, and fail under CI."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
# Network namespaces, booted machines, PostgreSQL as a user of its own.
_NEED_ROOT = frozenset(
    _HERE / name for name in ("lab", "machine", "package", "role", "store", "web")
)


def pytest_configure() -> None:
    """What a shell starts in the background ignores SIGINT, and so would the commands."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if os.geteuid() == 0 or _NEED_ROOT.isdisjoint(item.path.parents):
        return
    reason = f"the tests in {item.path.parent.relative_to(_HERE.parent)} need root"
    if os.environ.get("CI", "") not in ("", "0", "false"):
        pytest.fail(f"{reason}, and a CI that skips them proves nothing", pytrace=False)
    pytest.skip(reason)
