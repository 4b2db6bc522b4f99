"""Round local times along an axis, from seconds to years, and the zone that they are in.

Local is the zone of this process. Steps of less than a day are round by the wall clock on both
sides of a change to daylight saving time; days, months and years begin at local midnight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ctaudit.query.value_text import format_offset

TICKS_MAX = 8
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400  # seconds
_SHORT = (
    1, 2, 5, 10, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE,
    30 * _MINUTE, _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
)  # fmt: skip
# The offsets of all zones since 1972, but for Liberia's, are multiples of it.
_QUARTER = timedelta(minutes=15)
_DAYS, _MONTHS, _YEARS = (1, 2, 7, 14), (1, 2, 3, 6), (1, 2, 5, 10, 20, 50, 100)
_MONTH, _YEAR = timedelta(days=30.4), timedelta(days=365.25)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_A_MONDAY = date(2001, 1, 1)


@dataclass(frozen=True)
class Tick:
    """``time`` has the local offset; ``text`` names it; ``is_major``: the greater unit begins."""

    time: datetime
    text: str
    is_major: bool = False


def list_ticks(begin: datetime, end: datetime, most: int = TICKS_MAX) -> Sequence[Tick]:
    """About ``most`` round local times in [begin, end]."""
    length = end - begin
    for seconds in _SHORT:
        if length / timedelta(seconds=seconds) < most:
            return list(_list_short(begin, end, seconds))
    for days in _DAYS:
        if length / timedelta(days=days) < most:
            return list(_list_days(begin, end, days))
    for months in _MONTHS:
        if length / (_MONTH * months) < most:
            return list(_list_months(begin, end, months))
    years = next((each for each in _YEARS if length / (_YEAR * each) < most), _YEARS[-1])
    return list(_list_months(begin, end, 12 * years))


def _list_short(begin: datetime, end: datetime, step: int) -> Iterator[Tick]:
    """Those whose local time of day is a multiple of the step, in seconds."""
    stride = min(timedelta(seconds=step), _QUARTER)
    local = begin.astimezone()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    # In UTC, where each stride is as long as the one before.
    time = (midnight + stride * -((midnight - local) // stride)).astimezone(UTC)
    while time <= end:
        local = time.astimezone()
        if (local.hour * 60 + local.minute) * 60 % step == 0 or (step < _MINUTE):
            is_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
            clock = f"{local:%H:%M:%S}" if step < _MINUTE else f"{local:%H:%M}"
            yield Tick(local, _format_day(local) if is_midnight else clock, is_midnight)
        time += stride


def _list_days(begin: datetime, end: datetime, step: int) -> Iterator[Tick]:
    day = begin.astimezone().date()
    while (time := _start_of(day)) <= end:
        if time >= begin and (day - _A_MONDAY).days % step == 0:
            yield Tick(time, _format_day(time), day.day == 1)
        day += timedelta(days=1)


def _list_months(begin: datetime, end: datetime, step: int) -> Iterator[Tick]:
    first = begin.astimezone()
    number = first.year * 12 + first.month - 1
    number -= number % step
    while (time := _start_of(date(number // 12, number % 12 + 1, 1))) <= end:
        if time >= begin:
            is_year = time.month == 1
            yield Tick(time, str(time.year) if is_year else _NAMES[time.month - 1], is_year)
        number += step


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day).astimezone()


def _format_day(time: datetime) -> str:
    return f"{time.day} {_NAMES[time.month - 1]}"


def format_zone(time: datetime) -> str:
    """``CET (UTC+01:00)``, of this process's zone then; UTC alone is ``UTC``."""
    local = time.astimezone()
    name, offset = str(local.tzname()), f"UTC{format_offset(local)}"
    if offset == "UTC+00:00":
        return "UTC" if name == "UTC" else f"{name} (UTC)"
    return offset if name[:1] in "+-" else f"{name} ({offset})"


def format_zones(begin: datetime, end: datetime) -> str:
    """As format_zone; ``CET (UTC+01:00), then CEST (UTC+02:00)`` where the span has a change.

    Where it changes there and back, as in a year, both are named once.
    """
    step = timedelta(days=7)
    times = [begin + step * place for place in range((end - begin) // step + 1)]
    zones = dict.fromkeys(map(format_zone, [*times, end]))
    return ", then ".join(zones)
