"""The elements of a picture: texts, lines and areas, drawn for paper.

Nothing is styled by a style attribute, which a content security policy would refuse: colours stand
in attributes, and a page may give the classes other ones. Texts are made printable and escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from ctaudit.picture.paint import INK, Paint
from ctaudit.picture.printable import make_printable

FONT = 12  # pixels
BOLD = 13.5  # bold letters are as wide as others of this size
_STEP = 7  # between two lines of a hatch


@dataclass(frozen=True)
class Box:
    """In pixels; y is that of the upper edge."""

    x: float
    y: float
    width: float
    height: float


def new_picture(
    kind: str, name: str, title: str, description: str, *, width: int, height: float
) -> Element:
    """``name`` begins the ids in it, unique in the page; screen readers read title, description."""
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height:g}",
            "width": str(width), "height": f"{height:g}", "class": kind, "role": "img",
            "aria-labelledby": f"{name}-title {name}-description", "font-family": "sans-serif",
            "font-size": str(FONT),
        },
    )  # fmt: skip
    add_text(svg, "title", title, {"id": f"{name}-title"})
    add_text(svg, "desc", description, {"id": f"{name}-description"})
    return svg


def write(svg: Element) -> str:
    return tostring(svg, encoding="unicode")


def add_text(parent: Element, tag: str, text: str, attributes: dict[str, str]) -> None:
    SubElement(parent, tag, attributes).text = make_printable(text)


def add_label(
    svg: Element,
    x: float,
    y: float,
    text: str,
    attributes: dict[str, str] | None = None,
) -> None:
    """``y`` is that of the line that the letters stand on."""
    place = {"x": _number(x), "y": _number(y), "fill": INK, "class": "ink"}
    add_text(svg, "text", text, place | (attributes or {}))


def estimate_width(text: str, size: float = FONT) -> float:
    """Of a label, rather more than it takes."""
    return 0.56 * size * len(text)


def shorten(text: str, width: float, size: float = FONT) -> str:
    """``text``, cut with an ellipsis where it is estimated wider than ``width``."""
    room = int(width / (0.56 * size))
    return text if len(text) <= room else f"{text[: max(room - 1, 1)]}…"


def add_line(
    svg: Element, ends: tuple[float, float, float, float], kind: str, stroke: str, dash: str = ""
) -> None:
    """``ends``: x1, y1, x2, y2."""
    places = dict(zip(("x1", "y1", "x2", "y2"), map(_number, ends), strict=True))
    dashed = {"stroke-dasharray": dash} if dash else {}
    SubElement(
        svg, "line", {**places, "class": kind, "stroke": stroke, "stroke-width": "1", **dashed}
    )


def add_boxes(svg: Element, boxes: Iterable[Box], paint: Paint) -> None:
    """All in one path, and their hatch in another: so a thousand of them stay small."""
    drawn = [box for box in boxes if box.width > 0 and box.height > 0]
    if not drawn:
        return
    attributes = {"d": "".join(map(_outline, drawn)), "class": paint.kind, "fill": paint.fill}
    if paint.stroke != "none":
        attributes |= {"stroke": paint.stroke, "stroke-width": f"{paint.width:g}"}
    if paint.dash:
        attributes["stroke-dasharray"] = paint.dash
    SubElement(svg, "path", attributes)
    if paint.hatch:
        lines = "".join(line for box in drawn for line in _hatch(box, paint.lean))
        add_hatch(svg, lines, f"hatch {paint.kind}-hatch", paint.hatch)


def add_hatch(svg: Element, lines: str, kind: str, stroke: str) -> None:
    """``lines`` as the path's d."""
    if lines:
        SubElement(
            svg,
            "path",
            {"d": lines, "class": kind, "fill": "none", "stroke": stroke, "stroke-width": "1"},
        )


def _outline(box: Box) -> str:
    x, y, width, height = map(_number, (box.x, box.y, box.width, box.height))
    return f"M{x} {y}h{width}v{height}h-{width}z"


def _hatch(box: Box, lean: str) -> Iterator[str]:
    if lean in "/x":
        yield from hatch_lines(box)
    if lean in "\\x":
        yield from hatch_lines(box, falls=True)


def hatch_lines(box: Box, *, falls: bool = False) -> Iterator[str]:
    """Lines of 45 degrees across the box, on a grid that all boxes of the picture share.

    Without ``falls`` they rise to the right.
    """
    left, right, bottom = box.x, box.x + box.width, box.y + box.height
    start = (left - box.height) // _STEP * _STEP
    while start < right:
        first, last = max(left, start), min(right, start + box.height)
        if first < last:
            rise, fall = first - start, last - start
            if falls:
                ends = (first, box.y + rise, last, box.y + fall)
            else:
                ends = (first, bottom - rise, last, bottom - fall)
            yield "M{} {}L{} {}".format(*map(_number, ends))
        start += _STEP


def _number(value: float) -> str:
    """To a tenth of a pixel."""
    return f"{round(value, 1):g}"
