"""How the areas of a picture look: on paper by attributes, on a screen also by their class.

Colours are Okabe and Ito's, which people with any colour vision can tell apart; what a colour says
a pattern says as well, for a printer without colours.
"""

from __future__ import annotations

from dataclasses import dataclass

INK, GREY, PAPER = "#222222", "#8a8a8a", "#ffffff"
BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE = (
    "#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#009e73", "#cc79a7",
)  # fmt: skip


@dataclass(frozen=True)
class Paint:
    """``kind``: the class, whose colours the style sheet changes for a dark screen.

    ``hatch``: the colour of lines across the area, which have the class ``hatch``; ``lean``: they
    rise to the right, fall, or both, as ``/``, ``\\`` or ``x``. ``dash`` is that of the border.
    """

    kind: str
    fill: str = "none"
    stroke: str = "none"
    hatch: str = ""
    lean: str = "/"
    dash: str = ""
    width: float = 1.0
