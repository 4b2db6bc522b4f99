"""A host with a database of its own: the journal, changes to units as the manual has them, reboot.

It tracks what it sends to itself; the lab is not needed here.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctaudit.host.log import MESSAGE_IDS
from lab.machines.booting import prepared_machine, wait_for_boot
from lab.machines.gateway import RECEIVER, RECORDER, BootedGateway
from lab.machines.machine import Machine
from lab.machines.nspawn import shut_down, start_nspawn
from lab.machines.trees import bare_tree
from tests.package.conftest import RELEASES
from tests.package.installation import check, install, is_here

pytestmark = pytest.mark.skipif(is_here(), reason="it boots machines")
_TRACK = (
    "add table inet track; add chain inet track out { type filter hook output priority 0; };"
    " add rule inet track out ct state new counter"
)
_SEND = """
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("127.0.0.1", int(sys.argv[1])))
sender.sendto(b"x", ("127.0.0.1", 9))
"""
_TELL = """
import sys
from systemd import journal
for number in sys.argv[1:]:
    journal.send("a line", MESSAGE_ID=number, SYSLOG_IDENTIFIER="catalog", CT_EVENT="NEW")
"""
_SYSCTLS = [f"net.netfilter.nf_conntrack_{name}" for name in ("acct", "timestamp", "events")]


@dataclass
class Host:
    """A machine that may be booted again, and the nspawn that it runs under."""

    machine: Machine
    nspawn: subprocess.Popen[bytes]

    @property
    def gateway(self) -> BootedGateway:
        return BootedGateway(self.machine)

    def reboot(self) -> None:
        machine = self.machine
        machine.run(["systemctl", "reboot"], check=False)
        self.nspawn.wait(60)
        self.nspawn = start_nspawn(machine.name, machine.root)
        leader = wait_for_boot(machine.name, self.nspawn)
        self.machine = Machine(machine.name, machine.root, leader)

    def change(self, unit: str, line: str) -> None:
        """A drop-in with that line, none with an empty one; the unit is restarted."""
        drop_in = f"/etc/systemd/system/{unit}.d/override.conf"
        self.machine.write(drop_in, f"[Service]\n{line}\n" if line else "")
        self.machine.systemctl("daemon-reload")
        self.machine.systemctl("restart", unit)

    def record_one(self, port: int, where: str = "") -> None:
        """Sends a packet from that port, waits for it in the store; ``where``: words before."""
        words = [*where.split(), "python3", "-c", _SEND, str(port)]
        self.machine.run(words)
        statement = f"SELECT FROM ctaudit.opening WHERE orig_sport = {port}"
        self.gateway.wait_until(lambda: bool(self.gateway.query(statement)))

    def streams(self) -> int:
        counted = self.gateway.query("SELECT count(DISTINCT stream) AS n FROM ctaudit.stream")
        return int(counted[0]["n"])


@pytest.fixture(scope="module", params=RELEASES)
def host(request: pytest.FixtureRequest, package: Path) -> Iterator[Host]:
    name = f"host-{request.param}"
    with prepared_machine(name, request.param, bare_tree(request.param)) as root:
        nspawn = start_nspawn(name, root)
        standing = Host(Machine(name, root, wait_for_boot(name, nspawn)), nspawn)
        try:
            standing.machine.run(["nft", _TRACK])
            install(standing.machine, package, "--no-install-recommends", "postgresql")
            standing.machine.run(["ctaudit", "setup", "--local"])
            yield standing
        finally:
            shut_down(standing.nspawn)


def test_nothing_to_load_is_fine(host: Host) -> None:
    """The module is built in or loaded by the host, and there is no modprobe."""
    assert host.machine.run(["sh", "-c", "command -v modprobe"], check=False).stdout == ""
    assert host.machine.path("/usr/lib/modules-load.d/ctaudit.conf").exists()
    assert check(host.machine)["findings"]["connection tracking"]["level"] == "good"
    host.record_one(1001)


def test_journal_explains_each_fault(host: Host) -> None:
    machine = host.machine
    machine.run(["python3", "-c", _TELL, *MESSAGE_IDS.values()])
    machine.run(["journalctl", "--sync"])
    said = machine.run(["journalctl", "-x", "--no-pager", "-t", "catalog"]).stdout
    assert said.count("Defined-By: ctaudit") == len(MESSAGE_IDS)
    assert "Subject: Connection NEW" in said
    for subject in ("The spool is full", "The kernel dropped events", "The clock was stepped"):
        assert f"Subject: {subject}" in said


def test_journald_does_not_hold_the_recorder_down(host: Host) -> None:
    """More lines in a second than journald takes from other services in 30."""
    machine = host.machine
    words = ["-p", f"User={machine.show(RECORDER, 'User')}"]
    for name in ("Interval", "Burst"):
        given = "LogRateLimitIntervalUSec" if name == "Interval" else "LogRateLimitBurst"
        value = machine.show(RECORDER, given)
        words += ["-p", f"LogRateLimit{name}{'Sec' if name == 'Interval' else ''}={value}"]
    lines = "for number in range(100_000): print(number)"
    run = ["systemd-run", "--quiet", "--wait", "--unit=lines", *words, "python3", "-c", lines]
    machine.run(run)
    machine.run(["journalctl", "--sync"])
    told = machine.run(["journalctl", "-u", "lines", "-o", "cat", "--no-pager"]).stdout.split("\n")
    assert sum(line.isdigit() for line in told) == 100_000


def test_journal_of_its_own(host: Host) -> None:
    machine = host.machine
    host.change(RECORDER, "LogNamespace=ctaudit")
    host.record_one(1002)

    def lines(*words: str) -> str:
        return machine.run(["journalctl", "--no-pager", "-u", RECORDER, *words], check=False).stdout

    host.gateway.wait_until(lambda: "127.0.0.1:1002" in lines("--namespace=ctaudit"))
    assert "127.0.0.1:1002" not in lines()
    host.change(RECORDER, "")
    host.record_one(1003)
    host.gateway.wait_until(lambda: "127.0.0.1:1003" in lines())


def test_clock_is_asked_at_times_and_not_at_each_reload(host: Host) -> None:
    machine = host.machine
    assert machine.show("ctaudit-clock.timer", "ActiveState") == "active"
    assert machine.show("ctaudit-clock.timer", "NextElapseUSecRealtime")
    before = machine.show("ctaudit-clock.service", "ExecMainStartTimestampMonotonic")
    for _ in range(6):
        machine.systemctl("daemon-reload")
    time.sleep(1)
    assert machine.show("ctaudit-clock.service", "ExecMainStartTimestampMonotonic") == before
    assert machine.show("ctaudit-clock.service", "Result") == "success"


def test_answer_of_the_clock_reaches_the_record(host: Host) -> None:
    """From one sandbox to the other. The answer is given here: nspawn refuses adjtimex to all."""
    script = (
        "import ctaudit.host.clock as c; c.ask_kernel = lambda: c.Synchronisation(True, 17, 4000);"
        " import ctaudit.admin.save_clock as s;"
        " raise SystemExit(s.main('/run/ctaudit/clock.json'))"
    )
    host.change("ctaudit-clock.service", f'ExecStart=\nExecStart=/usr/bin/python3 -c "{script}"')
    assert json.loads(host.machine.path("/run/ctaudit/clock.json").read_text())["synchronised"]
    host.machine.systemctl("restart", RECEIVER)
    statement = "SELECT FROM ctaudit.clock WHERE synchronised AND estimated_error_us = 17"
    host.gateway.wait_until(lambda: bool(host.gateway.query(statement)))


def test_scope_is_learned_and_reaches_the_record(host: Host) -> None:
    """By the clock's timer, in a sandbox of its own."""
    machine = host.machine
    machine.systemctl("start", "ctaudit-clock.service")
    host.gateway.wait_until(lambda: machine.path("/run/ctaudit/scope.json").exists())
    assert machine.show("ctaudit-scope.service", "Result") == "success"
    seen = json.loads(machine.path("/run/ctaudit/scope.json").read_text())
    assert seen["internal"] is not None
    machine.systemctl("restart", RECEIVER)
    statement = "SELECT FROM ctaudit.scope WHERE source = 'learned'"
    host.gateway.wait_until(lambda: bool(host.gateway.query(statement)))


def test_restart_in_another_network_namespace_listens_there(host: Host) -> None:
    machine = host.machine
    machine.run(["ip", "netns", "add", "other"])
    machine.run(["ip", "-n", "other", "link", "set", "lo", "up"])
    machine.run(["ip", "netns", "exec", "other", "nft", _TRACK])
    for name in _SYSCTLS:
        machine.run(["ip", "netns", "exec", "other", "sysctl", "-qw", f"{name}=1"])
    streams = host.streams()
    host.change(RECEIVER, "NetworkNamespacePath=/run/netns/other")
    host.record_one(2001, "ip netns exec other")
    assert host.streams() == streams + 1
    assert check(machine)["findings"]["drops"]["level"] == "good"
    host.change(RECEIVER, "")
    host.record_one(2002)
    assert host.streams() == streams + 2
    # The same one again keeps its socket, and its stream.
    machine.systemctl("restart", RECEIVER)
    host.record_one(2003)
    assert host.streams() == streams + 2


def test_restart_under_another_name_begins_a_stream(host: Host) -> None:
    streams = host.streams()
    configuration = host.machine.path("/etc/ctaudit/ctaudit.toml")
    configuration.write_text('node = "gw.7"\n' + configuration.read_text())
    host.machine.systemctl("restart", RECEIVER)
    # The recorder's login has recorded under the host's name alone until now.
    host.machine.run(["ctaudit", "setup", "--local"])
    host.record_one(2004)
    assert host.streams() == streams + 1
    recorded = host.gateway.query("SELECT node FROM ctaudit.opening WHERE orig_sport = 2004")
    assert recorded == [{"node": "gw.7"}]
    # What was recorded under the old name is over, and its lag does not grow for ever.
    running = host.gateway.query("SELECT node FROM ctaudit.stream WHERE stopped_at IS NULL")
    assert running == [{"node": "gw.7"}]
    # Its spool says so, and no later question waits for the old name.
    asked = host.gateway.query("SELECT node FROM ctaudit.nodes() WHERE retired_at IS NULL")
    assert asked == [{"node": "gw.7"}]


def test_reboot(host: Host) -> None:
    """All comes up by itself, and the time between is a gap that the next dump closes.

    Before it somebody switches the settings off, which the receiver that still runs sees: that is
    a gap too.
    """
    streams = host.streams()
    gaps = len(host.gateway.gaps())
    for name in _SYSCTLS:
        host.machine.run(["sysctl", "-qw", f"{name}=0"])
    host.gateway.wait_until(lambda: len(host.gateway.gaps()) == gaps + 1)
    host.reboot()
    machine, gateway = host.machine, host.gateway
    gateway.wait_until(lambda: machine.show(RECORDER, "ActiveState") == "active")
    assert machine.run(["sysctl", "-n", *_SYSCTLS]).stdout.split() == ["1", "1", "1"]
    assert machine.show("ctaudit-maintain.timer", "ActiveState") == "active"
    assert machine.systemctl("list-units", "--failed", "--no-legend", "ctaudit*") == ""
    gateway.wait_until_reconciled()
    machine.run(["nft", _TRACK])
    host.record_one(3001)
    assert host.streams() == streams + 1
    silent, away = gateway.gaps()[gaps:]
    assert (silent["cause"], away["cause"]) == ("nf_conntrack_events = 0", "not listening")
    assert silent["gap_until"] is not None
    assert away["gap_until"] is not None


def test_a_database_s_host_without_a_gateway_is_fit(host: Host) -> None:
    """As docs/install.md makes one; the gateway that it was until now has gone silent."""
    host.machine.systemctl("disable", "--now", RECEIVER, RECORDER)
    said = check(host.machine)
    findings = said["findings"]
    assert "ctaudit-receiver.service is disabled" in findings["gateway"]["found"]
    assert "ctaudit-maintain.timer is active" in findings["maintenance"]["found"]
    left = {name for name, item in findings.items() if item["level"] != "good"} - {"gateways"}
    assert not left, findings
    assert said["status"] in (0, 1)
