"""A container in which systemd can make no user namespace: what is said, and what helps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machines.booting import name_network, prepared_machine, wait_for_boot
from lab.machines.gateway import RECORDER
from lab.machines.machine import Machine
from lab.machines.nspawn import shut_down, start_nspawn
from lab.machines.trees import bare_tree
from lab.waiting import comes_true, wait_until
from tests.package.conftest import RELEASES
from tests.package.installation import check, install, is_here

pytestmark = pytest.mark.skipif(is_here(), reason="it boots machines")
# The key is each user namespace's own: the container's is set, and the host's stays.
_KEY = Path("/proc/sys/user/max_user_namespaces")


@pytest.fixture(params=RELEASES)
def container(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Debian by systemd-nspawn -U."""
    name = f"hardened-{request.param}"
    with prepared_machine(name, request.param, bare_tree(request.param), contained=True) as root:
        nspawn = start_nspawn(name, root, contained=True)
        try:
            name_network(name, nspawn)
            yield Machine(name, root, wait_for_boot(name, nspawn))
        finally:
            shut_down(nspawn)


def _read_times(container: Machine) -> list[float]:
    """When each line was written that the journal has of the recorder, its own and systemd's."""
    words = ["journalctl", "-u", RECORDER, "-o", "short-unix", "--no-pager"]
    lines = container.run(words).stdout.splitlines()
    return [float(line.split()[0]) for line in lines if line[0].isdigit()]


def test_no_user_namespaces(container: Machine, package: Path) -> None:
    """user.max_user_namespaces = 0, then the drop-in that check names."""
    of_host = _KEY.read_text()
    enter = ["nsenter", f"--target={container.leader}", "--user"]
    subprocess.run([*enter, "sh", "-c", f"echo 0 >{_KEY}"], check=True)
    assert container.run(["cat", str(_KEY)]).stdout == "0\n"
    assert _KEY.read_text() == of_host
    install(container, package, "--no-install-recommends")
    wait_until(lambda: _read_times(container)[-1] > _read_times(container)[0] + 10)
    times = _read_times(container)
    assert sum(time < times[0] + 10 for time in times) <= 20
    findings = check(container)["findings"]
    # The receiver's user namespace is the container's, whose network it reads.
    assert findings["receiver"]["level"] == "good", findings["receiver"]
    assert findings["recorder"]["level"] == "not fit"
    assert "(217/USER), since user.max_user_namespaces = 0" in findings["recorder"]["found"]
    command, _, _ = findings["recorder"]["remedy"].partition(";")
    container.run(["sh", "-ec", command])
    said = "database unreachable"
    assert comes_true(lambda: said in container.show(RECORDER, "StatusText"), patience=10)
    assert said in check(container)["findings"]["recorder"]["found"]
