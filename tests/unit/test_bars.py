"""Bars of a chart in text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.query.bars import ASCII, BLOCKS, Style, choose_style


@pytest.mark.parametrize(
    ("value", "light", "blocks", "plain"),
    [
        (0, 0, "", ""),
        (1, 0, "▏", "#"),
        (100, 0, "██████████", "##########"),
        (50, 0, "█████", "#####"),
        (55, 0, "█████▌", "######"),
        (50, 20, "███░░", "###--"),
        (50, 50, "░░░░░", "-----"),
        (1, 1, "░", "-"),
        (100, 99, "▏░░░░░░░░░", "#---------"),
    ],
)
def test_bars(value: int, light: int, blocks: str, plain: str) -> None:
    assert BLOCKS.draw(value, light, 100, 10) == blocks
    assert ASCII.draw(value, light, 100, 10) == plain


@given(
    st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 200),
    st.sampled_from([BLOCKS, ASCII]),
)  # fmt: skip
def test_a_bar_is_never_wider_and_never_lost(
    one: int, other: int, more: int, width: int, style: Style
) -> None:
    light, value, greatest = sorted((one, other, more))
    bar = style.draw(value, light, greatest, width)
    assert len(bar) <= width
    assert bool(bar) is (value > 0 and width > 0)
    assert style.light not in bar or light


@pytest.mark.parametrize(
    ("encoding", "style"),
    [("utf-8", BLOCKS), ("ascii", ASCII), ("latin-1", ASCII), (None, ASCII), ("nonsense", ASCII)],
)
def test_ascii_where_the_output_lacks_blocks(encoding: str | None, style: Style) -> None:
    assert choose_style(encoding) is style
