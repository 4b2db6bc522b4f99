"""One booted gateway for all tests with real systemd."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.machines.gateway import Gateway, running_gateway


@pytest.fixture(scope="session")
def booted() -> Iterator[Gateway]:
    with running_gateway(f"test-{os.getpid()}") as made:
        yield made


@pytest.fixture
def gateway(booted: Gateway) -> Gateway:
    """Both services with an empty store and a stream of their own."""
    booted.begin_anew()
    return booted
