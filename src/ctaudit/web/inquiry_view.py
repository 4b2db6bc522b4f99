"""A question on record, as a row of the list and as the fields to ask it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ctaudit.conntrack.event import name_protocol
from ctaudit.query.inquiries import Inquiry
from ctaudit.query.value_text import format_time, localise_times

_TIMES = ("from", "until")
# Others follow in the record's own order.
_ORDER = ("address", "port", *_TIMES, "remote", "remote_port", "proto")
_INTERVAL = re.compile(r"(?:(\d+) days?)? ?(?:(\d+):(\d\d):(\d\d))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# What the last digit of a time covers, and how many digits of a second it then has; -1: none.
_WIDTHS = (
    (timedelta(minutes=1), -1), (timedelta(seconds=1), 0),
    *((timedelta(microseconds=10 ** (6 - digits)), digits) for digits in range(1, 7)),
)  # fmt: skip


@dataclass(frozen=True)
class InquiryRow:
    """``home``: of the inquiry with whose answer this one's is shown; None: it has its own page."""

    number: int
    asked_at: str
    person: str
    case: str
    reason: str
    question: str
    answers: str
    is_kept: bool
    home: int | None = None


def view_inquiry(inquiry: Inquiry, *, is_kept: bool, home: int | None = None) -> InquiryRow:
    said = inquiry.arguments
    names = (*(name for name in _ORDER if name in said), *(n for n in said if n not in _ORDER))
    asked = ", ".join(f"{name} {_format_argument(name, said[name])}" for name in names)
    if not inquiry.is_answered:
        answers = "not answered"
    else:
        answers = "not counted" if inquiry.answers is None else f"{inquiry.answers:,}"
    return InquiryRow(
        inquiry.inquiry_id,
        format_time(inquiry.asked_at.replace(microsecond=0), trim=True),
        inquiry.on_behalf_of or inquiry.asked_by,
        inquiry.case_reference or "",
        inquiry.reason or "",
        f"{inquiry.question}({asked})",
        answers,
        is_kept,
        home,
    )


def _format_argument(name: str, value: object) -> str:
    if name in _TIMES:
        return localise_times(str(value).replace("T", " ", 1))
    is_proto = name == "proto" and str(value).isdigit()
    return name_protocol(int(str(value))) if is_proto else str(value)


def list_question(inquiry: Inquiry) -> dict[str, Any]:
    """The fields of the form that asks it again; none where it was no question of who."""
    if inquiry.question != "who":
        return {}
    said = inquiry.arguments
    fields = {
        "public": _join(said.get("address"), said.get("port")),
        "to": _join(said.get("remote"), said.get("remote_port")),
        **_list_span(str(said.get("from", "")), str(said.get("until", ""))),
        "node": str(said.get("node", "")),
        "zone": str(said.get("zone", "")),
        "proto": name_protocol(int(said["proto"])) if "proto" in said else "",
        "case": inquiry.case_reference or "",
        "reason": inquiry.reason or "",
    }
    return {name: value for name, value in fields.items() if value}


def list_traffic(inquiry: Inquiry) -> dict[str, str]:
    """As list_question, of a question of the page Traffic."""
    if inquiry.question not in ("traffic", "durations"):
        return {}
    said = inquiry.arguments
    fields = {name: str(said.get(name, "")) for name in ("from", "until", "node", "host", "remote")}
    fields["by"] = "durations" if inquiry.question == "durations" else str(said.get("by", ""))
    if inquiry.question == "traffic":
        fields["top"] = str(said.get("top", ""))
        fields["bucket"] = read_interval(str(said.get("bucket", "")))
    fields |= {"case": inquiry.case_reference or "", "reason": inquiry.reason or ""}
    return {name: value for name, value in fields.items() if value}


def read_interval(text: str) -> str:
    """PostgreSQL's ``1 day 02:00:00`` as ``93600s``; what is none is left out."""
    found = _INTERVAL.fullmatch(text)
    if not text or found is None:
        return ""
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return f"{((days * 24 + hours) * 60 + minutes) * 60 + seconds}s"


def _list_span(begin: str, end: str) -> dict[str, str]:
    """``at`` and ``within`` that mean exactly [begin, end); none where no notation does."""
    try:
        first, last = (datetime.fromisoformat(text).astimezone(UTC) for text in (begin, end))
    except ValueError:
        return {}
    for width, digits in _WIDTHS:
        around, rest = divmod(last - first - width, 2 * _MICROSECOND)
        at = first + around * _MICROSECOND
        if around >= 0 and not rest and not (at - _EPOCH) % width:
            shown = at.replace(tzinfo=None).isoformat(" ", "minutes" if digits < 0 else "auto")
            if digits > 0:
                shown = f"{at:%Y-%m-%d %H:%M:%S.%f}"[: digits - 6 or None]
            within = f"{around // 10**6}.{around % 10**6:06}".rstrip("0").rstrip(".")
            return {"at": f"{shown}Z", "within": "" if within == "0" else within}
    return {}


def _join(address: object, port: object) -> str:
    if address is None:
        return ""
    text = str(address)
    if port is None:
        return text
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"
