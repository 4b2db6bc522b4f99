"""Bar charts as SVG, written by hand: no library needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

COLOURS = {
    "receiver": "#1b6ca8",
    "recorder": "#57a5d6",
    "ulogd": "#b3541e",
    "backend": "#b9bec4",
    "ours": "#1b6ca8",
    "theirs": "#b3541e",
    "limit": "#8a9097",
}
_WIDTH, _LEFT, _RIGHT, _ROW, _BAR = 860, 360, 110, 24, 15


@dataclass(frozen=True)
class Bar:
    """``parts``: (colour's name, value) from left to right; ``least`` to ``most``: a whisker."""

    title: str
    parts: Sequence[tuple[str, float]]
    label: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Panel:
    title: str
    bars: Sequence[Bar]
    legend: Sequence[tuple[str, str]] = ()


def draw(panels: Sequence[Panel]) -> str:
    """The panels below each other, each with its own scale from 0."""
    pieces: list[str] = []
    top = 0
    for panel in panels:
        lines, height = _draw_panel(panel, top)
        pieces += lines
        top += height
    return "\n".join([*_open(top), *pieces, "</svg>"]) + "\n"


def _open(height: int) -> list[str]:
    size = f'width="{_WIDTH}" height="{height}"'
    space = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
    return [
        f'<svg {space} {size} font-family="sans-serif" font-size="12">',
        f'<rect {size} fill="#ffffff"/>',
    ]


def _draw_panel(panel: Panel, top: int) -> tuple[list[str], int]:
    lines = [_text(14, top + 26, panel.title, weight="bold", size=14)]
    y = top + 44
    x = _LEFT
    for title, colour in panel.legend:
        lines.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{COLOURS[colour]}"/>')
        lines.append(_text(x + 15, y, title))
        x += 30 + 7 * len(title)
    if panel.legend:
        y += 16
    most = max(bar.most or sum(value for _, value in bar.parts) for bar in panel.bars) or 1
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    for bar in panel.bars:
        lines += _draw_bar(bar, y, scale)
        y += _ROW
    return lines, y + 14 - top


def _draw_bar(bar: Bar, y: int, scale: float) -> list[str]:
    lines = [_text(_LEFT - 8, y + 12, bar.title, anchor="end")]
    x = float(_LEFT)
    for colour, value in bar.parts:
        width = value * scale
        lines.append(
            f'<rect x="{x:.1f}" y="{y}" width="{max(width, 0.5):.1f}" height="{_BAR}" '
            f'fill="{COLOURS[colour]}"/>'
        )
        x += width
    if bar.least is not None and bar.most is not None:
        first, last = (_LEFT + value * scale for value in (bar.least, bar.most))
        middle = y + _BAR / 2
        lines.append(
            f'<path d="M{first:.1f} {middle - 3}v6M{last:.1f} {middle - 3}v6'
            f'M{first:.1f} {middle}H{last:.1f}" stroke="#222222" fill="none"/>'
        )
        x = max(x, last)
    lines.append(_text(x + 6, y + 12, bar.label))
    return lines


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal", size: int = 12
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'font-size="{size}" fill="#222222">{escape(words)}</text>'
    )


def draw_lines(
    title: str, series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], unit: str
) -> str:
    """Curves over seconds: (legend, colour's name, points), all on one scale from 0."""
    width, height, left, top, bottom = _WIDTH, 260, 70, 60, 34
    last = max(x for _, _, points in series for x, _ in points) or 1
    most = max(y for _, _, points in series for _, y in points) or 1
    across, up = (width - left - 20) / last, (height - top - bottom) / most
    lines = [*_open(height), _text(14, 24, title, weight="bold", size=14)]
    x = left
    for legend, colour, points in series:
        lines.append(f'<rect x="{x}" y="34" width="10" height="10" fill="{COLOURS[colour]}"/>')
        lines.append(_text(x + 15, 43, legend))
        x += 30 + 7 * len(legend)
        path = " ".join(
            f"{left + px * across:.1f},{height - bottom - py * up:.1f}" for px, py in points
        )
        lines.append(
            f'<polyline points="{path}" fill="none" stroke="{COLOURS[colour]}" stroke-width="1.5"/>'
        )
    base = height - bottom
    lines.append(f'<path d="M{left} {top}V{base}H{width - 20}" stroke="#222222" fill="none"/>')
    lines.append(_text(left - 6, top + 4, f"{most:,.0f} {unit}", anchor="end", size=10))
    lines.append(_text(left - 6, base, "0", anchor="end", size=10))
    lines.append(_text(width - 20, base + 18, f"{last:,.0f} s", anchor="end"))
    return "\n".join([*lines, "</svg>"]) + "\n"
