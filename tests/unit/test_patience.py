"""Services whose start fails: when they try again, what they say, and what goes on meanwhile."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Sequence
from itertools import pairwise

import pytest

from ctaudit.commands import patience
from ctaudit.commands.patience import (
    describe_failure,
    is_worth_waiting,
    next_delay,
    run_service,
    wait_before_restart,
    wait_for_nothing,
)
from ctaudit.errors import PrivilegeError, UsageError
from ctaudit.host import systemd
from ctaudit.host.systemd import SocketStore

Stop = Sequence[int]


_NOT_LOADED = (
    "a part of the program cannot be loaded (ModuleNotFoundError: No module named 'psycopg'): "
    "install ctaudit and what it depends on again"
)


class FakeManager:
    """systemd, to a service: what it was told, and the sockets that it hands over once."""

    def __init__(self, *sockets: tuple[str, socket.socket]) -> None:
        self.told: list[str] = []
        self._sockets = {kept.detach(): name for name, kept in sockets}

    def notify(self, state: str, fds: Sequence[int] = ()) -> bool:
        self.told.append(state if not fds else f"{state}, {len(fds)} descriptor")
        return True

    def listen_fds_with_names(self) -> dict[int, str]:
        given, self._sockets = self._sockets, {}
        return given


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> FakeManager:
    fake = FakeManager()
    monkeypatch.setattr(systemd, "_daemon", fake)
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    return fake


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(patience, "_wait", lambda delay, _: seconds.append(delay))
    return seconds


def test_delays_double_up_to_a_minute() -> None:
    delays = [0.0]
    while len(delays) < 10:
        delays.append(next_delay(delays[-1], lasted=0.1))
    assert delays[1] == 1
    assert all(later == min(2 * earlier, 60) for earlier, later in pairwise(delays[1:]))
    assert delays[-1] == 60


def test_a_service_that_had_worked_begins_with_a_second_again() -> None:
    assert next_delay(60.0, lasted=3600) == 1


def test_an_unforeseen_error_after_long_work_needs_a_new_process() -> None:
    assert is_worth_waiting(PrivilegeError("x"), lasted=3600)
    assert is_worth_waiting(TypeError("x"), lasted=1)
    assert not is_worth_waiting(TypeError("x"), lasted=3600)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UsageError("key x: unknown"), "key x: unknown"),
        (ModuleNotFoundError("No module named 'psycopg'"), _NOT_LOADED),
        (
            TypeError("two\nlines"),
            "an error that was not foreseen (TypeError: two lines); please report it",
        ),
    ],
)
def test_a_failure_is_one_line(error: Exception, said: str) -> None:
    assert describe_failure(error) == said


def test_by_hand_the_first_error_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    def fail(_: Stop) -> int:
        raise PrivilegeError("no capability")

    with pytest.raises(PrivilegeError):
        run_service(fail)


def test_systemd_is_told_that_it_waits(
    manager: FakeManager, waited: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """READY comes with the first failure: no boot waits for a start that does not succeed."""
    errors: list[Exception] = [UsageError("a"), TypeError("b"), TypeError("b")]

    def work(_: Stop) -> int:
        if errors:
            raise errors.pop(0)
        return 0

    with caplog.at_level(logging.ERROR, "ctaudit"):
        assert run_service(work) == 0
    assert waited == [1, 2, 4]
    assert manager.told[0] == "READY=1\nSTATUS=not at work: a; trying again in 1 s"
    # A traceback once, for what was not foreseen.
    assert [bool(record.exc_info) for record in caplog.records] == [False, True, False]


def test_a_signal_ends_the_wait(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def work(_: Stop) -> int:
        tries.append(1)
        raise UsageError("a")

    def sleep(_: float) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("time.sleep", sleep)
    assert run_service(work) == 0
    assert len(tries) == 1
    assert manager.told


def test_the_watchdog_is_fed_meanwhile(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setattr("time.sleep", lambda _: signal.raise_signal(signal.SIGTERM))
    wait_before_restart()
    assert "WATCHDOG=1" in manager.told


def test_a_service_with_nothing_to_do_says_so_and_stays(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a signal; an end would be a restart."""
    stop: list[int] = []
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setattr("time.sleep", lambda _: stop.append(signal.SIGTERM))
    assert wait_for_nothing("no database", stop) == 0
    assert stop == [signal.SIGTERM]
    assert manager.told == ["READY=1\nSTATUS=no database", "WATCHDOG=1"]


def test_a_stored_socket_outlives_a_failed_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor is handed over once; the next try in the process has it all the same."""
    kept, other = socket.socketpair()
    with other:
        manager = FakeManager(("conntrack-a", kept), ("conntrack-b", socket.socket()))
        monkeypatch.setattr(systemd, "_daemon", manager)
        store = SocketStore()
        first = store.take("conntrack-a")
        assert first is not None
        assert store.holds(first)
        assert store.take("conntrack-a") is first
        assert manager.told == ["FDSTOREREMOVE=1\nFDNAME=conntrack-b"]
        other.send(b"x")
        assert first.recv(1) == b"x"
        assert store.take("conntrack-c") is None
        assert first.fileno() == -1


def test_a_socket_that_was_stored_is_taken_by_the_next_try(manager: FakeManager) -> None:
    store = SocketStore()
    assert store.take("a") is None
    with socket.socket() as made:
        assert not store.holds(made)
        assert store.keep(made, "a")
        assert store.take("a") is made
    assert manager.told == ["FDSTORE=1\nFDNAME=a\nFDPOLL=0, 1 descriptor"]
