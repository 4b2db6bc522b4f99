"""What the units of ctaudit let their services do, and what tests expect of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lab.machines.gateway import RECEIVER, RECORDER, BootedGateway

NET_ADMIN = 1 << 12  # linux/capability.h
# Each service: its unit, its user, its capabilities.
SERVICES = ((RECEIVER, "ctaudit-receiver", NET_ADMIN), (RECORDER, "ctaudit", 0))
_WORST_EXPOSURE = 1.2
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


def expect_own_user(gateway: BootedGateway, unit: str, user: str, capabilities: int) -> None:
    """The service is ready; its one process has that user, those capabilities and a filter."""
    machine = gateway.machine
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


def expect_low_exposure(gateway: BootedGateway, unit: str) -> None:
    """As systemd-analyze security counts it."""
    said = gateway.machine.run(["systemd-analyze", "security", "--no-pager", unit]).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert found is not None
    assert float(found[1]) <= _WORST_EXPOSURE, said


def expect_receiver_confined(gateway: BootedGateway) -> None:
    """It may listen to conntrack and write the spool; it has no internet socket."""
    found = _probe(gateway, RECEIVER)
    assert found["conntrack"] == found["unix"] == found["spool"] == "ok"
    for family in ("inet", "inet6", "packet"):
        assert found[family] == "EAFNOSUPPORT", family
    assert found["state"] == found["etc"] == "EROFS"


def expect_recorder_confined(gateway: BootedGateway) -> None:
    """It reaches a database; it has no conntrack socket and may not use one given to it."""
    found = _probe(gateway, RECORDER)
    assert found["unix"] == found["inet"] == found["inet6"] == found["spool"] == "ok"
    assert found["conntrack"] == found["packet"] == "EAFNOSUPPORT"
    assert found["state"] == found["etc"] == "EROFS"
    # Without the bar on the family it is the missing capability that refuses.
    lines = "RestrictAddressFamilies=\nNetworkNamespacePath=/run/netns/ctaudit-gateway"
    assert _probe(gateway, RECORDER, lines)["conntrack"] == "EPERM"


def _probe(gateway: BootedGateway, unit: str, more: str = "") -> dict[str, str]:
    """What the probe says in a unit with the same lines but for what it runs."""
    machine = gateway.machine
    text = machine.path(f"/usr/lib/systemd/system/{unit}").read_text()
    drop_in = machine.path(f"/etc/systemd/system/{unit}.d/lab.conf")
    machine.write("/opt/ctaudit/probe.py", _PROBE)
    # Whatever starts after it, ExecStopPost= too, would truncate the output.
    gone = r"(?m)^(Type|NotifyAccess|Restart|WatchdogSec|ExecStopPost|FileDescriptor\w+)=.*\n"
    text = re.sub(gone, "", text)
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
