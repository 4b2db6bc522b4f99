"""Times in running text: where they stand, and written so that query.time_notation reads them."""

from __future__ import annotations

import re
from datetime import date

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY_NAME = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AP]M\b)?"
_ABBREVIATION = (
    r"(?:UTC|GMT|UT|CET|CEST|MEZ|MESZ|WET|WEST|EET|EEST|BST|IST|MSK|EST|EDT|CST|CDT|MST|MDT|PST|"
    r"PDT|JST|KST|HKT|SGT|AEST|AEDT|NZST|NZDT)"
)
_OFFSET = r"[+-]\d\d(?::?\d\d)?\b"
_ZONE = (
    rf"(?: ?(?:(?:UTC|GMT) ?[+-]\d{{1,2}}(?::?\d\d)?\b|{_OFFSET}(?: \([A-Z]{{3,5}}\))?|Z\b|"
    rf"\(?{_ABBREVIATION}\b\)?))?"
)
_NAMED_DAY = rf"(?:{_DAY_NAME},? )?"

# From the surest to the least sure; of each form the first in the line.
_WRITTEN = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"\b\d{{4}}[-/]\d\d[-/]\d\d(?:T|,? (?:at |um |@ )?|_){_CLOCK}{_ZONE}",
        rf"\b{_NAMED_DAY}\d{{1,2}}[ -]{_MONTH}[ -]\d{{4}},? (?:at |@ )?{_CLOCK}{_ZONE}",
        rf"\b\d{{1,2}}/{_MONTH}/\d{{4}}[: ]{_CLOCK}{_ZONE}",
        rf"\b{_NAMED_DAY}{_MONTH} {{1,2}}\d{{1,2}} {_CLOCK}(?: {_ABBREVIATION})? \d{{4}}\b{_ZONE}",
        rf"\b{_NAMED_DAY}{_MONTH} \d{{1,2}},? \d{{4}}(?:,| at| @)? {_CLOCK}{_ZONE}",
        rf"\b\d{{4}} {_MONTH} {{1,2}}\d{{1,2}} {_CLOCK}{_ZONE}",
        r"\b\d{8}T\d{6}Z\b",
        rf"\b\d{{1,2}}\.\d{{1,2}}\.\d{{4}},? (?:um |- )?{_CLOCK}(?: Uhr)?{_ZONE}",
        rf"\b\d{{1,2}}([/-])\d{{1,2}}\1\d{{4}},? {_CLOCK}{_ZONE}",
        rf"\b{_NAMED_DAY}{_MONTH} {{1,2}}\d{{1,2}} \d\d:\d\d:\d\d(?:\.\d+)?{_ZONE}",
        rf"\b\d{{1,2}} {_MONTH} \d\d:\d\d:\d\d{_ZONE}",
        r"(?<![\d.:/@-])@?1\d{9}(?:\.\d{1,9})?(?![\d:.])",
        r"(?<![\d.:/-])1\d{12}(?![\d:.])",
        rf"(?<![\d:.])\d\d:\d\d:\d\d(?:\.\d{{1,9}})?(?![:\d]){_ZONE}",
    )
)

_GERMAN = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4}),?(?: um| -)?(?= )", re.ASCII)
_DAY_AND_MONTH = re.compile(r"\b(\d{1,2})([/-])(\d{1,2})\2(\d{4}),?(?= )", re.ASCII)
_JOINED = re.compile(r"(?<=\d\d)(?:,? (?:at|um|@)|,|_) ?(?=\d{1,2}:)", re.ASCII)
_NUMBERED_OFFSET = re.compile(r"(?:UTC|GMT) ?([+-])(\d{1,2})(?::?(\d\d))?$", re.ASCII)
_BRACKETED_ZONE = re.compile(r"(\d(?: ?[AP]M)?) ?\(([A-Z]{2,5})\)$", re.ASCII)
_SUMMER = {"MEZ": "CET", "MESZ": "CEST"}
_NO_YEAR = re.compile(
    rf"(?:{_DAY_NAME},? )?(?:(?P<month>{_MONTH}) (?P<day>\d{{1,2}})|"
    rf"(?P<day_first>\d{{1,2}}) (?P<month_last>{_MONTH})) (?P<rest>{_CLOCK}(?: ?(?!\d{{4}}$)\S+)?)",
    re.ASCII | re.IGNORECASE,
)
_NO_DATE = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?\S+)?", re.ASCII)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


def find_time(line: str) -> tuple[int, int] | None:
    """Where the time of a line stands: the surest form of all that are in it."""
    for form in _WRITTEN:
        if found := form.search(line):
            return found.span()
    return None


def normalise(text: str) -> str:
    """Dates of Germany and of one meaning as ISO 8601, and zones without brackets."""
    plain = " ".join(text.split()).strip(" \"',;|")
    if plain[:1] == "[" and plain[-1:] == "]":
        plain = plain[1:-1]
    plain = plain.replace(" Uhr", "")
    plain = _GERMAN.sub(lambda found: _iso(found[3], found[2], found[1]), plain)
    plain = _DAY_AND_MONTH.sub(_order, plain)
    plain = _JOINED.sub(" ", plain)
    plain = _BRACKETED_ZONE.sub(r"\1 \2", plain)
    plain = _NUMBERED_OFFSET.sub(_pad_offset, plain)
    head, _, last = plain.rpartition(" ")
    return f"{head} {_SUMMER[last]}" if last in _SUMMER else plain


def _iso(year: str, month: str, day: str) -> str:
    return f"{year}-{month:0>2}-{day:0>2}"


def _order(found: re.Match[str]) -> str:
    """A number above 12 is the day; with none above, the date has two meanings and stays."""
    first, last, year = int(found[1]), int(found[3]), found[4]
    if first > 12 >= last:
        return _iso(year, found[3], found[1])
    return _iso(year, found[1], found[3]) if last > 12 >= first else found[0]


def _pad_offset(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]:0>2}:{found[3] or '00'}"


def complete(plain: str, reference: date | None) -> tuple[str, str]:
    """The time with what it lacks from ``reference``, and what that is: year, date or "".

    Without a reference it stays as it is.
    """
    if found := _NO_YEAR.fullmatch(plain):
        if reference is None:
            return plain, "year"
        name = (found["month"] or found["month_last"])[:3].title()
        month = _MONTHS.index(name) // 3 + 1
        day = found["day"] or found["day_first"]
        return f"{reference.year}-{month:02}-{day:0>2} {found['rest']}", "year"
    if _NO_DATE.fullmatch(plain):
        return (plain if reference is None else f"{reference} {plain}"), "date"
    return plain, ""


_TIMES = r"(?:times?|timestamps?|dates?|logs?|log ?files?|zeiten|zeitangaben|zeitstempel|uhrzeiten)"
_STATED_ZONE = r"(?P<zone>\b(?:UTC|GMT)\b(?: ?[+-]\d{1,2}(?::?\d\d)?)?|[+-]\d\d:?\d\d)"
_STATED = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"\b{_TIMES}\b[^.:\n]{{0,40}}?\b(?:are|is|in|sind)\b[^.:\n]{{0,20}}?{_STATED_ZONE}",
        rf"\b(?:time ?zone|zeitzone)\b(?: is| of the (?:log|times))?[ :=]{{1,4}}\(?{_STATED_ZONE}",
    )
)


def find_stated_zone(line: str) -> str:
    """The zone of all times, where the line says one: ``All times are in UTC``; else ""."""
    if "one" not in line and "UTC" not in line.upper() and "GMT" not in line.upper():
        return ""
    for form in _STATED:
        if found := form.search(line):
            zone = normalise(found["zone"])
            return "UTC" if zone.upper() in ("UTC", "GMT") else zone
    return ""
