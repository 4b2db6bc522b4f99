"""Times as people, reports and programs write them.

What is understood: RFC 3339 and its relatives (psql, ulogd2, journalctl), RFC 5322 (mail,
``date -R``), RFC 9110 (HTTP), Common Log Format (web servers), BIND, ctime (``date``, dmesg),
routers and Wireshark, and seconds since 1970; each also in square brackets. A time without a zone
is local time. What has two meanings is refused with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NoReturn

from ctaudit.errors import UsageError
from ctaudit.query.time_forms import (
    DATE,
    FINE_SINCE_1970,
    FORMS,
    REASONS,
    SHORT_MONTHS,
    SINCE_1970,
    WEEKDAYS,
)
from ctaudit.query.value_text import format_offset

# Far enough from the ends of datetime for every time zone and for --within.
_YEARS = range(1900, 9990)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TimeSpan:
    """[begin, end), both with a zone."""

    begin: datetime
    end: datetime

    def widen(self, seconds: float) -> TimeSpan:
        try:
            more = timedelta(seconds=seconds)
            return TimeSpan(self.begin - more, self.end + more)
        except OverflowError:
            raise UsageError(
                f"--within {seconds:g}: goes beyond the years 1 to 9999; give fewer seconds"
            ) from None


def is_time(text: str) -> bool:
    """Whether ``text`` has the form of a time, or of a date alone."""
    forms = (DATE, SINCE_1970, FINE_SINCE_1970, *FORMS)
    return any(form.fullmatch(_strip(text)) for form in forms)


def find_zone(text: str) -> str | None:
    """The zone as the time has it, "" where it has none; None: the text is not a time."""
    stripped = _strip(text)
    if SINCE_1970.fullmatch(stripped) or FINE_SINCE_1970.fullmatch(stripped):
        return "UTC"
    found = _match_form(stripped)
    return None if found is None else found.groupdict(default="").get("zone", "")


def _match_form(text: str) -> re.Match[str] | None:
    return next(filter(None, (form.fullmatch(text) for form in FORMS)), None)


def parse_time(text: str, name: str, zone: str = "") -> TimeSpan:
    """The span that the last digit of a time covers; ``zone``: of a time without one.

    ``11:59`` that whole minute, ``11:59:43`` that whole second, ``11:59:43.25`` those 10 ms, six
    digits one microsecond. Further digits are cut, since the database holds microseconds. A leap
    second is the second before it as well: some clocks repeat that one, others count on.
    """
    try:
        stripped = _strip(text)
        span = _parse_since_1970(stripped) or _parse_written(stripped, name, zone)
        if not _YEARS.start <= span.begin.year < _YEARS.stop:
            raise ValueError(f"the year is not {_YEARS.start} to {_YEARS.stop - 1}")
        return TimeSpan(span.begin.astimezone(UTC), span.end.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{name} {text!r}: no such time: {error}") from None


def parse_instant(text: str, name: str) -> datetime:
    """As parse_time, its beginning; a date alone is the beginning of that day."""
    if DATE.fullmatch(text):
        return parse_time(f"{text} 00:00:00", name).begin
    return parse_time(text, name).begin


def refuse_future(begin: datetime, text: str, name: str, now: datetime | None = None) -> None:
    """Raises UsageError if ``begin`` is later than this machine's clock."""
    if begin > (now or datetime.now(UTC)):
        raise UsageError(
            f"{name} {text!r}: is in the future; it is now "
            f"{datetime.now().astimezone().isoformat(' ', 'seconds')}"
        )


def parse_past(text: str, name: str, now: datetime | None = None, zone: str = "") -> TimeSpan:
    """A time that is not in the future by this machine's clock."""
    span = parse_time(text, name, zone)
    refuse_future(span.begin, text, name, now)
    return span


def _strip(text: str) -> str:
    """Without the spaces around it, a second one between words, and square brackets."""
    text = re.sub(r"[ \t]+", " ", text).strip(" ")
    return text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text


def _parse_since_1970(text: str) -> TimeSpan | None:
    found = SINCE_1970.fullmatch(text)
    if found:
        seconds, digits = found[1] or found[3], found[2] or found[4] or ""
        fraction = _fraction(digits)
        # A fraction counts away from zero: @-1.5 is 1.5 s before 1970.
        begin = _EPOCH + timedelta(seconds=int(seconds)) + (-1 if "-" in seconds else 1) * fraction
        return TimeSpan(begin, begin + _width(digits))
    if FINE_SINCE_1970.fullmatch(text):
        unit = timedelta(milliseconds=1) if len(text) == 13 else timedelta(microseconds=1)
        count = int(text[:16])
        return TimeSpan(_EPOCH + count * unit, _EPOCH + (count + 1) * unit)
    return None


def _parse_written(text: str, name: str, zone: str) -> TimeSpan:
    found = _match_form(text)
    if found is None:
        _refuse(text, name)
    part = found.groupdict(default="")
    month = part.get("month") or SHORT_MONTHS.index(part["month_name"][:3].title()) + 1
    day = date(int(part["year"]), int(month), int(part["day"]))
    _check_weekday(part.get("weekday", ""), day, text, name)
    is_leap = part["second"] == "60"
    hour = _hour(part["hour"], part.get("half", ""))
    clock = time(hour, int(part["minute"]), 59 if is_leap else int(part["second"] or 0))
    naive = datetime.combine(day, clock)
    begin = _place(naive, part.get("zone") or zone, text, name) + _fraction(part["digits"])
    width = _width(part["digits"]) if part["second"] else timedelta(minutes=1)
    if is_leap:
        begin = begin.astimezone(UTC)
        if (begin.hour, begin.minute) != (23, 59):
            raise ValueError("a leap second is 23:59:60 UTC")
        width += timedelta(seconds=1)
    return TimeSpan(begin, begin + width)


def _refuse(text: str, name: str) -> NoReturn:
    for form, reason in REASONS:
        if form.fullmatch(text):
            raise UsageError(f"{name} {text!r}: {reason}")
    raise UsageError(
        f"{name} {text!r}: not a time; write 2026-02-22T11:59:43+01:00 (RFC 3339) "
        "or 2026-02-22 11:59:43 (local time)"
    )


def _fraction(digits: str) -> timedelta:
    return timedelta(microseconds=int(f"{digits[:6]:0<6}"))


def _width(digits: str) -> timedelta:
    return timedelta(microseconds=10 ** (6 - len(digits[:6])))


def _hour(hour: str, half: str) -> int:
    if not half:
        return int(hour)
    if not 1 <= int(hour) <= 12:
        raise ValueError(f"{hour} {half.upper()} is no hour")
    return int(hour) % 12 + (12 if half.upper() == "PM" else 0)


def _check_weekday(weekday: str, day: date, text: str, name: str) -> None:
    right = WEEKDAYS[day.weekday()][:3]
    if weekday and weekday[:3].title() != right:
        raise UsageError(f"{name} {text!r}: {day} is not a {weekday[:3].title()} but a {right}")


def _place(naive: datetime, zone: str, text: str, name: str) -> datetime:
    """The local time ``naive`` with its zone: an offset, UTC, or this machine's."""
    if not zone:
        return _in_local_zone(naive, text, name)
    offset = re.sub("^(UTC|GMT)(?=[+-])", "", zone.upper())
    if offset[0] in "+-":
        offset = offset.partition(" ")[0]
        return datetime.fromisoformat(naive.isoformat() + _with_colons(offset))
    readings = [naive.replace(fold=fold).astimezone() for fold in (0, 1)]
    if offset in ("Z", "UTC", "GMT", "UT"):
        # TZ=UTC-8 is a zone named UTC that is 8 hours ahead of it.
        if any(each.tzname() == offset and each.utcoffset() for each in readings):
            here = f"the local time zone is named {offset} and is {format_offset(readings[0])}"
            raise UsageError(f"{name} {text!r}: is ambiguous, {here}; write the offset from UTC")
        return naive.replace(tzinfo=UTC)
    for reading in readings:
        if reading.tzname() == offset and reading.replace(tzinfo=None) == naive:
            return reading
    here = " or ".join(dict.fromkeys(str(reading.tzname()) for reading in readings))
    raise UsageError(
        f"{name} {text!r}: the abbreviation {zone} is not that of the local time zone then "
        f"({here}), and abbreviations stand for several zones; write the offset from UTC, or "
        "leave it out and give --tz"
    )


def _with_colons(offset: str) -> str:
    """``+0100`` and ``+01`` as ``+01:00``."""
    digits = offset[1:].replace(":", "")
    return offset[0] + ":".join(re.findall("..", f"{digits:0<4}"))


def _in_local_zone(naive: datetime, text: str, name: str) -> datetime:
    """Raises UsageError where the zone's rules give the local time two meanings or none."""
    first = naive.replace(fold=0).astimezone()
    second = naive.replace(fold=1).astimezone()
    if first.utcoffset() == second.utcoffset():
        return first
    if first.replace(tzinfo=None) == naive:
        raise UsageError(
            f"{name} {text!r}: is ambiguous (end of daylight saving time); append "
            f"{format_offset(first)} ({first.tzname()}) or {format_offset(second)} "
            f"({second.tzname()})"
        )
    raise UsageError(
        f"{name} {text!r}: does not exist in the local time zone (start of daylight saving time); "
        "give a time with its offset from UTC"
    )
