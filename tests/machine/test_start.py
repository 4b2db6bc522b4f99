"""Services that cannot start: quiet, waiting, and with the stored socket still theirs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.machines.gateway import RECEIVER, RECORDER, BootedGateway
from lab.machines.kills import ROOMY, check_nothing_lost
from tests.markers import torture

_MOST_LINES = 20  # in the journal, of a service that cannot start, in its first ten seconds
_NO_LIBRARY = "InaccessiblePaths=/usr/lib/python3/dist-packages/{}"
_WRONG_CALL = "ExecStart=\nExecStart=/usr/bin/ctaudit {} --confg=/etc/ctaudit/ctaudit.toml"


@contextmanager
def _drop_in(gateway: BootedGateway, unit: str, lines: str) -> Iterator[None]:
    path = f"/run/systemd/system/{unit}.d/zz-test.conf"
    gateway.machine.write(path, f"[Service]\n{lines}\n")
    gateway.machine.systemctl("daemon-reload")
    try:
        yield
    finally:
        gateway.machine.path(path).unlink()
        gateway.machine.systemctl("daemon-reload")
        gateway.machine.systemctl("restart", unit)


def _count_lines(gateway: BootedGateway, unit: str, since: float) -> int:
    """Lines about the unit in the first ten seconds after ``since``, its own and systemd's."""
    time.sleep(max(0.0, since + 10 - time.time()))
    return len(gateway.journal("-u", unit, f"--since=@{since:.3f}", f"--until=@{since + 10:.3f}"))


def _says(gateway: BootedGateway, unit: str, words: str) -> bool:
    return words in gateway.machine.show(unit, "StatusText")


def test_a_receiver_with_a_wrong_configuration_keeps_its_socket(booted: BootedGateway) -> None:
    booted.begin_anew(ROOMY)
    first = booted.opened
    booted.configure({"": 'node = "gw1"\nmode = "liv"'})
    began = time.time()
    booted.machine.systemctl("restart", RECEIVER)
    with booted.load(2_000):
        booted.wait_until(lambda: _says(booted, RECEIVER, "not at work: /etc/ctaudit/ctaudit.toml"))
    assert _count_lines(booted, RECEIVER, began) <= _MOST_LINES
    assert booted.machine.show(RECEIVER, "NFileDescriptorStore") == "1"
    booted.configure(ROOMY)
    booted.wait_until(lambda: _says(booted, RECEIVER, "receiving"))
    assert booted.machine.show(RECEIVER, "NRestarts") == "0"
    booted.settle()
    check_nothing_lost(booted, first)


@pytest.mark.parametrize(
    ("unit", "lines", "said"),
    [
        (RECEIVER, "CapabilityBoundingSet=\nAmbientCapabilities=", "CAP_NET_ADMIN"),
        torture(
            RECEIVER, "RestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX", "AF_NETLINK"
        ),
        torture(RECEIVER, "ReadWritePaths=\nReadOnlyPaths=/var/lib/ctaudit/spool", "spool"),
        torture(RECEIVER, _WRONG_CALL.format("receive"), "wrong options"),
        torture(RECORDER, _WRONG_CALL.format("record"), "wrong options"),
        (RECORDER, _NO_LIBRARY.format("psycopg"), "install ctaudit and what it depends on"),
    ],
)
def test_a_service_that_cannot_start_is_quiet(
    gateway: BootedGateway, unit: str, lines: str, said: str
) -> None:
    with _drop_in(gateway, unit, lines):
        gateway.machine.systemctl("stop", unit)
        began = time.time()
        gateway.machine.systemctl("start", unit)
        gateway.wait_until(lambda: _says(gateway, unit, said))
        assert _count_lines(gateway, unit, began) <= _MOST_LINES
        assert gateway.machine.show(unit, "NRestarts") == "0"
        stopping = time.monotonic()
        gateway.machine.systemctl("stop", unit)
        assert time.monotonic() - stopping < 5  # it waits for up to 60 s, and is killed after 20


@pytest.mark.parametrize(
    ("lines", "status"),
    [("InaccessiblePaths=/nowhere", "226"), ("ExecStart=\nExecStart=/nowhere", "203")],
)
def test_what_systemd_cannot_start_is_quiet(booted: BootedGateway, lines: str, status: str) -> None:
    """A killed receiver that gets no process again for a while; its socket stays stored."""
    booted.begin_anew(ROOMY)
    first = booted.opened
    with _drop_in(booted, RECEIVER, lines):
        began = time.time()
        booted.kill(RECEIVER)
        with booted.load(2_000):
            booted.wait_until(lambda: booted.machine.show(RECEIVER, "ExecMainStatus") == status)
        assert 0 < _count_lines(booted, RECEIVER, began) <= _MOST_LINES
        booted.wait_until(lambda: int(booted.machine.show(RECEIVER, "NRestarts")) > 1)
        assert booted.machine.show(RECEIVER, "NFileDescriptorStore") == "1"
    booted.wait_until(lambda: _says(booted, RECEIVER, "receiving"))
    booted.settle()
    check_nothing_lost(booted, first)


def test_a_recorder_without_a_schema_waits_for_it(gateway: BootedGateway) -> None:
    gateway.machine.systemctl("stop", RECORDER)
    gateway.query_script("ALTER SCHEMA ctaudit RENAME TO elsewhere")
    try:
        began = time.time()
        gateway.machine.systemctl("start", RECORDER)
        gateway.wait_until(lambda: _says(gateway, RECORDER, "no ctaudit schema"))
        assert _count_lines(gateway, RECORDER, began) <= _MOST_LINES
    finally:
        gateway.query_script("ALTER SCHEMA elsewhere RENAME TO ctaudit")
    gateway.wait_until(lambda: _says(gateway, RECORDER, "recording"))


@pytest.mark.parametrize("times", [3])
def test_a_killed_receiver_reads_again_within_three_seconds(
    gateway: BootedGateway, times: int
) -> None:
    for _ in range(times):
        killed = gateway.machine.show(RECEIVER, "MainPID")
        gateway.kill(RECEIVER)
        gateway.wait_until(lambda old=killed: _is_reading(gateway, old), patience=3)  # type: ignore[misc]


def _is_reading(gateway: BootedGateway, other_than: str) -> bool:
    """Whether a receiver with another process is ready; its last words outlive a killed one."""
    return (
        gateway.machine.show(RECEIVER, "MainPID") not in (other_than, "0")
        and gateway.machine.show(RECEIVER, "ActiveState") == "active"
        and _says(gateway, RECEIVER, "receiving")
    )
