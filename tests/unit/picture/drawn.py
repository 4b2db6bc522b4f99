"""What is drawn in a picture, to be looked at by tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from ctaudit.picture.element import estimate_width

SVG = "{http://www.w3.org/2000/svg}"
_BOX = re.compile(r"M([\d.e-]+) ([\d.e-]+)h([\d.e-]+)v([\d.e-]+)h-[\d.e-]+z")


def read(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)


def boxes(svg: ElementTree.Element, kind: str) -> list[tuple[float, float, float, float]]:
    """(x, y, width, height) of the areas of a class."""
    return [
        tuple(map(float, found))  # type: ignore[misc]
        for path in svg.iter(f"{SVG}path")
        if path.get("class") == kind
        for found in _BOX.findall(str(path.get("d")))
    ]


def texts(svg: ElementTree.Element) -> list[str]:
    return [str(each.text) for each in svg.iter(f"{SVG}text")]


def kinds(svg: ElementTree.Element) -> set[str]:
    return {word for each in svg.iter() for word in str(each.get("class", "")).split()}


def _points(svg: ElementTree.Element) -> Iterator[tuple[float, float]]:
    for path in svg.iter(f"{SVG}path"):
        d = str(path.get("d"))
        for x, y, width, height in _BOX.findall(d):
            yield float(x), float(y)
            yield float(x) + float(width), float(y) + float(height)
        for command in re.findall(r"[ML]([\d.e-]+) ([\d.e-]+)", d):
            yield float(command[0]), float(command[1])
    for line in svg.iter(f"{SVG}line"):
        yield float(str(line.get("x1"))), float(str(line.get("y1")))
        yield float(str(line.get("x2"))), float(str(line.get("y2")))
    for text in svg.iter(f"{SVG}text"):
        width = 0.9 * estimate_width(str(text.text), float(text.get("font-size", "12")))
        share = {"middle": 0.5, "end": 1.0}.get(text.get("text-anchor", ""), 0.0)
        x, y = float(str(text.get("x"))), float(str(text.get("y")))
        yield x - share * width, y
        yield x + (1 - share) * width, y


def outside(svg: ElementTree.Element) -> Sequence[tuple[float, float]]:
    """What lies beyond the picture: paths, lines and texts as wide as they are estimated."""
    width, height = float(str(svg.get("width"))), float(str(svg.get("height")))
    return [(x, y) for x, y in _points(svg) if not (-0.5 <= x <= width + 0.5 and 0 <= y <= height)]
