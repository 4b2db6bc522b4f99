"""A block of lines between two marks in a text file, as Ansible's blockinfile writes it."""

from __future__ import annotations

from collections.abc import Sequence


def replace_block(text: str, name: str, lines: Sequence[str]) -> str:
    """The text with these lines between the marks of ``name``; without lines, without the block.

    A new block comes first. A mark without its other half is left to people.
    """
    begin, end = f"# BEGIN {name}", f"# END {name}"
    block = [begin, *lines, end] if lines else []
    there = text.splitlines()
    if begin in there and end in there[there.index(begin) :]:
        first = there.index(begin)
        last = there.index(end, first)
        kept = [*there[:first], *block, *there[last + 1 :]]
    else:
        kept = [*block, *there]
    return "".join(f"{line}\n" for line in kept)
