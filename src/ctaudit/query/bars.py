"""Bars of a chart in text: of block characters, or of ASCII where the terminal lacks those."""

from __future__ import annotations

from dataclasses import dataclass

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class Style:
    """``parts``: the glyphs of a cell that is filled by 0, 1/n, 2/n, ... n/n."""

    parts: str
    light: str

    def draw(self, value: int, light: int, greatest: int, width: int) -> str:
        """A bar of ``value``, of which ``light`` is drawn lighter; ``greatest`` is ``width`` wide.

        What is not 0 has a glyph.
        """
        if value <= 0 or greatest <= 0 or width <= 0:
            return ""
        steps = len(self.parts) - 1
        solid = round((value - light) * width * steps / greatest)
        cells = min(max(1, round(value * width / greatest)), width)
        full, rest = divmod(min(solid, cells * steps), steps)
        bar = self.parts[-1] * full + (self.parts[rest] if rest else "")
        if not bar and light < value:
            bar = self.parts[1]
        return bar + self.light * (cells - len(bar) if light else 0)


BLOCKS = Style(_EIGHTHS, "░")
ASCII = Style(" #", "-")


def choose_style(encoding: str | None) -> Style:
    """BLOCKS where the encoding of the output has their glyphs."""
    try:
        (_EIGHTHS + BLOCKS.light).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS
