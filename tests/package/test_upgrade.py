"""Upgrade under load, then removal and purge: what stays and what goes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.machines.gateway import LAB_DROP_IN, RECEIVER, RECORDER, SPOOL
from lab.machines.kills import check_nothing_lost
from lab.package import NEWER
from tests.package.installation import Installation, apt, is_here, offer

_RATE = 5_000  # openings a second; their ends come on top
_CONFIGURATION = "/etc/ctaudit/ctaudit.toml"
RETIRED = (
    "SELECT c.reason FROM ctaudit.nodes() AS n JOIN ctaudit.node AS t USING (node) "
    "JOIN ctaudit.node_change AS c USING (node_id) "
    "WHERE n.retired_at = c.retired_at AND n.stopped"
)


def test_upgrade_under_load_loses_nothing(
    installed: Installation, newer: Path, tmp_path: Path
) -> None:
    """By name from a signed archive, with a configuration file changed on both sides."""
    gateway, machine = installed.gateway, installed.machine
    offer(machine, newer, tmp_path)
    edited = machine.path(_CONFIGURATION)
    edited.write_text(edited.read_text().replace("rate = 10", "rate = 7"))
    gateway.wait_until_reconciled()
    before = {unit: machine.processes(unit) for unit in (RECEIVER, RECORDER)}
    first = gateway.opened
    with gateway.loading(_RATE):
        time.sleep(2)
        said = apt(machine, "install", "ctaudit")
        time.sleep(2)
    gateway.settle()
    check_nothing_lost(gateway, first)
    print(f"{gateway.opened - first:,} connections, {_RATE:,} a second")
    assert f"ctaudit {NEWER}" in machine.run(["ctaudit", "--version"]).stdout, said
    for unit, processes in before.items():
        assert machine.processes(unit) != processes, unit
    # One stream: the socket was handed on, nobody stopped listening.
    assert len(gateway.query("SELECT DISTINCT stream FROM ctaudit.stream")) == 1
    assert "rate = 7" in edited.read_text()
    assert NEWER in machine.path(f"{_CONFIGURATION}.dpkg-dist").read_text()
    assert machine.show("ctaudit-maintain.timer", "ActiveState") == "active"


def test_remove_keeps_data_and_configuration(installed: Installation) -> None:
    if is_here():
        pytest.skip("autopkgtest's own package stays")
    machine = installed.machine
    apt(machine, "remove", "ctaudit")
    assert "rate = 7" in machine.path(_CONFIGURATION).read_text()
    assert list(machine.path(SPOOL).glob("*.seg*")), "no segment was kept"
    assert machine.run(["id", "ctaudit"]).returncode == 0
    units = machine.systemctl("list-units", "--all", "--no-legend", "ctaudit*")
    assert "running" not in units
    assert "waiting" not in units
    # Its last word came after all that it had received: no later question waits for it.
    assert installed.gateway.query(RETIRED) == [{"reason": "the package was removed"}]


def test_installed_again_it_goes_on(installed: Installation) -> None:
    if is_here():
        pytest.skip("autopkgtest's own package stays")
    gateway, machine = installed.gateway, installed.machine
    apt(machine, "install", "ctaudit")
    assert "rate = 7" in machine.path(_CONFIGURATION).read_text()
    gateway.wait_until_reconciled()
    assert gateway.query(RETIRED) == []
    first = gateway.opened
    with gateway.load(50):
        pass
    gateway.settle()
    [gap] = gateway.gaps()
    assert gap["cause"] == "not listening"
    recorded = {key for key, _ in gateway.recorded("opening")}
    assert recorded >= gateway.tuples(first)


def test_purge_leaves_nothing_but_the_database(installed: Installation) -> None:
    if is_here():
        pytest.skip("autopkgtest's own package stays")
    machine = installed.machine
    rows = installed.gateway.query("SELECT count(*) AS n FROM ctaudit.opening")
    machine.path("/etc/sysctl.d/60-ctaudit.conf").write_text("# the role's\n")
    apt(machine, "purge", "ctaudit")
    machine.path(LAB_DROP_IN).unlink()
    machine.path(LAB_DROP_IN).parent.rmdir()
    others = ["/proc", "/root", "/srv", "/opt/ctaudit", "/run/ctaudit-lab", "/run/netns"]
    others.append("/var/cache/man")  # man's own, for pages that were read
    pruned = " -o ".join(f"-path {path}" for path in others)
    search = (
        f"find / -xdev ( {pruned} ) -prune -o ( -name *ctaudit* -o -nouser -o -nogroup ) -print"
    )
    assert machine.run(search.split()).stdout == ""
    # Those that end in "-" are the system's own copies of what was before.
    words = ["grep", "-rl", "--exclude=*-", "ctaudit", "/etc"]
    assert machine.run(words, check=False).stdout == ""
    for database in ("passwd", "group"):
        assert "ctaudit" not in machine.run(["getent", database]).stdout
    assert installed.gateway.query("SELECT count(*) AS n FROM ctaudit.opening") == rows
    assert rows[0]["n"] > 0
