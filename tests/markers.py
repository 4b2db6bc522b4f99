"""The long form of a test: run by make torture, deselected otherwise."""

from __future__ import annotations

from typing import Any

import pytest


def torture(*values: Any) -> Any:
    """A set of parameters for ``pytest.mark.parametrize`` that belongs to the long form."""
    return pytest.param(*values, marks=pytest.mark.torture)
