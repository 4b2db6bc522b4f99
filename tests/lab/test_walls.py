"""Nothing leaves the lab, nothing is left of it, and nobody else's things are touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.namespaces import ROOT, Lab, LabError, popen_in, run_in
from lab.network import build_lab, lab_of, remove_lab
from lab.processes import NAMED_NAMESPACES, namespace_identity, processes_in
from lab.serve import serving
from lab.traffic import make_traffic

NAME = f"ctlab-{os.getpid()}"


def traffic_here(*prefix: str) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-m", "lab.traffic", "udp-unanswered"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


def assert_refused(done: subprocess.CompletedProcess[str], why: str) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("the traffic maker sends nothing here: ")
    assert why in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.usefixtures("lab")
def test_traffic_is_refused_on_the_host() -> None:
    assert_refused(traffic_here(), "namespace")


def test_traffic_is_refused_in_the_first_process_s_network(lab: Lab) -> None:
    first = ("unshare", "--pid", "--fork", "--mount-proc")
    done = traffic_here("ip", "netns", "exec", lab.client, *first)
    assert_refused(done, "the host's own network")


def test_refused_traffic_opens_no_internet_socket(lab: Lab) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('a socket was opened')\n"
        "socket.socket = refuse\n"
        "from lab.traffic.__main__ import main\n"
        "sys.exit(main(['udp-unanswered']))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert_refused(done, "namespace")
    inside = run_in(lab.client, command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert inside.returncode == 1 and "a socket was opened" in inside.stderr


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)


@pytest.fixture
def foreign() -> Iterator[str]:
    name = f"{NAME}-foreign"
    ip("netns", "add", name)
    try:
        yield name
    finally:
        ip("netns", "delete", name)


def test_traffic_is_refused_in_a_foreign_namespace_with_a_way_out(foreign: str) -> None:
    here = str(os.getpid())
    ip("-n", foreign, "link", "add", "out", "type", "veth", "peer", "ctlabhost", "netns", here)
    assert_refused(traffic_here("ip", "netns", "exec", foreign), "not one of a lab's")


@pytest.mark.parametrize("role", ["client", "gateway", "server"])
def test_traffic_is_refused_when_the_lab_has_a_way_out(lab: Lab, foreign: str, role: str) -> None:
    namespace = getattr(lab, role)
    ip("-n", namespace, "link", "add", "out", "type", "veth", "peer", "lab", "netns", foreign)
    try:
        done = traffic_here("ip", "netns", "exec", lab.client)
    finally:
        ip("-n", namespace, "link", "delete", "out")
    assert_refused(done, f"link out of namespace {namespace} may lead out")


def test_traffic_is_refused_when_a_namespace_was_swapped() -> None:
    with build_lab(f"{NAME}-swap") as swapped:
        ip("netns", "delete", swapped.server)
        ip("netns", "add", swapped.server)
        done = traffic_here("ip", "netns", "exec", swapped.client)
    assert_refused(done, f"namespace {swapped.server} of the lab")


def test_there_is_no_route_out(lab: Lab) -> None:
    for namespace in lab.namespaces:
        shown = run_in(namespace, ["ip", "-o", "link"], capture_output=True, text=True).stdout
        assert shown.count("\n") == (3 if namespace == lab.gateway else 2)
    done = run_in(lab.gateway, ["ip", "route", "get", "9.9.9.9"], capture_output=True)
    assert done.returncode == 2


CRASH = """
import os, sys, time
from lab.network import build_lab
from lab.serve import serving
with build_lab(sys.argv[1]) as lab, serving(lab):
    print("standing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_owner() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    name = f"{NAME}-other"
    process = subprocess.Popen(
        [sys.executable, "-c", CRASH, name], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "standing\n"
    try:
        yield name, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        remove_lab(name)


def test_abandoned_lab_goes_when_another_is_made(
    other_owner: tuple[str, subprocess.Popen[str]],
) -> None:
    name, process = other_owner
    with build_lab(f"{NAME}-more"):
        assert (NAMED_NAMESPACES / f"{name}-client").exists()
    process.kill()
    process.wait()
    with build_lab(f"{NAME}-more"):
        assert not (NAMED_NAMESPACES / f"{name}-client").exists()


def test_lab_in_use_is_refused(other_owner: tuple[str, subprocess.Popen[str]]) -> None:
    name, process = other_owner
    with pytest.raises(LabError, match=f"in use by process {process.pid}"), build_lab(name):
        pass
    with pytest.raises(LabError, match="in use"):
        remove_lab(name)
    assert process.poll() is None and (NAMED_NAMESPACES / f"{name}-client").exists()


def test_leftover_of_a_crash_is_removed(other_owner: tuple[str, subprocess.Popen[str]]) -> None:
    name, process = other_owner
    old = namespace_identity(NAMED_NAMESPACES / f"{name}-gateway")
    assert old is not None
    sleeper = popen_in(f"{name}-gateway", ["sleep", "60"])
    try:
        while sleeper.pid not in processes_in({old}):
            assert sleeper.poll() is None, "ended before it was in the namespace"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with build_lab(name) as lab:
            assert namespace_identity(NAMED_NAMESPACES / lab.gateway) != old
            assert not processes_in({old})
            assert sleeper.wait(5) == -signal.SIGTERM
        assert not (NAMED_NAMESPACES / f"{name}-gateway").exists()
    finally:
        sleeper.kill()
        sleeper.wait()


def test_kept_lab_stands_until_removed() -> None:
    name = f"{NAME}-kept"
    with build_lab(name, keep=True) as kept:
        pass
    try:
        assert lab_of(name) == kept
        make_traffic(kept, "udp-unanswered")
    finally:
        assert remove_lab(name)
    assert not remove_lab(name)
    with pytest.raises(LabError, match="there is no lab"):
        lab_of(name)


def test_foreign_namespace_of_the_same_name_is_left_alone() -> None:
    name = f"{NAME}-taken"
    ip("netns", "add", f"{name}-server")
    try:
        with pytest.raises(LabError, match="not from the lab"), build_lab(name):
            pass
        assert (NAMED_NAMESPACES / f"{name}-server").exists()
    finally:
        ip("netns", "delete", f"{name}-server")


def test_nothing_is_left() -> None:
    name = f"{NAME}-tidy"
    with build_lab(name) as tidy, serving(tidy):
        identities = {namespace_identity(NAMED_NAMESPACES / n) for n in tidy.namespaces}
    assert not any((NAMED_NAMESPACES / n).exists() for n in tidy.namespaces)
    assert not processes_in({i for i in identities if i is not None})
