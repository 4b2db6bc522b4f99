"""Texts that are almost what a parser takes."""

from __future__ import annotations

from hypothesis import strategies as st

_ALMOST = st.text(alphabet="0123456789.:[]%/+-TZz abcdef", max_size=40)
_TIMELIKE = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    fullmatch=True,
)
GARBAGE = st.text() | _ALMOST | _TIMELIKE
