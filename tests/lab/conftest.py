"""Fixtures of everything that needs the lab."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.namespaces import Lab
from tests.lab.network import build_lab
from tests.lab.serve import serving
from tests.lab.witness import Witness, delete_all, watching


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own for each test module, its servers running."""
    with build_lab(f"ctlab-{os.getpid()}") as made, serving(made):
        yield made


@pytest.fixture
def witness(lab: Lab) -> Iterator[Witness]:
    """The conntrack tool listening, from an empty table on."""
    delete_all(lab)
    with watching(lab) as listening:
        yield listening
