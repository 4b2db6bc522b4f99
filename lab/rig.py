"""ctaudit itself in the lab: its configuration, its database, its two processes, its commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from lab.cluster import Cluster, ClusterError
from lab.namespaces import Lab

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "ctaudit")
RECORDER, AUDITOR = "lab_recorder", "lab_auditor"
TEMPLATE = "rig_template"


@dataclass(frozen=True)
class Rig:
    """One gateway's ctaudit: node, files, and the database that it records into."""

    lab: Lab
    cluster: Cluster
    directory: Path
    database: str
    node: str

    @property
    def config(self) -> Path:
        return self.directory / "ctaudit.toml"

    @property
    def spool(self) -> Path:
        return self.directory / "spool"

    @property
    def owner_dsn(self) -> str:
        return self.cluster.dsn(self.database)

    @property
    def auditor_dsn(self) -> str:
        return self.cluster.dsn(self.database, AUDITOR)

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """``ctaudit ARGUMENT...``, from outside the lab."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env=environment(),
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """An auditor's question: ``ctaudit ARGUMENT... --dsn ...``."""
        return self.run(*arguments, "--dsn", self.auditor_dsn)

    def replay(self, segment: Path) -> subprocess.CompletedProcess[str]:
        """``ctaudit record --replay``: a kept segment into this rig's database."""
        return self.run("record", "--replay", str(segment), "--config", str(self.config))

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows as the owner of everything sees them."""
        with psycopg.connect(self.owner_dsn, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def execute(self, statement: str) -> None:
        """Changes something as the owner of everything."""
        with psycopg.connect(self.owner_dsn) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table of the store, column name to value."""
        with psycopg.connect(self.owner_dsn, row_factory=dict_row) as connection:
            return connection.execute(f"SELECT * FROM ctaudit.{table}").fetchall()  # type: ignore[arg-type]

    def count(self, table: str) -> int:
        found: int = self.query(f"SELECT count(*) FROM ctaudit.{table}")[0][0]
        return found


def environment() -> dict[str, str]:
    """The caller's, with this checkout's package first, or the one that CTAUDIT_SRC names."""
    source = os.environ.get("CTAUDIT_SRC", str(ROOT / "src"))
    return {**os.environ, "PYTHONPATH": source, "PYTHONUNBUFFERED": "1"}


@contextmanager
def rigging(
    lab: Lab, cluster: Cluster, *, node: str = "gw1", settings: Mapping[str, str] | None = None
) -> Iterator[Rig]:
    """A configuration, a spool and a database with the schema installed.

    settings: lines of TOML by section name, "" for the top.
    """
    with tempfile.TemporaryDirectory(prefix="ctaudit-rig-") as place:
        database = f"rig_{Path(place).name.replace('-', '_').lower()}"
        rig = Rig(lab, cluster, Path(place), database, node)
        rig.config.write_text(_write_config(rig, settings or {}))
        _install_template(rig)
        cluster.create_database(database, TEMPLATE)
        yield rig


def _write_config(rig: Rig, settings: Mapping[str, str]) -> str:
    sections = {
        "": f'node = "{rig.node}"',
        "database": f'dsn = "{rig.cluster.dsn(rig.database, RECORDER)}"',
        "spool": f'directory = "{rig.spool}"',
    }
    for name, lines in settings.items():
        sections[name] = f"{sections.get(name, '')}\n{lines}"
    return "\n".join(f"[{name}]\n{text}" if name else text for name, text in sections.items())


def _install_template(rig: Rig) -> None:
    """The schema and the logins, once a cluster: a rig's database is a copy of it."""
    template = replace(rig, database=TEMPLATE)
    try:
        rig.cluster.create_database(TEMPLATE)
    except ClusterError as error:
        if "already exists" in str(error):
            return
        raise
    installed = template.run("schema", "install", "--dsn", template.owner_dsn)
    if installed.returncode:
        raise RuntimeError(installed.stderr)
    for login, group in ((RECORDER, "ctaudit_recorder"), (AUDITOR, "ctaudit_auditor")):
        template.execute(f"CREATE ROLE {login} LOGIN IN ROLE {group}")


@contextmanager
def receiving(rig: Rig) -> Iterator[subprocess.Popen[str]]:
    """``ctaudit receive`` in the gateway's namespace, listening when the body begins."""
    argv = [
        "ip",
        "netns",
        "exec",
        rig.lab.gateway,
        *COMMAND,
        "receive",
        "--config",
        str(rig.config),
    ]
    log = rig.directory / "receiver.log"
    with _running(argv, log) as process:
        wait_until(lambda: "receiving" in log.read_text(), process, log)
        yield process


@contextmanager
def recording(rig: Rig) -> Iterator[subprocess.Popen[str]]:
    """``ctaudit record``; its live lines go to recorder.log in the rig's directory."""
    argv = [*COMMAND, "record", "--config", str(rig.config)]
    log = rig.directory / "recorder.log"
    with _running(argv, log) as process:
        wait_until(lambda: "recording" in log.read_text(), process, log)
        yield process


@contextmanager
def _running(argv: list[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    with (
        log.open("w") as output,
        subprocess.Popen(
            argv, env=environment(), stdout=output, stderr=output, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            stop(process)


@contextmanager
def replaying(original: Rig, cluster: Cluster, segments: Sequence[Path]) -> Iterator[Rig]:
    """Kept segments of a rig recorded into a database of their own."""
    with rigging(original.lab, cluster, node=original.node) as rig:
        for segment in segments:
            done = rig.replay(segment)
            assert done.returncode == 0, done.stderr
        yield rig


def stop(process: subprocess.Popen[str], patience: float = 20) -> int:
    """SIGTERM, and SIGKILL for one that does not go; its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def wait_until(
    reached: Callable[[], bool],
    process: subprocess.Popen[str] | None = None,
    log: Path | None = None,
    patience: float = 20,
) -> None:
    """Waits for something to become true; AssertionError with the log's end when it does not."""
    deadline = time.monotonic() + patience
    while not reached():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            said = log.read_text()[-2000:] if log else ""
            raise AssertionError(f"{'it ended' if ended else 'not in time'}: {said}")
        time.sleep(0.02)
