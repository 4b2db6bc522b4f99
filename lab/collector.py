"""Debian's rsyslog as a collector: what comes to its TCP input goes into a file as it came."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.namespaces import LabError
from lab.processes import wait_or_kill
from lab.waiting import wait_until

DAEMON = Path("/usr/sbin/rsyslogd")


class Collector:
    """Listens on ``port`` of loopback; ``file``: the lines that it has written."""

    def __init__(self, directory: Path, port: int) -> None:
        if not DAEMON.exists():
            raise LabError(f"{DAEMON} is missing: apt-get install rsyslog")
        self.port = port
        self.file = directory / "collected"
        self._configuration = directory / "rsyslog.conf"
        self._pid_file = directory / "rsyslog.pid"
        self._log = directory / "rsyslog.out"
        self._configuration.write_text(
            f'global(workDirectory="{directory}" net.enableDNS="off")\n'
            'module(load="imtcp")\n'
            'template(name="raw" type="string" string="%rawmsg%\\n")\n'
            'ruleset(name="kept") {\n'
            f'  action(type="omfile" file="{self.file}" template="raw")\n'
            "}\n"
            f'input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="kept")\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("a") as output:
            self._process = subprocess.Popen(
                [DAEMON, "-n", "-f", self._configuration, "-i", self._pid_file],
                stdout=output, stderr=output,
            )  # fmt: skip
        wait_until(self._is_listening, 20, explain=self._log.read_text)

    def stop(self) -> None:
        """As a service manager stops it: what it has read it writes."""
        if self._process is not None:
            self._process.terminate()
            wait_or_kill(self._process, 20)
            self._process = None

    def _is_listening(self) -> bool:
        wanted = f"0100007F:{self.port:04X} 00000000:0000 0A"
        return wanted in Path("/proc/net/tcp").read_text()


@contextmanager
def collecting(directory: Path, port: int) -> Iterator[Collector]:
    collector = Collector(directory, port)
    try:
        collector.start()
        yield collector
    finally:
        with suppress(LabError):
            collector.stop()
