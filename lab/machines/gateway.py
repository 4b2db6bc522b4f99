"""ctaudit in a booted machine, as its units run it: the lab's gateway, PostgreSQL, the services."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.machines.booting import booted_machine
from lab.machines.machine import Machine
from lab.namespaces import ROOT
from lab.traffic.burst import Tuple, burst_tuple
from lab.waiting import wait_until

RECEIVER, RECORDER = "ctaudit-receiver.service", "ctaudit.service"
FORWARDER = "ctaudit-forward.service"
INSTANCE_UNITS = ("ctaudit-receiver@.service", "ctaudit@.service", "ctaudit-scope@.service",
                  "ctaudit-scope@.timer")  # fmt: skip
CHECKOUT = "/opt/ctaudit"
SPOOL = "/var/lib/ctaudit/spool"
_PACKAGING = ROOT / "packaging/debian"
LAB_DROP_IN = f"/etc/systemd/system/{RECEIVER}.d/lab.conf"
_NETNS = "NetworkNamespacePath=/run/netns/ctaudit-{}"
_COMMAND = f"""#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "{CHECKOUT}/src")
from ctaudit.__main__ import main

raise SystemExit(main())
"""
Row = dict[str, Any]


class BootedGateway:
    """The machine as a gateway, and the questions that tests ask of it.

    ``store``: the machine that its database is on, if that is another one.
    """

    def __init__(self, machine: Machine, store: Machine | None = None) -> None:
        self.machine = machine
        self.store = store or machine
        self._next = 0

    def query(self, statement: str) -> list[Row]:
        """Rows of the store as a superuser sees them; times are text."""
        wrapped = f"SELECT coalesce(json_agg(t), '[]') FROM ({statement}) AS t"
        words = ["psql", "-XAtq", "-d", "ctaudit", "-c", wrapped]
        rows: list[Row] = json.loads(self.store.run(words, user="postgres").stdout)
        return rows

    def gaps(self) -> list[Row]:
        return self.query("SELECT * FROM ctaudit.gap ORDER BY gap_id")

    def ctaudit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``ctaudit ARGUMENT...`` as root, who is an auditor here."""
        words = ["ctaudit", *arguments, "--dsn", "dbname=ctaudit"]
        return self.machine.run(words, check=False)

    def configure(self, settings: Mapping[str, str] | None = None) -> None:
        """Writes ctaudit.toml; ``settings``: lines of TOML by section."""
        sections = {"": 'node = "gw1"', "database": 'dsn = "dbname=ctaudit"', **(settings or {})}
        heads = {name: f"[{name}]\n" if name else "" for name in sections}
        text = "".join(f"{heads[name]}{lines}\n" for name, lines in sections.items())
        self.machine.write("/etc/ctaudit/ctaudit.toml", text)

    @property
    def postgresql(self) -> str:
        """The unit of the distribution's cluster."""
        version, name, *_ = self.machine.run(["pg_lsclusters", "-h"]).stdout.split()
        return f"postgresql@{version}-{name}.service"

    def start_postgresql(self) -> None:
        """Tries again: right after a kill, processes that are ending may still hold its memory."""
        start = ["systemctl", "start", self.postgresql]
        self.wait_until(lambda: self.machine.run(start, check=False).returncode == 0, pause=0.5)

    def wait_until_reconciled(self) -> None:
        """Waits until the past is recorded, the newest dump is reconciled, and no gap is open.

        An earlier dump may never be: an overrun ends it.
        """
        self.wait_until_recorded()
        statement = (
            "SELECT FROM ctaudit.dump WHERE dump_id = (SELECT max(dump_id) FROM ctaudit.dump)"
            " AND reconciled_at IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM ctaudit.gap WHERE gap_until IS NULL)"
        )
        self.wait_until(lambda: bool(self.query(statement)))

    def count_drops(self) -> int:
        """Events that the kernel has dropped for the receiver's socket, whoever holds it."""
        lines = self.in_gateway("cat /proc/net/netlink").stdout.splitlines()[1:]
        return sum(int(line.split()[8]) for line in lines)

    def begin_anew(self, settings: Mapping[str, str] | None = None) -> None:
        """Both services with an empty store, an empty table and a stream that has begun."""
        self.machine.systemctl("stop", RECORDER, RECEIVER)
        self.delete_connections()
        self.configure(settings)
        shell = f"rm -f {SPOOL}/* && journalctl --rotate -q && journalctl --vacuum-time=1s -q"
        self.machine.run(["sh", "-c", shell])
        self.query_script(
            "TRUNCATE ctaudit.node, ctaudit.stream, ctaudit.coverage, ctaudit.gap, ctaudit.dump,"
            " ctaudit.note, ctaudit.undecodable, ctaudit.clock, ctaudit.opening_row,"
            " ctaudit.flow_row, ctaudit.dump_entry_row CASCADE"
        )
        self.machine.systemctl("start", RECEIVER, RECORDER)
        self.wait_until_reconciled()

    def query_script(self, script: str) -> None:
        words = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "ctaudit", "-c", script]
        self.machine.run(words, user="postgres")

    def traffic(self, kind: str, **options: Any) -> Row:
        """One kind of the lab's traffic, and what was sent."""
        sent: Row = json.loads(self.machine.run(_traffic(kind, options)).stdout)
        return sent

    @contextmanager
    def load(self, count: int, rate: float | None = None) -> Iterator[None]:
        """Opens that many connections, one UDP packet each, during the body and until its end."""
        options = {"count": count, "rate": rate, "first": self._next}
        self._next += count
        with self.machine.start(_traffic("burst", options)) as sender:
            yield
            said, _ = sender.communicate(timeout=600)
        assert sender.returncode == 0, said

    @contextmanager
    def loading(self, rate: float) -> Iterator[float]:
        """Opens connections, so many a second, as long as the body lasts; gives when it began."""
        ended = threading.Event()

        def send() -> None:
            while not ended.is_set():
                with self.load(2 * int(rate), rate):
                    pass

        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send)
            try:
                yield time.monotonic()
            finally:
                ended.set()
            sending.result()

    def tuples(self, since: int) -> set[Tuple]:
        """What the loads from number ``since`` on have opened: source, its port, and the other."""
        return {burst_tuple(index) for index in range(since, self._next)}

    @property
    def opened(self) -> int:
        """The number of connections that loads have opened so far."""
        return self._next

    def end_connections(self) -> None:
        """Ends what is open, no faster than it is received."""

        def end_some() -> bool:
            left = self.count_connections()
            if left:
                self.delete_connections()
            return not left

        wait_until(end_some, patience=60, pause=0)

    def delete_connections(self) -> None:
        # Status 1: there was none.
        self.in_gateway("conntrack -D", check=False)

    def count_connections(self) -> int:
        return int(self.in_gateway("conntrack -C").stdout)

    def in_gateway(self, line: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        words = ["ip", "netns", "exec", "ctaudit-gateway", *shlex.split(line)]
        return self.machine.run(words, check=check)

    def kill(self, unit: str) -> int:
        """SIGKILL to all processes of a unit at this moment; how many there were."""
        return self.signal(unit, signal.SIGKILL)

    def signal(self, unit: str, number: int) -> int:
        processes = self.machine.processes(unit)
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)
        return len(processes)

    def journal(self, *arguments: str) -> list[Row]:
        """Entries of the machine's journal, oldest first."""
        words = ["journalctl", "-o", "json", "--no-pager", *arguments]
        lines = self.machine.run(words).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def wait_until(
        self, condition: Callable[[], bool], patience: float = 30, pause: float = 0.05
    ) -> None:
        """Waits until it holds. Raises AssertionError with the units' state and their journal."""
        wait_until(condition, patience, pause, self._last_words)

    def _last_words(self) -> str:
        shell = "systemctl --no-pager status 'ctaudit*'; journalctl -p 5 -n 30 --no-pager"
        return self.machine.run(["sh", "-c", shell], check=False).stdout

    def settle(self, patience: float = 300) -> None:
        """Ends all connections, and waits until all that was sent about them is committed."""
        self.end_connections()
        self.wait_until_recorded(patience)

    def wait_until_recorded(self, patience: float = 60) -> None:
        """Waits until the database has all that the kernel has sent so far."""
        now = time.time()
        statement = (
            "SELECT FROM ctaudit.stream WHERE stopped_at IS NULL"
            f" AND covered_until > to_timestamp({now})"
        )
        self.wait_until(lambda: bool(self.query(statement)), patience, pause=0.2)

    def recorded(self, table: str) -> list[tuple[Tuple, str]]:
        """(source, its port, the other port) and provenance of each UDP row, from loads."""
        copy = (
            "COPY (SELECT host(orig_src), orig_sport, orig_dport, provenance"
            f" FROM ctaudit.{table} WHERE proto = 17) TO STDOUT"
        )
        words = ["psql", "-XAtq", "-d", "ctaudit", "-c", copy]
        lines = self.store.run(words, user="postgres", timeout=300).stdout.splitlines()
        rows = (line.split("\t") for line in lines)
        return [((source, int(port), int(other)), how) for source, port, other, how in rows]


def _traffic(kind: str, options: Mapping[str, Any]) -> list[str]:
    words = ["ip", "netns", "exec", "ctaudit-client", "env", "-C", CHECKOUT, "python3", "-m"]
    words += ["lab.traffic", kind]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


@contextmanager
def running_gateway(name: str, release: str = "bookworm") -> Iterator[BootedGateway]:
    """A booted machine with the lab, PostgreSQL and both services, which are ready."""
    with booted_machine(name, release) as machine:
        _install(machine)
        make_lab(machine)
        _make_database(machine)
        gateway = BootedGateway(machine)
        gateway.configure()
        machine.systemctl("start", RECEIVER, RECORDER)
        yield gateway


def _install(machine: Machine) -> None:
    """Installs as the package does, from this checkout or the sources that CTAUDIT_SRC names."""
    machine.put(Path(os.environ.get("CTAUDIT_SRC", ROOT / "src")), f"{CHECKOUT}/src")
    for part in ("sql", "lab"):
        machine.put(ROOT / part, f"{CHECKOUT}/{part}")
    machine.run(["python3", "-m", "compileall", "-q", f"{CHECKOUT}/src", f"{CHECKOUT}/lab"])
    machine.write("/usr/bin/ctaudit", _COMMAND, 0o755)
    for unit in (RECEIVER, RECORDER, FORWARDER, *INSTANCE_UNITS):
        machine.put(_PACKAGING / unit, f"/usr/lib/systemd/system/{unit}")
    machine.put(_PACKAGING / "ctaudit.sysusers", "/usr/lib/sysusers.d/ctaudit.conf")
    machine.put(_PACKAGING / "ctaudit.tmpfiles", "/usr/lib/tmpfiles.d/ctaudit.conf")
    machine.run(["systemd-sysusers", "ctaudit.conf"])
    machine.run(["systemd-tmpfiles", "--create", "ctaudit.conf"])
    listen_in_lab(machine)
    machine.systemctl("daemon-reload")


def listen_in_lab(machine: Machine) -> None:
    """Has the receiver run in the gateway's namespace, once systemd has read it."""
    machine.write(LAB_DROP_IN, f"[Service]\n{_NETNS.format('gateway')}\n")


def make_lab(machine: Machine) -> None:
    """The lab's namespaces in the machine, with its servers, from the checkout that is there."""
    machine.run(["env", "-C", CHECKOUT, "python3", "-m", "lab.network", "up"])
    for role in ("server", "client"):
        machine.run(
            ["systemd-run", "--quiet", f"--unit=lab-{role}", "-p", _NETNS.format(role),
             f"--working-directory={CHECKOUT}",
             "python3", "-m", "lab.serve", role, "--stay"],
        )  # fmt: skip


def _make_database(machine: Machine) -> None:
    """Roles by peer authentication: ctaudit records, root asks."""
    roles = "CREATE ROLE ctaudit LOGIN IN ROLE ctaudit_recorder;"
    roles += "CREATE ROLE root LOGIN IN ROLE ctaudit_auditor"
    for words in (
        ["createdb", "ctaudit"],
        ["ctaudit", "schema", "install", "--dsn", "dbname=ctaudit"],
        ["psql", "-XAtq", "-d", "ctaudit", "-c", roles],
        ["ctaudit", "node", "login", "gw1", "ctaudit", "--dsn", "dbname=ctaudit"],
    ):
        machine.run(words, user="postgres")
