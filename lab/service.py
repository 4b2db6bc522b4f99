"""The daemons of a rig: started, killed and stopped as often as a test wants."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from lab.cluster import Cluster
from lab.namespaces import Lab
from lab.rig import COMMAND, Rig, environment, rigging
from lab.waiting import wait_until
from lab.witness import delete_all

Command = Literal["receive", "record", "forward"]
_READY = {"receive": "receiving", "record": "recording", "forward": "forwarding"}
_LONGEST_STOP = 20.0


class Service:
    """``ctaudit receive`` in the gateway's namespace, ``ctaudit record`` or ``ctaudit forward``.

    Its output is appended to ``log``. ``program``: the command line to run instead of ``ctaudit``.
    """

    def __init__(
        self, rig: Rig, command: Command, *more: str, program: Sequence[str] = COMMAND
    ) -> None:
        inside = ("ip", "netns", "exec", rig.lab.gateway) if command == "receive" else ()
        self.log = rig.log(command)
        self.log.touch()
        self._argv = [*inside, *program, command, "--config", str(rig.config), *more]
        self._ready = _READY[command]
        self._begins = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that was started last."""
        assert self._process is not None, "it has not been started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it and does not wait for it."""
        self._begins = self.log.stat().st_size
        with self.log.open("a") as output:
            self._process = subprocess.Popen(
                self._argv, env=_environment(), stdout=output, stderr=output, text=True
            )

    def wait_until_ready(self) -> None:
        """Waits until it receives, or records. Raises AssertionError if it ends instead."""
        wait_until(lambda: self._has_said_ready() or not self.is_running, explain=self.last_words)
        assert self._has_said_ready(), self.last_words()

    def kill(self) -> None:
        """Sends SIGKILL. Raises AssertionError if it had ended by itself."""
        assert self.is_running, self.last_words()
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Sends SIGTERM. Raises AssertionError if its exit status is not 0."""
        self.end()
        assert self.process.returncode == 0, self.last_words()

    def end(self) -> None:
        """Ends it if it runs: SIGTERM, and after 20 s SIGKILL."""
        if not self.is_running:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_LONGEST_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """SIGSTOP during the body: as on a gateway whose CPUs are all busy with packets."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """User and system time used so far. proc(5), /proc/pid/stat."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-2000:]

    def _has_said_ready(self) -> bool:
        with self.log.open() as said:
            said.seek(self._begins)
            return self._ready in said.read()


def _environment() -> dict[str, str]:
    """The rig's environment, and coverage.py's where CTAUDIT_COVERAGE names its configuration."""
    configuration = os.environ.get("CTAUDIT_COVERAGE")
    return environment() | ({"COVERAGE_PROCESS_START": configuration} if configuration else {})


@contextmanager
def started(
    rig: Rig, command: Command, *more: str, program: Sequence[str] = COMMAND
) -> Iterator[Service]:
    """Starts a service, waits until it is ready, and ends it after the body."""
    service = Service(rig, command, *more, program=program)
    try:
        service.start()
        service.wait_until_ready()
        yield service
    finally:
        service.end()


@contextmanager
def listening_rig(
    lab: Lab, cluster: Cluster, settings: Mapping[str, str] | None = None
) -> Iterator[Rig]:
    """A rig with both daemons at work, from an empty table on. ``settings``: as of rigging."""
    delete_all(lab)
    with (
        rigging(lab, cluster, settings=settings) as rig,
        started(rig, "record"),
        started(rig, "receive"),
    ):
        rig.wait_until_listening()
        yield rig


def kill_at_random(service: Service, times: int, longest: float) -> None:
    """Kills and starts it ``times`` times, within ``longest`` seconds of each start."""
    for _ in range(times):
        time.sleep(random.uniform(0.02, longest))
        service.kill()
        service.start()
