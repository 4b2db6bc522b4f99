"""Under 20,000 events/s with real systemd: kills at a hundred random moments, nothing lost."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.machines.gateway import RECEIVER, RECORDER, Gateway, running_gateway
from lab.machines.kills import ROOMY, check_nothing_lost, strike_at_random


@pytest.fixture(scope="module")
def booted() -> Iterator[Gateway]:
    with running_gateway(f"torture-{os.getpid()}") as made:
        yield made


@pytest.fixture
def gateway(booted: Gateway) -> Gateway:
    booted.begin_anew(ROOMY)
    return booted


@pytest.mark.parametrize(("unit", "seed"), [(RECEIVER, 11), (RECORDER, 12)])
def test_killed_a_hundred_times(gateway: Gateway, unit: str, seed: int) -> None:
    first = gateway.opened
    print(strike_at_random(gateway, [unit], 100, seed=seed))
    check_nothing_lost(gateway, first)


def test_both_and_the_database_killed_twenty_times(gateway: Gateway) -> None:
    first = gateway.opened
    units = [RECEIVER, RECORDER, gateway.postgresql]
    print(strike_at_random(gateway, units, 20, seed=13, after=gateway.start_postgresql))
    check_nothing_lost(gateway, first)
