"""Text that somebody else wrote, so that it cannot change how the rest of a page is read."""

from __future__ import annotations


def make_printable(text: str) -> str:
    """Without control characters and those that change the direction of writing: escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
