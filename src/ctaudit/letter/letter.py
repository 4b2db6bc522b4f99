"""A letter, whole: what arrived becomes questions, each once, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from ctaudit.conntrack.endpoint import Address
from ctaudit.errors import UsageError
from ctaudit.letter.claim import Claim, Item, Mention, Place, Unread, in_part
from ctaudit.letter.clock import Clock
from ctaudit.letter.mail import Mail, Part, decode, is_mail, read_mail
from ctaudit.letter.reading import Found, merge, orient, read_claim
from ctaudit.letter.text import read_text
from ctaudit.letter.time_texts import find_stated_zone
from ctaudit.query.scope_at import InScope

SIZE_MAX = 20_000_000  # bytes


@dataclass(frozen=True)
class Options:
    """The command line's: ``tz`` as it was given, ``is_ours`` None: no scope is known."""

    tz: str = ""
    day: date | None = None
    within: float = 0.0
    is_ours: Callable[[Address], bool] | None = None
    now: datetime | None = None


@dataclass(frozen=True)
class Letter:
    """``merged``: how many claims asked what another had asked. ``sent_at``: the Date header."""

    found: tuple[Found, ...]
    unread: tuple[Unread, ...]
    merged: int
    sent_at: datetime | None


def read_letter(data: bytes, options: Options) -> Letter:
    """Raises UsageError where nothing of it can be read."""
    if len(data) > SIZE_MAX:
        raise UsageError(
            f"the letter has {len(data):,} bytes; at most {SIZE_MAX:,} are read: divide it"
        )
    mail = read_mail(data) if is_mail(data) else _as_mail(data)
    stated, stated_from = _find_stated(mail.parts)
    clock = Clock(options.tz, options.day, mail.sent_at, stated, stated_from, options.now)
    found: list[Found] = []
    unread: list[Unread] = []
    mentions: list[Mention] = []
    for item in (item for part in mail.parts for item in _read_part(part)):
        if isinstance(item, Mention):
            mentions.append(item)
            continue
        result = (
            read_claim(item, clock, options.is_ours, options.within)
            if isinstance(item, Claim)
            else item
        )
        if isinstance(result, Found):
            found.append(result)
        else:
            unread.append(result)
    unread += _find_unasked(mentions, found, bool(unread))
    once = merge(found)
    return Letter(tuple(once), tuple(unread), len(found) - len(once), mail.sent_at)


def orient_letter(letter: Letter, in_scope: InScope) -> Letter:
    """Each question with the end as public that a gateway had, where the store knows its scope."""
    once = merge(orient(each, in_scope) for each in letter.found)
    merged = letter.merged + len(letter.found) - len(once)
    return replace(letter, found=tuple(once), merged=merged)


def _as_mail(data: bytes) -> Mail:
    return Mail(None, (Part("", "text/plain", decode(data)),))


def _read_part(part: Part) -> Iterable[Item]:
    if part.text is None:
        reason = f"the attachment is not read ({part.kind}); unpack it or save it as text"
        return [Unread(Place(1, part.name), part.name, reason)]
    items = (in_part(item, part.name) for item in read_text(part.text))
    if part.kind == "message/feedback-report":
        return (replace(i, form="ARF") if isinstance(i, Claim) else i for i in items)
    return items


def _find_stated(parts: Iterable[Part]) -> tuple[str, str]:
    """The zone that the letter says its times are in; "" where it says none, or several."""
    stated: dict[str, str] = {}
    for part in parts:
        for line in (part.text or "").split("\n"):
            if len(line) < 500 and (zone := find_stated_zone(line)):
                stated.setdefault(
                    zone, f"the letter says {' '.join(line.split()).lstrip('> ')[:80]!r}"
                )
    return next(iter(stated.items())) if len(stated) == 1 else ("", "")


def _find_unasked(
    mentions: Iterable[Mention], found: Iterable[Found], has_unread: bool
) -> list[Unread]:
    """Addresses that no question asks for; one without a port only where there is no question."""
    asked = {str(address) for each in found for address in each.addresses}
    unasked = []
    for each in mentions:
        is_claim = each.has_port or not (asked or has_unread)
        if each.address not in asked and is_claim:
            unasked.append(Unread(each.place, each.excerpt, "has an address and no time"))
    return unasked
