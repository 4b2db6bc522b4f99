"""One booted gateway for all tests with real systemd."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.machines.gateway import BootedGateway, running_gateway


@pytest.fixture(scope="session")
def booted() -> Iterator[BootedGateway]:
    with running_gateway(f"test-{os.getpid()}") as made:
        yield made


@pytest.fixture
def gateway(booted: BootedGateway) -> BootedGateway:
    """Both services with an empty store and a stream of their own."""
    booted.begin_anew()
    return booted
