"""The forwarder as its unit runs it: skipped without an output, shut in, across a rotation."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.machines.gateway import FORWARDER, BootedGateway
from lab.machines.sandbox import expect_low_exposure

FOLDER = "/var/log/ctaudit"
FILE = f"{FOLDER}/nfct.json"


def events_in(gateway: BootedGateway, file: str = FILE) -> list[int]:
    """ct.event of each line; the order is the kernel's."""
    said = gateway.machine.run(["cat", file], check=False).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    return [line["ct.event"] for line in lines if "ct.event" in line]


@pytest.fixture
def forwarding(booted: BootedGateway) -> Iterator[BootedGateway]:
    """A gateway with one file as its output."""
    booted.begin_anew({"output.file": f'to = "{FILE}"'})
    booted.machine.systemctl("start", FORWARDER)
    yield booted
    booted.machine.systemctl("stop", FORWARDER)
    booted.machine.run(["rm", "-rf", FOLDER])


def test_it_is_skipped_without_an_output(gateway: BootedGateway) -> None:
    """And is not a failed unit."""
    gateway.machine.systemctl("start", FORWARDER)
    assert gateway.machine.show(FORWARDER, "ActiveState") == "inactive"
    said = [line["MESSAGE"] for line in gateway.journal("-u", FORWARDER, "_PID=1")]
    assert any("exec-condition" in line for line in said), said


def test_it_writes_and_goes_on_after_rotation_and_kill(forwarding: BootedGateway) -> None:
    machine = forwarding.machine
    assert machine.show(FORWARDER, "StatusText") == "forwarding to file"
    expect_low_exposure(forwarding, FORWARDER)
    assert machine.show(FORWARDER, "User") == "ctaudit"
    assert machine.run(["stat", "-c", "%U %G %a", FOLDER, FILE]).stdout.split("\n")[:2] == [
        "ctaudit ctaudit 750", "ctaudit ctaudit 640",
    ]  # fmt: skip
    forwarding.traffic("udp-unanswered")
    forwarding.delete_connections()
    forwarding.wait_until(lambda: events_in(forwarding) == [1, 4])
    machine.run(["mv", FILE, f"{FILE}.1"])
    machine.systemctl("reload", FORWARDER)
    forwarding.wait_until(lambda: machine.run(["test", "-e", FILE], check=False).returncode == 0)
    machine.run(["systemctl", "kill", "--signal=KILL", FORWARDER])
    forwarding.traffic("udp-unanswered")
    forwarding.delete_connections()
    forwarding.wait_until(lambda: events_in(forwarding) == [1, 4])
    assert events_in(forwarding, f"{FILE}.1") == [1, 4]
    states = json.loads(forwarding.ctaudit("check", "--json").stdout)["findings"]
    found = {finding["name"]: finding["level"] for finding in states}
    assert (found["forwarder"], found["output file"]) == ("good", "good"), states
