"""Kills a process in this one: at any line of the code that writes the spool or an output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WRITERS = ("/ctaudit/capture/", "/ctaudit/spool/", "/ctaudit/forward/")


class Killed(BaseException):
    """SIGKILL, as far as the process can feel it. Nothing that it wrote may be undone by it."""


@contextmanager
def killed_after(lines: int | None) -> Iterator[None]:
    """Raises Killed in the body before it runs its ``lines``-th line of these packages, if ever."""
    if lines is None:
        yield
        return
    left = lines

    def on_line(_: FrameType, event: str, __: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left <= 0:
                raise Killed
        return on_line

    def on_call(frame: FrameType, _: str, __: Any) -> Any:
        return on_line if any(part in frame.f_code.co_filename for part in _WRITERS) else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(before)
