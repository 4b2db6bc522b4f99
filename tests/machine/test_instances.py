"""Two gateways on one host, each in a network namespace of its own; and relaxed sandboxes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.machines.gateway import RECEIVER, RECORDER, BootedGateway
from lab.namespaces import ROOT

_NAMES = ("gwa", "gwb")
_PORTS = {"gwa": 1111, "gwb": 2222}
_SYSCTL = ROOT / "packaging/debian/ctaudit.sysctl"
_EXAMPLES = ROOT / "packaging/examples"
_RULES = (
    "add table inet t; add chain inet t c { type filter hook output priority 0; };"
    " add rule inet t c ct state new counter"
)


def _configure(booted: BootedGateway, name: str) -> None:
    """As docs/install.md has it."""
    machine = booted.machine
    machine.write(
        f"/etc/ctaudit/{name}.toml",
        f'node = "{name}"\n[database]\ndsn = "dbname=ctaudit"\n'
        f'[spool]\ndirectory = "/var/lib/ctaudit/{name}"\n',
    )
    for unit in (f"ctaudit-receiver@{name}", f"ctaudit-scope@{name}"):
        machine.write(
            f"/etc/systemd/system/{unit}.service.d/namespace.conf",
            f"[Service]\nNetworkNamespacePath=/run/netns/{name}\n",
        )
    machine.run(["ip", "netns", "add", name])
    machine.run(["ip", "-n", name, "link", "set", "lo", "up"])
    machine.run(["ip", "netns", "exec", name, "nft", _RULES])
    words = ["ctaudit", "node", "login", name, "ctaudit", "--dsn", "dbname=ctaudit"]
    machine.run(words, user="postgres")


@pytest.fixture
def instances(gateway: BootedGateway) -> Iterator[BootedGateway]:
    machine = gateway.machine
    machine.put(_SYSCTL, "/usr/lib/sysctl.d/60-ctaudit.conf")
    units = [
        f"{unit}@{name}.service" for name in _NAMES for unit in ("ctaudit-receiver", "ctaudit")
    ]
    try:
        for name in _NAMES:
            _configure(gateway, name)
        machine.systemctl("daemon-reload")
        machine.systemctl("start", *units)
        yield gateway
    finally:
        machine.systemctl("stop", *units)
        for name in _NAMES:
            machine.run(["ip", "netns", "del", name], check=False)
            machine.run(
                ["sh", "-c", f"rm -rf /etc/ctaudit/{name}.toml /etc/systemd/system/*@{name}*"]
            )
        machine.systemctl("daemon-reload")


def _check(gateway: BootedGateway, name: str) -> dict[str, dict[str, Any]]:
    words = ["ctaudit", "check", "--json", "--config", f"/etc/ctaudit/{name}.toml"]
    said = json.loads(gateway.machine.run(words, check=False).stdout)
    return {finding["name"]: finding for finding in said["findings"]}


def test_each_gateway_records_its_own_namespace(instances: BootedGateway) -> None:
    machine = instances.machine
    for name in _NAMES:
        receiver = f"ctaudit-receiver@{name}.service"
        instances.wait_until(
            lambda unit=receiver: machine.show(unit, "StatusText").startswith("receiving")  # type: ignore[misc]
        )
        # The unit has set what the kernel needs to tell, in the namespace.
        shown = machine.run(["ip", "netns", "exec", name, "sysctl", "-n",
                             "net.netfilter.nf_conntrack_events",
                             "net.netfilter.nf_conntrack_acct"]).stdout  # fmt: skip
        assert shown.split() == ["1", "1"]
        send = f"echo >/dev/udp/127.0.0.1/{_PORTS[name]}"
        machine.run(["ip", "netns", "exec", name, "bash", "-c", send])
    instances.wait_until(lambda: len(_recorded(instances)) == len(_NAMES))
    assert _recorded(instances) == {(name, _PORTS[name]) for name in _NAMES}
    folder = machine.path("/var/lib/ctaudit/gwa").stat()
    assert folder.st_mode & 0o7777 == 0o2770

    findings = _check(instances, "gwa")
    assert findings["receiver"]["found"].startswith("running on /var/lib/ctaudit/gwa, process")
    assert findings["recorder"]["level"] == findings["backlog"]["level"] == "good"
    assert findings["events"]["level"] == "good"
    assert findings["timer"]["found"].startswith("ctaudit-scope@gwa.timer is active")
    words = ["ip", "netns", "exec", "gwa", "sysctl", "-w", "net.netfilter.nf_conntrack_acct=0"]
    machine.run(words)
    assert _check(instances, "gwb")["counters"]["level"] == "good"
    remedy = _check(instances, "gwa")["counters"]["remedy"]
    command = remedy.partition(",")[0]
    assert command == "ip netns exec gwa sysctl -w net.netfilter.nf_conntrack_acct=1"
    machine.run(command.split())
    assert _check(instances, "gwa")["counters"]["level"] == "good"

    # A stopped receiver is checked where its unit would start it, and missed there alone.
    machine.systemctl("stop", "ctaudit-receiver@gwb.service")
    stopped = _check(instances, "gwb")
    assert stopped["receiver"]["level"] == "not fit"
    assert stopped["receiver"]["remedy"].startswith(
        "systemctl enable --now ctaudit-receiver@gwb.service"
    )
    assert stopped["table"]["found"].startswith("1 of ")
    assert _check(instances, "gwa")["receiver"]["level"] == "good"


def _recorded(gateway: BootedGateway) -> set[tuple[str, int]]:
    rows = gateway.query("SELECT node, orig_dport FROM ctaudit.opening WHERE node <> 'gw1'")
    return {(row["node"], row["orig_dport"]) for row in rows}


@pytest.mark.parametrize("example", ["no-user-namespaces.conf", "no-namespaces.conf"])
def test_without_namespaces_they_work_with_the_example(
    gateway: BootedGateway, example: str
) -> None:
    """In the namespaces of the machine itself: systemd makes none for them."""
    machine = gateway.machine
    paths = [f"/etc/systemd/system/{unit}.d/{example}" for unit in (RECEIVER, RECORDER)]
    try:
        for path in paths:
            machine.put(_EXAMPLES / example, path)
        machine.systemctl("daemon-reload")
        machine.systemctl("restart", RECEIVER, RECORDER)
        gateway.wait_until_recorded()
        kinds = ("user",) if example.startswith("no-user") else ("user", "mnt", "uts", "ipc")
        [recorder] = machine.processes(RECORDER)
        assert {kind: _namespace(recorder, kind) for kind in kinds} == {
            kind: _namespace(machine.leader, kind) for kind in kinds
        }
        status = Path(f"/proc/{recorder}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
    finally:
        for path in paths:
            machine.path(path).unlink()
        machine.systemctl("daemon-reload")
        machine.systemctl("restart", RECEIVER, RECORDER)


def _namespace(process: int, kind: str) -> str:
    return str(Path(f"/proc/{process}/ns/{kind}").readlink())
