"""A block of lines between two marks in a text file, as Ansible's blockinfile writes it."""

from __future__ import annotations

from collections.abc import Sequence


def replace_block(text: str, name: str, lines: Sequence[str]) -> str:
    """The text with these lines between the marks of ``name``; without lines, without the block.

    A new block comes first. A mark without its other half is left to people.
    """
    begin, end = f"# BEGIN {name}", f"# END {name}"
    block = [begin, *lines, end] if lines else []
    # Not splitlines(), which knows ends of lines that PostgreSQL does not.
    there = text.removesuffix("\n").split("\n") if text else []
    if begin in there and end in there[there.index(begin) :]:
        first = there.index(begin)
        last = there.index(end, first)
        kept = [*there[:first], *block, *there[last + 1 :]]
    else:
        kept = [*block, *there]
    return "".join(f"{line}\n" for line in kept)


def differing_lines(before: str, after: str) -> tuple[str, str]:
    """The lines of each that the other has not: others may hold a secret, as ldapbindpasswd."""
    old, new = before.split("\n"), after.split("\n")
    gone = [line for line in old if line not in new]
    come = [line for line in new if line not in old]
    return "".join(f"{line}\n" for line in gone), "".join(f"{line}\n" for line in come)
