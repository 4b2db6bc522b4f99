"""How the times of a letter are read, and which year, date and zone were taken from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ctaudit.errors import UsageError
from ctaudit.letter.time_texts import complete, normalise
from ctaudit.query.time_notation import TimeSpan, find_zone, parse_past

_FIXED = re.compile(r"(?:Z|UT|UTC|GMT)?(?:[+-][\d:]+(?: [A-Z]{3,4})?)?", re.ASCII | re.IGNORECASE)


def read_day(text: str | None) -> date | None:
    """--date as the command line has it; raises UsageError."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"(?:19|20|21)\d\d-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"--date {text!r}: not a date; write 2026-02-22")


@dataclass(frozen=True)
class ReadTime:
    """``how``: what was not in the time itself and where it was taken from; "" where nothing."""

    span: TimeSpan
    how: str


@dataclass(frozen=True)
class Clock:
    """What completes the times of a letter.

    ``tz``: the option that gave the process its local time zone, "": none did.
    ``day``: --date. ``sent_at``: the mail's Date header, with its zone. ``stated``: the zone that
    a sentence of the letter names, and ``stated_from``, the sentence. ``now``: None is this
    machine's clock.
    """

    tz: str = ""
    day: date | None = None
    sent_at: datetime | None = None
    stated: str = ""
    stated_from: str = ""
    now: datetime | None = None

    def read(self, text: str, zone: str = "", zone_from: str = "") -> ReadTime:
        """``zone``: of a time without one, as the form has it. Raises UsageError."""
        plain = normalise(text)
        full, missing = complete(plain, self._reference)
        if missing and self._reference is None:
            raise UsageError(f"time {text!r}: has no {missing}; give --date")
        used, reasons = self._choose_zone(full, text, zone, zone_from)
        span = parse_past(full, "time", self._latest(missing), used)
        if missing:
            span, full = self._place(plain, missing, span, used)
            reasons = [self._say_date(missing, full), *reasons]
        return ReadTime(span, "; ".join(filter(None, reasons)))

    @property
    def _reference(self) -> date | None:
        if self.day is not None:
            return self.day
        return None if self.sent_at is None else self.sent_at.date()

    def _latest(self, missing: str) -> datetime | None:
        """A completed time may be too late by a year or a day, which _place corrects."""
        now = self.now
        if not missing:
            return now
        return (now or datetime.now().astimezone()) + timedelta(days=400)

    def _place(self, plain: str, missing: str, span: TimeSpan, zone: str) -> tuple[TimeSpan, str]:
        """The last such time that the letter can speak of: not after it was written."""
        reference = self._reference
        assert reference is not None  # noqa: S101
        full, _ = complete(plain, reference)
        if self._is_later(span.begin, missing):
            back = reference - timedelta(days=1)
            if missing == "year":
                back = date(reference.year - 1, 12, 31)
            full, _ = complete(plain, back)
        return parse_past(full, "time", self.now, zone), full

    def _is_later(self, begin: datetime, missing: str) -> bool:
        """Than the letter; a day more for a year, since clocks and zones differ."""
        if self.day is not None:
            last = self.day + timedelta(days=1)
            return missing == "year" and begin.astimezone().date() > last
        assert self.sent_at is not None  # noqa: S101
        return begin > self.sent_at + timedelta(days=1 if missing == "year" else 0)

    def _say_date(self, missing: str, full: str) -> str:
        origin = "--date" if self.day is not None else "the mail's Date header"
        value = full[:4] if missing == "year" else full[:10]
        return f"{missing} {value} by {origin}"

    def _choose_zone(
        self, full: str, text: str, zone: str, zone_from: str
    ) -> tuple[str, list[str]]:
        """The zone for parse_time, and what is said of it."""
        own = find_zone(full)
        if own is None:
            return "", []  # parse_time says why
        named = own or zone
        if named and not (self.tz or _FIXED.fullmatch(named)):
            raise UsageError(f"time {text!r}: {named} may stand for several zones; give --tz")
        if own:
            return "", []
        if zone:
            return zone, [f"zone {zone}: {zone_from}"]
        if self.stated:
            return self.stated, [f"zone {self.stated}: {self.stated_from}"]
        if self.tz:
            return "", [f"zone by {self.tz}"]
        raise UsageError(f"time {text!r}: no time zone; give --tz")
