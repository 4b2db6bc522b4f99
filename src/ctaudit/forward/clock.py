"""A moment as a line says it: RFC 3339, and as syslog's files have it; both local time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

_SECOND = 1_000_000_000

FormatTime = Callable[[int], str]


def rfc3339_clock() -> FormatTime:
    """``2014-02-22T12:27:04.403240+01:00`` of nanoseconds since 1970.

    The events of one burst have the same time, and those of one second all but the microseconds.
    """
    last, text = -1, ""
    second, head, offset = -1, "", ""

    def format_time(nanoseconds: int) -> str:
        nonlocal last, text, second, head, offset
        if nanoseconds != last:
            now, rest = divmod(nanoseconds, _SECOND)
            if now != second:
                whole = datetime.fromtimestamp(now).astimezone().isoformat()
                second, head, offset = now, whole[:19], whole[19:]
            last, text = nanoseconds, f"{head}.{rest // 1000:06d}{offset}"
        return text

    return format_time


def syslog_clock() -> FormatTime:
    """``Feb 22 11:59:34``: RFC 3164's time stamp, without a year and a zone."""
    second, text = -1, ""

    def format_time(nanoseconds: int) -> str:
        nonlocal second, text
        now = nanoseconds // _SECOND
        if now != second:
            second, text = now, time.strftime("%b %e %H:%M:%S", time.localtime(now))
        return text

    return format_time
