"""What was found in a letter, as text for people and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ctaudit.conntrack.event import name_protocol
from ctaudit.letter.caution import CAUTIONS
from ctaudit.letter.claim import Place, Unread
from ctaudit.letter.letter import Letter
from ctaudit.letter.reading import Found, Origin

_NAMED = 5  # places of a question, and questions of a caution; of more only their number is said


@dataclass
class Tally:
    """What has been answered: how often each verdict, and the numbers of each caution."""

    verdicts: dict[str, int] = field(default_factory=dict)
    cautioned: dict[str, list[int]] = field(default_factory=dict)

    def add(self, number: int, verdict: str, cautions: Sequence[str]) -> None:
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        for kind in cautions:
            self.cautioned.setdefault(kind, []).append(number)


def format_found(number: int, found: Found) -> Iterator[str]:
    """Where the question stands in the letter, and how it was read."""
    first, *others = found.origins
    yield f"{number}. {first.place} ({first.form}): {first.excerpt}"
    if others:
        yield f"  also       {_list_places(others)}"
    question = found.question
    yield f"  public     {question.public}{_in_brackets(found.public_from)}"
    if question.public.port is None:
        yield "             without a port"
    yield f"  service    {_format_service(found)}"
    if question.proto is not None:
        yield f"  protocol   {name_protocol(question.proto)}"
    how = f": {found.time_how}" if found.time_how else ""
    yield f"  time       {' '.join(found.time_from.split())}{how}"
    for note in found.notes:
        yield f"  note       {note}"


def _list_places(origins: Sequence[Origin]) -> str:
    named = "; ".join(str(origin.place) for origin in origins[:_NAMED])
    more = len(origins) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _in_brackets(names: str) -> str:
    return f" ({names})" if names else ""


def _format_service(found: Found) -> str:
    names = _in_brackets(found.service_from)
    if found.question.remote is not None:
        return f"{found.question.remote}{names}"
    if found.service_port is not None:
        return f"port {found.service_port}{names}; not asked for, the letter has no address of it"
    return f"not named{names}"


def format_caution(kind: str) -> str:
    """The line below an answer; what it means is said once, at the end."""
    return f"Careful: {kind}."


def format_end(letter: Letter, tally: Tally) -> Iterator[str]:
    """What could not be read, how often which verdict was found, and what not to conclude."""
    yield from format_unread(letter.unread)
    if not letter.found:
        return
    verdicts = ", ".join(f"{count:,} {name}" for name, count in sorted(tally.verdicts.items()))
    merged = f"; {_count(letter.merged, 'line')} asked the same again" if letter.merged else ""
    yield f"{_count(len(letter.found), 'question')}: {verdicts}{merged}."
    yield "What must not be concluded:"
    for kind, sentence in CAUTIONS.items():
        if kind == "clock":
            yield f"- {sentence}"
        elif kind in tally.cautioned:
            yield f"- {kind} ({_list_numbers(tally.cautioned[kind])}): {sentence}"


def format_unread(unread: Sequence[Unread]) -> Iterator[str]:
    if unread:
        yield f"{_count(len(unread), 'line')} could not be read:"
    for each in unread:
        yield f"  {each.place}: {each.reason}"
        yield f"    {each.excerpt}"
    if unread:
        yield ""


def format_unread_count(letter: Letter) -> str:
    return f"{_count(len(letter.unread), 'line')} could not be read"


def _list_numbers(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:_NAMED]))
    more = len(numbers) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plain_found(number: int, found: Found, cautions: Sequence[str]) -> dict[str, Any]:
    """The key ``letter`` of a question's line."""
    return {
        "number": number,
        "origins": [
            {"form": origin.form, **_plain_place(origin.place), "text": origin.excerpt}
            for origin in found.origins
        ],
        "public_from": found.public_from,
        "service_from": found.service_from,
        "service_port": found.service_port,
        "time": found.time_from,
        "time_how": found.time_how,
        "notes": list(found.notes),
        "cautions": list(cautions),
    }


def plain_unread(unread: Unread) -> dict[str, Any]:
    return {
        "unread": {**_plain_place(unread.place), "reason": unread.reason, "text": unread.excerpt}
    }


def plain_end(letter: Letter, tally: Tally, status: int) -> dict[str, Any]:
    """The last line of all."""
    verdicts: Mapping[str, int] = tally.verdicts
    return {
        "summary": {
            "questions": len(letter.found),
            "merged": letter.merged,
            "unread": len(letter.unread),
            "verdicts": dict(sorted(verdicts.items())),
            "exit_status": status,
        }
    }


def _plain_place(place: Place) -> dict[str, Any]:
    return {"part": place.part, "line": place.line, "element": place.element}
