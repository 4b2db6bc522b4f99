"""The unit that writes numbers for Prometheus, and a canary sent from the recorder's sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctaudit.host.log import MESSAGE_IDS
from lab.machines.gateway import RECORDER, BootedGateway
from lab.machines.sandbox import expect_low_exposure
from lab.namespaces import ROOT

UNIT = "ctaudit-metrics.service"
FOLDER = "/var/lib/prometheus/node-exporter"
NAMESPACE = "[Service]\nNetworkNamespacePath=/run/netns/ctaudit-gateway\n"
IS_FOUND = "SELECT FROM ctaudit.stream WHERE detail ? 'canary'"


@pytest.fixture(scope="module")
def measured(booted: BootedGateway) -> Iterator[BootedGateway]:
    """With the client library of this host, and all units in the gateway's network namespace."""
    machine = booted.machine
    # Debian's package of the library takes python3-decorator for a part of it.
    packages = Path("/usr/lib/python3/dist-packages")
    library = [str(packages / "prometheus_client"), str(packages / "decorator.py")]
    for place in library:
        machine.put(Path(place), place)
    machine.run(["mkdir", "-p", FOLDER])
    dropped = [f"/etc/systemd/system/{unit}.d/metrics.conf" for unit in (UNIT, RECORDER)]
    machine.put(ROOT / "packaging/debian" / UNIT, f"/usr/lib/systemd/system/{UNIT}")
    for path in dropped:
        machine.write(path, NAMESPACE)
    machine.systemctl("daemon-reload")
    booted.begin_anew({"canary": 'interval = "1min"'})
    yield booted
    machine.run(["rm", "-rf", *dropped, f"/usr/lib/systemd/system/{UNIT}", *library, FOLDER])
    machine.systemctl("daemon-reload")
    booted.configure()
    machine.systemctl("restart", RECORDER)


def test_the_file_is_written_by_the_recorder_s_user(measured: BootedGateway) -> None:
    machine = measured.machine
    machine.systemctl("start", UNIT)
    first = machine.run(["cat", f"{FOLDER}/ctaudit.prom"]).stdout
    for source in ("spool", "kernel", "database"):
        assert f'ctaudit_source_up{{node="gw1",source="{source}"}} 1.0' in first, first
    assert 'ctaudit_commit_lag_seconds_count{node="gw1"}' in first
    assert 'ctaudit_conntrack_entries{node="gw1"}' in first
    shown = machine.run(["stat", "-L", "-c", "%U %a", f"{FOLDER}/ctaudit.prom"]).stdout
    assert shown.split() == ["ctaudit", "644"]
    machine.systemctl("start", UNIT)
    assert machine.run(["ls", "-A", FOLDER, "/run/ctaudit-metrics"]).stdout.count(".prom\n") == 2
    assert measured.journal("-u", UNIT, "-p", "warning") == []


def test_exposure_is_low(measured: BootedGateway) -> None:
    expect_low_exposure(measured, UNIT)


def test_a_canary_is_sent_from_the_sandbox(measured: BootedGateway) -> None:
    measured.wait_until(lambda: bool(measured.query(IS_FOUND)))
    assert measured.journal("-u", RECORDER, f"MESSAGE_ID={MESSAGE_IDS['canary']}") == []
