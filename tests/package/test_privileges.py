"""The services of the installed package run as other users than root, and are shut in."""

from __future__ import annotations

import pytest

from lab.machines import test_units as units
from lab.machines.gateway import RECEIVER, RECORDER
from tests.package.site import Site


@pytest.mark.parametrize(
    ("unit", "user", "capabilities"),
    [(RECEIVER, "ctaudit-receiver", units._NET_ADMIN), (RECORDER, "ctaudit", 0)],
)
def test_service_runs_as_its_own_user(site: Site, unit: str, user: str, capabilities: int) -> None:
    units.test_service_is_ready_as_its_own_user(site.gateway, unit, user, capabilities)


@pytest.mark.parametrize(
    "unit", [RECEIVER, RECORDER, "ctaudit-maintain.service", "ctaudit-clock.service"]
)
def test_exposure_is_low(site: Site, unit: str) -> None:
    units.test_exposure_is_low(site.gateway, unit)


def test_receiver_cannot_open_an_internet_socket(site: Site) -> None:
    units.test_receiver_hears_conntrack_and_no_internet(site.gateway)


def test_recorder_cannot_open_a_conntrack_socket(site: Site) -> None:
    units.test_recorder_reaches_the_database_and_no_conntrack(site.gateway)
    units.test_recorder_may_not_hear_conntrack_with_a_socket_given_to_it(site.gateway)


def test_others_cannot_read_the_spool(site: Site) -> None:
    done = site.machine.run(["ls", "/var/lib/ctaudit/spool"], user="nobody", check=False)
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_recorder_reads_no_row_and_others_may_not_ask(site: Site) -> None:
    words = ["psql", "-X", "-d", "ctaudit", "-c", "SELECT FROM ctaudit.opening"]
    assert "permission denied" in site.machine.run(words, user="ctaudit", check=False).stderr
    words = ["ctaudit", "who", "1.2.3.4:1", "--at", "2026-01-01 00:00:00"]
    done = site.machine.run(words, user="nobody", check=False)
    assert done.returncode == 5
    assert "must be a member of ctaudit_auditor" in done.stderr
