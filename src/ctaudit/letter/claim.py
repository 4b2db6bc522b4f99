"""What the forms of a letter say: claims, as text, and lines that hold none that can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

EXCERPT_MAX = 200  # characters


@dataclass(frozen=True)
class Place:
    """Where in the letter: the part of a mail, its line from 1, and an element; "": none."""

    line: int
    part: str = ""
    element: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.part, f"line {self.line}", self.element)))


@dataclass(frozen=True)
class Party:
    """An end of a connection as the letter writes it; ``names``: what the letter calls it.

    ``address`` may have the port in it; "" is one that the letter does not name.
    """

    address: str
    port: str = ""
    names: str = ""


@dataclass(frozen=True)
class Claim:
    """What a letter says of one connection.

    ``source``: the end that the form reports, of the attack for instance. ``zone``: of a time
    without one, and ``zone_from``, why. ``notes``: sentences on what the form means by its words.
    """

    form: str
    place: Place
    excerpt: str
    source: Party
    time: str
    target: Party = Party("")
    proto: str = ""
    zone: str = ""
    zone_from: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unread:
    """What could not be read, and why: a sentence without a full stop."""

    place: Place
    excerpt: str
    reason: str


@dataclass(frozen=True)
class Mention:
    """Addresses without a time: no question, which matters where the letter has no other."""

    place: Place
    excerpt: str
    address: str
    has_port: bool


Item = Claim | Unread | Mention


def cut(text: str) -> str:
    """One line of at most EXCERPT_MAX characters."""
    line = " ".join(text[: 4 * EXCERPT_MAX].split())
    return line if len(line) <= EXCERPT_MAX else f"{line[:EXCERPT_MAX]}..."


def in_part(item: Item, part: str, first_line: int = 1) -> Item:
    """The item with its place in the letter: ``first_line`` is that of its text."""
    place = item.place
    line = place.line + first_line - 1
    inner = ", ".join(filter(None, (part, place.part)))
    return replace(item, place=replace(place, part=inner, line=line))
