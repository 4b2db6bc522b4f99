"""The two services as their units run them: ready, recording, and shut in."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ctaudit.host.log import MESSAGE_IDS
from lab import addresses
from lab.machines.gateway import RECEIVER, RECORDER, Gateway

_NET_ADMIN = 1 << 12  # linux/capability.h
# Tries one thing a line inside a unit's sandbox, and says "ok" or the error's name.
_PROBE = """
import errno, json, os, socket, sys
def conntrack():
    heard = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    heard.bind((0, 0))
    heard.setsockopt(270, 1, 1)
def attempt(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"
print(json.dumps({
    "conntrack": attempt(conntrack),
    "inet": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "inet6": attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM)),
    "packet": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "spool": attempt(lambda: os.close(os.open("/var/lib/ctaudit/spool", os.O_TMPFILE | os.O_RDWR))),
    "state": attempt(lambda: os.close(os.open("/var/lib/ctaudit/x", os.O_CREAT | os.O_RDWR))),
    "etc": attempt(lambda: os.close(os.open("/etc/x", os.O_CREAT | os.O_RDWR))),
}))
"""


@pytest.mark.parametrize(
    ("unit", "user", "capabilities"),
    [(RECEIVER, "ctaudit-receiver", _NET_ADMIN), (RECORDER, "ctaudit", 0)],
)
def test_service_is_ready_as_its_own_user(
    booted: Gateway, unit: str, user: str, capabilities: int
) -> None:
    machine = booted.machine
    assert machine.show(unit, "ActiveState") == "active"
    assert machine.show(unit, "StatusText").startswith("recei" if unit == RECEIVER else "recording")
    [process] = machine.processes(unit)
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    uid = machine.run(["id", "-u", user]).stdout.strip()
    assert status["Uid"] == [uid] * 4
    for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
        assert int(status[kind][0], 16) == capabilities, kind
    assert status["NoNewPrivs"] == ["1"]
    assert status["Seccomp"] == ["2"]


def test_socket_is_in_the_store(booted: Gateway) -> None:
    assert booted.machine.show(RECEIVER, "NFileDescriptorStore") == "1"


@pytest.mark.parametrize("unit", [RECEIVER, RECORDER])
def test_exposure_is_low(booted: Gateway, unit: str) -> None:
    said = booted.machine.run(["systemd-analyze", "security", "--no-pager", unit]).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert found is not None
    assert float(found[1]) <= 1.2, said


def test_receiver_hears_conntrack_and_no_internet(booted: Gateway) -> None:
    found = _probe(booted, RECEIVER)
    assert found["conntrack"] == found["unix"] == found["spool"] == "ok"
    for family in ("inet", "inet6", "packet"):
        assert found[family] == "EAFNOSUPPORT", family
    assert found["state"] == found["etc"] == "EROFS"


def test_recorder_reaches_the_database_and_no_conntrack(booted: Gateway) -> None:
    found = _probe(booted, RECORDER)
    assert found["unix"] == found["inet"] == found["inet6"] == found["spool"] == "ok"
    assert found["conntrack"] == found["packet"] == "EAFNOSUPPORT"
    assert found["state"] == found["etc"] == "EROFS"


def test_recorder_may_not_hear_conntrack_with_a_socket_given_to_it(booted: Gateway) -> None:
    """Without the family's bar it is the missing capability that refuses."""
    found = _probe(booted, RECORDER, "RestrictAddressFamilies=\nNetworkNamespacePath="
                   "/run/netns/ctaudit-gateway")  # fmt: skip
    assert found["conntrack"] == "EPERM"


def _probe(gateway: Gateway, unit: str, more: str = "") -> dict[str, str]:
    """What the probe says in a unit with the same lines but for what it runs."""
    machine = gateway.machine
    text = machine.path(f"/usr/lib/systemd/system/{unit}").read_text()
    drop_in = machine.path(f"/etc/systemd/system/{unit}.d/lab.conf")
    machine.write("/opt/ctaudit/probe.py", _PROBE)
    text = re.sub(r"(?m)^(Type|NotifyAccess|Restart|WatchdogSec|FileDescriptor\w+)=.*\n", "", text)
    text = re.sub(r"(?m)^ExecStart=.*", "ExecStart=/usr/bin/python3 /opt/ctaudit/probe.py", text)
    output = "StandardOutput=truncate:/run/probe.json"
    text = text.replace("[Service]\n", f"[Service]\nType=oneshot\n{output}\n{more}\n")
    if more:
        text = re.sub(r"(?m)^RestrictAddressFamilies=.+\n", "", text)
    if drop_in.exists():
        machine.write("/run/systemd/system/probe.service.d/lab.conf", drop_in.read_text())
    machine.write("/run/systemd/system/probe.service", text)
    machine.systemctl("daemon-reload")
    try:
        machine.systemctl("start", "probe.service")
        found: dict[str, str] = json.loads(machine.path("/run/probe.json").read_text())
    finally:
        machine.run(["rm", "-rf", "/run/systemd/system/probe.service",
                     "/run/systemd/system/probe.service.d"])  # fmt: skip
        machine.systemctl("daemon-reload")
    return found


def test_connection_is_found_with_who_and_in_the_journal(gateway: Gateway) -> None:
    time.sleep(1.1 - time.time() % 1)
    gateway.traffic("article")
    gateway.wait_for(lambda: bool(gateway.query("SELECT FROM ctaudit.opening")))
    started = gateway.query("SELECT started_at FROM ctaudit.opening")[0]["started_at"]
    second = datetime.fromisoformat(started).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    public = f"{addresses.GATEWAY}:{addresses.ARTICLE_NAT_SPORT}"
    time.sleep(2)  # until that second is over and covered
    answer = gateway.ctaudit("who", public, "--at", second, "--to", f"{addresses.SERVER}:443")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{addresses.CLIENT}:{addresses.ARTICLE_SPORT}" in answer.stdout

    [entry] = [
        line
        for line in gateway.journal("-u", RECORDER, f"MESSAGE_ID={MESSAGE_IDS['event']}")
        if line["CT_EVENT"] == "NEW"
    ]
    assert entry["CT_ORIG_SRC"] == addresses.CLIENT
    assert entry["CT_ORIG_SPORT"] == str(addresses.ARTICLE_SPORT)
    assert entry["CT_REPLY_DST"] == addresses.GATEWAY
    assert entry["CT_REPLY_DPORT"] == str(addresses.ARTICLE_NAT_SPORT)
    assert public in entry["MESSAGE"]
    assert entry["SYSLOG_IDENTIFIER"] == "ctaudit"
    assert entry["_SYSTEMD_UNIT"] == RECORDER
