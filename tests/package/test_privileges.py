"""The services of the installed package run as other users than root, and are shut in."""

from __future__ import annotations

import pytest

from lab.machines.gateway import RECEIVER, RECORDER
from lab.machines.sandbox import (
    SERVICES,
    expect_low_exposure,
    expect_own_user,
    expect_receiver_confined,
    expect_recorder_confined,
)
from tests.package.installation import Installation


@pytest.mark.parametrize(("unit", "user", "capabilities"), SERVICES)
def test_service_runs_as_its_own_user(
    installed: Installation, unit: str, user: str, capabilities: int
) -> None:
    expect_own_user(installed.gateway, unit, user, capabilities)


@pytest.mark.parametrize(
    "unit",
    [
        RECEIVER,
        RECORDER,
        "ctaudit-maintain.service",
        "ctaudit-clock.service",
        "ctaudit-scope.service",
    ],
)
def test_exposure_is_low(installed: Installation, unit: str) -> None:
    expect_low_exposure(installed.gateway, unit)


def test_receiver_cannot_open_an_internet_socket(installed: Installation) -> None:
    expect_receiver_confined(installed.gateway)


def test_recorder_cannot_open_a_conntrack_socket(installed: Installation) -> None:
    expect_recorder_confined(installed.gateway)


def test_others_cannot_read_the_spool(installed: Installation) -> None:
    done = installed.machine.run(["ls", "/var/lib/ctaudit/spool"], user="nobody", check=False)
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_recorder_reads_no_row_and_others_may_not_ask(installed: Installation) -> None:
    words = ["psql", "-X", "-d", "ctaudit", "-c", "SELECT FROM ctaudit.opening"]
    assert "permission denied" in installed.machine.run(words, user="ctaudit", check=False).stderr
    words = ["ctaudit", "who", "1.2.3.4:1", "--at", "2026-01-01 00:00:00"]
    done = installed.machine.run(words, user="nobody", check=False)
    assert done.returncode == 5
    assert "must be a member of ctaudit_auditor" in done.stderr
