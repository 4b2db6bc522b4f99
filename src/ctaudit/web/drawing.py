"""A picture in both of its sizes, to stand in a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from markupsafe import Markup

from ctaudit.picture.axis import NARROW, WIDE, Frame

T = TypeVar("T")


@dataclass(frozen=True)
class Drawing:
    """SVG of our own making, whose texts are escaped; the style sheet shows one of the two."""

    wide: Markup
    narrow: Markup


def draw_both(draw: Callable[[T, Frame, str], str], picture: T, name: str) -> Drawing:
    """``name`` begins the ids in it, unique in the page."""
    wide, narrow = (Markup(draw(picture, frame, name)) for frame in (WIDE, NARROW))  # noqa: S704
    return Drawing(wide, narrow)
