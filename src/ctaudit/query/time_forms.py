"""The forms of times that are read, as regular expressions, and why others are refused."""

from __future__ import annotations

import re

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT_MONTHS = tuple(name[:3] for name in MONTHS)


def _any_of(names: tuple[str, ...]) -> str:
    """A name in full, or its first three letters."""
    return "|".join(f"{name[:3]}(?:{name[3:]})?" for name in names)


_WEEKDAY = rf"(?P<weekday>{_any_of(WEEKDAYS)})"
_MONTH = rf"(?P<month_name>{_any_of(MONTHS)})"
_YEAR, _DAY = r"(?P<year>\d{4})", r"(?P<day>\d{1,2})"
_NUMBERED = r"(?P<year>\d{4})(?P<mark>[-/])(?P<month>\d\d)(?P=mark)(?P<day>\d\d)"
_NAMED = rf"{_DAY}(?P<mark>[ -]?){_MONTH}(?P=mark){_YEAR}"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<digits>\d+))?)?"
    r"(?: ?(?P<half>[AP]M))?"
)
_COMPACT = (
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T?"
    r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?:[.,](?P<digits>\d+))?"
)
# An abbreviation behind an offset, as Go writes one, says no more than the offset.
_NAME = rf"(?!(?:{_any_of(WEEKDAYS)}|[AP]M)\b)[A-Z]"
_OFFSET = r"(?:UTC|GMT)?[+-](?:[01]\d|2[0-3])(?::?[0-5]\d){0,2}"
_ZONE = rf"(?P<zone>{_OFFSET}(?: {_NAME}{{3,4}}\b)?|{_NAME}{{1,5}})"
# No comment without a zone: it may be meant as one.
_ZONE_COMMENT = rf"(?: ?{_ZONE}(?: \([^()]*\))?)?"

FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        # 2026-11-25T20:08:36.403240+0100; Wed 2026-11-25 20:08:36 CET; 2026/11/25 20:08
        rf"(?:{_WEEKDAY},? )?{_NUMBERED}[T ]{_CLOCK}{_ZONE_COMMENT}",
        # 20261125T190836Z; 20261125190836Z
        rf"{_COMPACT}(?: ?{_ZONE})?",
        # Wed, 25 Nov 2026 20:08:36 +0100 (CET); 25-Nov-2026 20:08:36.123; 25Nov2026 20:08:36
        rf"(?:{_WEEKDAY},? )?{_NAMED},? {_CLOCK}{_ZONE_COMMENT}",
        # 25/Nov/2026:20:08:36 +0100
        rf"{_DAY}/{_MONTH}/{_YEAR}[: ]{_CLOCK}(?: {_ZONE})?",
        # nov/25/2026 20:08:36
        rf"{_MONTH}/{_DAY}/{_YEAR} {_CLOCK}",
        # Wed Nov 25 20:08:36 CET 2026; Wed Nov 25 20:08:36.123456 2026 UTC
        rf"(?:{_WEEKDAY} )?{_MONTH} {_DAY} {_CLOCK}(?: {_ZONE})? {_YEAR}",
        rf"(?:{_WEEKDAY} )?{_MONTH} {_DAY} {_CLOCK} {_YEAR} {_ZONE}",
        # Wed 25 Nov 20:08:36 CET 2026
        rf"{_WEEKDAY} {_DAY} {_MONTH} {_CLOCK}(?: {_ZONE})? {_YEAR}",
        # Wed Nov 25 2026 20:08:36 GMT+0100 (Central European Standard Time);
        # Nov 25, 2026 20:08:36.123456789 CET; Wednesday, November 25, 2026 8:08:36 PM
        rf"(?:{_WEEKDAY},? )?{_MONTH} {_DAY},? {_YEAR}(?:,| at| @)? {_CLOCK}{_ZONE_COMMENT}",
        # 2026 Nov 25 20:08:36.123
        rf"{_YEAR} {_MONTH} {_DAY} {_CLOCK}(?: {_ZONE})?",
        # 20:08:36.123 UTC Wed Nov 25 2026
        rf"{_CLOCK}(?: {_ZONE})?(?: {_WEEKDAY})? {_MONTH} {_DAY},? {_YEAR}",
    )
)
DATE = re.compile(_NUMBERED, re.ASCII)
# Ten digits lie in the years 2001 to 2286; so do 13 of milliseconds, 16 of microseconds and 19 of
# nanoseconds.
SINCE_1970 = re.compile(
    r"(?:@(-?\d{1,11})(?:[.,](\d+))?|([1-9]\d{9})(?:[.,](\d+))?)(?: ?(?:UTC|GMT))?", re.ASCII
)
FINE_SINCE_1970 = re.compile(r"[1-9]\d{12}(?:\d{3}){0,2}", re.ASCII)

_DAY_OR_MONTH = (
    "whether the day or the month comes first in such a date differs from place to place; "
    "write the date as 2026-11-25 or 25 Nov 2026"
)
_NO_YEAR = "has no year; write the date as 2026-11-25"
_NO_DATE = "has no date; write 2026-11-25 20:08:36"
_DATE_LAST = "not a time with the date behind it; write 2026-11-25 20:08:36"
_NO_TIME = "has no time of day; write 2026-11-25 20:08:36, or 20:08 for that whole minute"
_SHORT_YEAR = "has a year of two digits; write the date as 2026-11-25 or 25 Nov 2026"
_ZONE_IN_BRACKETS = "has its zone in brackets; write it without them"
REASONS = tuple(
    (re.compile(form, re.ASCII | re.IGNORECASE), reason)
    for form, reason in (
        (r"\d{1,2}([/.-])\d{1,2}\1\d{2,4}\b.*", _DAY_OR_MONTH),
        (rf"(?:[a-z]+,? )?{_MONTH} \d{{1,2}} \d{{1,2}}:\d\d(?!.*\b\d{{4}}\b).*", _NO_YEAR),
        (rf"(?:[a-z]+,? )?\d{{1,2}} {_MONTH} \d{{1,2}}:\d\d(?!.*\b\d{{4}}\b).*", _NO_YEAR),
        (rf"\d{{1,2}}:\d\d.*(?:\d([/.-])\d{{1,2}}\1\d|{_MONTH}\b).*", _DATE_LAST),
        (r"\d{1,2}:\d\d.*", _NO_DATE),
        (r"\d{4}[-/]\d\d[-/]\d\d", _NO_TIME),
        (rf"(?:[a-z]+,? )?\d{{1,2}}([ /-]){_MONTH}\1\d\d[: ].*", _SHORT_YEAR),
        (r".*\d (?:[AP]M )?\([^()]*\)", _ZONE_IN_BRACKETS),
    )
)
