"""Words of the command line that make up one value: a time, and an address with its port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ctaudit.errors import UsageError

_TIME_OPTIONS = ("--at", "--from", "--until")
_NUMBERED = ("port", "id", "key")
_LONGEST_TIME = 12  # words: Wed Nov 25 2026 20:08:36 GMT+0100 (Central European Standard Time)


def join_times(words: Sequence[str]) -> Iterator[str]:
    """The words with those that make up one time as one, the longest such time."""
    place = 0
    while place < len(words):
        option, is_joined, first = words[place].partition("=")
        place += 1
        if option not in _TIME_OPTIONS or (not is_joined and place == len(words)):
            yield words[place - 1]
            continue
        if not is_joined:
            yield option
            first = words[place]
            place += 1
        time, taken = _take_time(first, words[place:])
        place += taken
        yield f"{option}={time}" if is_joined else time


def _take_time(first: str, following: Sequence[str]) -> tuple[str, int]:
    """The longest time that ``first`` begins, and how many words of ``following`` it takes."""
    from ctaudit.query.time_notation import is_time

    for count in range(min(len(following), _LONGEST_TIME), 0, -1):
        time = " ".join([first, *following[:count]])
        if is_time(time):
            return time, count
    return first, 0


def join_ports(words: Iterable[str]) -> Iterator[str]:
    """``1.2.3.4 port 53500`` as one word, as sshd writes it, and ctaudit an id or key."""
    left = list(words)
    while left:
        if len(left) > 2 and left[1] in _NUMBERED and left[2].isdecimal() and _is_address(left[0]):
            yield " ".join(left[:3])
            del left[:3]
        else:
            yield left.pop(0)


def _is_address(word: str) -> bool:
    """Whether the word, or the value in it, may be an address."""
    return ("." in word or ":" in word) and (word[:2] != "--" or "=" in word)


def check_text(value: str, name: str) -> None:
    """A byte of the command line that is no UTF-8 arrives as half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} {value!r}: is not UTF-8") from None
