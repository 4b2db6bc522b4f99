"""The local time zone: TZ or --tz must name one that exists, since libc takes others for UTC."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import TZPATH

from ctaudit.errors import UsageError

_MAGIC = b"TZif"  # RFC 9636, the first bytes of a zone's file
_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"[+-]?(?:[01]?\d|2[0-4])(?::[0-5]\d){0,2}"
_HOURS = r"[+-]?(?:\d{1,2}|1[0-5]\d|16[0-7])(?::[0-5]\d){0,2}"
_DATE = r"(?:J?(?:[12]?\d{1,2}|3[0-5]\d|36[0-5])|M(?:[1-9]|1[0-2])\.[1-5]\.[0-6])"
_RULE = rf",{_DATE}(?:/{_HOURS})?"
# POSIX, "TZ" in "Environment Variables": CET-1CEST,M3.5.0,M10.5.0/3.
# libc cuts what is out of range.
_POSIX = re.compile(rf"{_NAME}{_OFFSET}(?:{_NAME}(?:{_OFFSET})?(?:{_RULE}{_RULE})?)?", re.ASCII)
# What libc knows without a file.
_UTC = {"UTC", "GMT"}
_HINT = "write a name such as Europe/Berlin, which `timedatectl list-timezones` lists, or UTC"


def set_zone(name: str | None, *, utc: bool = False) -> None:
    """Makes --tz ``name``, or UTC, this process's local time zone: of what it reads and prints.

    With neither, TZ stays what it is. Raises UsageError where the zone does not exist.
    """
    if name is None and not utc:
        _check_environment()
        return
    is_utc = name is None or name in _UTC
    os.environ["TZ"] = "UTC0" if is_utc else f":{_find_zone(str(name), '--tz')}"
    time.tzset()


def _check_environment() -> None:
    """Absent is /etc/localtime, empty is UTC (tzset(3)); a colon may precede a file's name."""
    value = os.environ.get("TZ", "").removeprefix(":")
    if value and value not in _UTC and not _POSIX.fullmatch(value):
        _find_zone(value, "the environment's TZ", anywhere=True)


def _find_zone(name: str, source: str, *, anywhere: bool = False) -> Path:
    """The file of a zone; ``anywhere``: its path may be given as well."""
    is_path = name.startswith("/")
    # The zones under right/ count leap seconds, which no clock of a gateway does.
    if not (name.startswith("right/") or ".." in name.split("/") or (is_path and not anywhere)):
        for root in _roots():
            file = root / name
            if _is_zone(file):
                return file
    raise UsageError(f"{source} {name!r}: no such time zone on this machine; {_HINT}")


def _roots() -> Iterator[Path]:
    """Where libc looks: TZDIR, or its default directory."""
    directory = os.environ.get("TZDIR")
    yield from [Path(directory)] if directory else map(Path, TZPATH)


def _is_zone(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            return content.read(len(_MAGIC)) == _MAGIC
    except (OSError, ValueError):
        return False
