"""What both services need of the system: being told to stop."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def hearing_stop() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGINT fill."""
    heard: list[int] = []
    earlier = {
        number: signal.signal(number, lambda number, _: heard.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield heard
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
