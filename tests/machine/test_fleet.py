"""Fleets: machines that stand by themselves, reboot, lose their power, and leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.fleet import keeper
from lab.fleet.plan import DATABASE_ADDRESS, read_fleet
from lab.machines.machine import Machine, MachineError
from lab.machines.nspawn import DISKS
from lab.machines.register import REGISTER
from lab.register import list_registrations
from lab.waiting import wait_until

_PID = os.getpid()
_GATEWAYS, _DATABASE = (f"g1-{_PID}", f"g2-{_PID}"), f"d-{_PID}"
_WORDS = [
    f"{_GATEWAYS[0]}:bookworm:gateway",
    f"{_GATEWAYS[1]}:bookworm:gateway:user-namespace",
    f"{_DATABASE}:bookworm:database",
]
_FLEET = read_fleet(f"test-{_PID}", _WORDS)


@pytest.fixture(scope="module", autouse=True)
def fleet() -> Iterator[None]:
    keeper.start(_FLEET, _WORDS)
    yield
    keeper.end(_FLEET.name)


def _boot_id(machine: Machine) -> str:
    return machine.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout


def _reach(machine: Machine, address: str) -> str:
    """What a connection to a port where nobody listens comes to: "refused" if the host is there."""
    shell = f"timeout 2 bash -c 'echo >/dev/tcp/{address}/9' 2>&1"
    return machine.run(["sh", "-c", shell], check=False).stdout


def test_links_lead_to_the_database_and_outside_and_nowhere_else() -> None:
    for name in _GATEWAYS:
        gateway = keeper.machine(name)
        assert "refused" in _reach(gateway, DATABASE_ADDRESS)
        assert "refused" in _reach(gateway, "19.1.16.7")
        assert "unreachable" in _reach(gateway, "198.51.100.1")


def test_root_of_a_container_is_nobody_here_and_rules_its_network() -> None:
    machine = keeper.machine(_GATEWAYS[1])
    assert machine.path("/root").stat().st_uid >= 1 << 16
    assert machine.run(["stat", "-c", "%U", "/root", "/usr/bin/sudo"]).stdout == "root\nroot\n"
    machine.run(["sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1"])
    machine.run(["nft", "add", "table", "inet", "own"])
    assert machine.run(["sysctl", "-w", "kernel.panic=1"], check=False).returncode != 0


@pytest.mark.parametrize("name", _GATEWAYS, ids=["machine", "container"])
def test_a_reboot_is_one(name: str) -> None:
    machine = keeper.machine(name)
    before = _boot_id(machine)
    machine.write("/root/kept", "")
    machine.run(["systemctl", "reboot"])

    def is_back() -> bool:
        with suppress(MachineError, OSError):
            return _boot_id(keeper.machine(name)) != before
        return False

    wait_until(is_back, patience=30, pause=0.05)
    again = keeper.machine(name)
    assert again.leader != machine.leader
    assert again.path("/root/kept").exists()
    # A container gets its links anew.
    wait_until(lambda: "refused" in _reach(again, DATABASE_ADDRESS), pause=0.2)
    assert "refused" in _reach(again, "19.1.16.7")


def test_power_fails_and_returns() -> None:
    before = _boot_id(keeper.machine(_DATABASE))
    keeper.switch_off(_DATABASE)
    with pytest.raises(MachineError, match="no machine"):
        keeper.machine(_DATABASE)
    keeper.switch_on(_DATABASE)
    assert _boot_id(keeper.machine(_DATABASE)) != before


def test_a_name_in_use_is_refused() -> None:
    words = [f"{_DATABASE}:bookworm:database"]
    with pytest.raises(MachineError, match="is in use by another process"):
        keeper.start(read_fleet(f"other-{_PID}", words), words)
    assert keeper.machine(_DATABASE).run(["true"]).returncode == 0


def test_nothing_is_left_of_it() -> None:
    assert keeper.end(_FLEET.name)
    left = {path.name for path in Path("/run/netns").iterdir()}
    members = {member.network for member in _FLEET.members}
    assert not left & (members | set(_FLEET.namespaces))
    for name in (*_GATEWAYS, _DATABASE):
        assert not (DISKS / name).exists()
        assert not (REGISTER / f"{name}.json").exists()
    assert f"fleet-{_FLEET.name}" not in {record.name for record in list_registrations()}
    assert not keeper.end(_FLEET.name)


@pytest.mark.parametrize(
    "word",
    [
        "gw1",
        "gw1:bookworm",
        "gw1:bookworm:router",
        ":bookworm:gateway",
        "gw1:bookworm:gateway:x",
        "db:bookworm:database:user-namespace",
    ],
)
def test_what_is_no_machine_is_refused(word: str) -> None:
    with pytest.raises(MachineError, match="is no machine: write NAME:RELEASE:gateway"):
        read_fleet("test", [word])
