"""Stores and a front, where the server has what a front needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from ctaudit.errors import DatabaseError
from lab.stores import Fleet, fleet


@contextmanager
def open_fleet(
    names: str,
    logins: Mapping[str, str],
    settings: Mapping[str, str | int],
    patience: float,
) -> Iterator[Fleet]:
    """Another server than the distribution's may come without dblink: then a skipped test."""
    opening = fleet(names, logins, settings, patience)
    try:
        made = opening.__enter__()
    except DatabaseError as error:
        if "dblink" not in str(error):
            raise
        pytest.skip(str(error))
    try:
        yield made
    finally:
        opening.__exit__(None, None, None)


@contextmanager
def stopped(made: Fleet, name: str) -> Iterator[None]:
    made.stores[name].stop("immediate")
    try:
        yield
    finally:
        made.stores[name].start()
