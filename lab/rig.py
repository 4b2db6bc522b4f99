"""ctaudit in the lab: a configuration, a spool and a database, and the commands on them.

Its two daemons are started with lab.service.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader

from lab.cluster import Cluster, ClusterError
from lab.namespaces import ROOT, Lab
from lab.waiting import wait_until

COMMAND = (sys.executable, "-m", "ctaudit")
RECORDER, AUDITOR = "lab_recorder", "lab_auditor"
TEMPLATE = "rig_template"
_ENDS = {
    b"infinity": datetime.max.replace(tzinfo=UTC),
    b"-infinity": datetime.min.replace(tzinfo=UTC),
}


class _AnyTime(TimestamptzLoader):
    """Infinite times as well, as the nearest that Python has."""

    def load(self, data: Buffer) -> datetime:
        return _ENDS.get(bytes(data)) or super().load(data)


@dataclass(frozen=True)
class Rig:
    """ctaudit of one gateway: its node name, its files, and the database that it records into."""

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

    def log(self, command: str) -> Path:
        """The output of ``ctaudit receive`` or ``ctaudit record``."""
        return self.directory / f"{command}.log"

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

    def who(self, public: Sequence[str], at: datetime, *arguments: str) -> Any:
        """The JSON of ``ctaudit who PUBLIC --at AT ARGUMENT...``; ``public``: its words."""
        done = self.ask("who", *public, "--at", at.isoformat(), *arguments, "--json")
        reply = json.loads(done.stdout)
        assert reply["exit_status"] == done.returncode, done.stderr
        return reply

    def replay(self, segment: Path) -> subprocess.CompletedProcess[str]:
        """``ctaudit record --replay``: a kept segment into this rig's database."""
        return self.run("record", "--replay", str(segment), "--config", str(self.config))

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows as the owner of everything sees them."""
        with psycopg.connect(self.owner_dsn, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def execute(self, statement: str) -> None:
        """Executes a statement as the owner of everything."""
        with psycopg.connect(self.owner_dsn) as connection:
            connection.execute(statement)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table of the store, column name to value."""
        with psycopg.connect(self.owner_dsn, row_factory=dict_row) as connection:
            connection.adapters.register_loader("timestamptz", _AnyTime)
            return connection.execute(f"SELECT * FROM ctaudit.{table}").fetchall()

    def rows_of(self, table: str, source_port: int) -> list[dict[str, Any]]:
        """The rows of the connections from that port, by their start."""
        found = [row for row in self.rows(table) if row["orig_sport"] == source_port]
        return sorted(found, key=lambda row: row["started_at"])

    def count(self, table: str) -> int:
        found: int = self.query(f"SELECT count(*) FROM ctaudit.{table}")[0][0]
        return found

    def wait_until(self, condition: Callable[[], bool], patience: float = 20) -> None:
        """Waits until it holds. Raises AssertionError with the end of the services' logs."""
        wait_until(condition, patience, explain=self._last_words)

    def wait_until_listening(self) -> None:
        """Waits until coverage has begun: the receiver listens and its first dump is over."""
        self.wait_until(lambda: self.count("coverage") > 0)

    def wait_until_recorded(self, moment: datetime | None = None, patience: float = 60) -> None:
        """Waits until the record covers all that the kernel sent before the moment, or now."""
        covered = "SELECT FROM ctaudit.coverage WHERE covered_until > greatest(covered_from, %s)"
        moment = moment or datetime.now(UTC)
        self.wait_until(lambda: bool(self.query(covered, moment)), patience)

    def wait_until_read(self) -> datetime:
        """Waits; gives a moment until which all that was sent has been read and committed."""
        time.sleep(0.3)  # until an event is read, its start has no bound
        moment = datetime.now(UTC)
        self.wait_until_recorded(moment + timedelta(seconds=1))
        return moment

    def twin(self, cluster: Cluster) -> Rig:
        """The rig's database once more, in another cluster, with nothing in it."""
        other = replace(self, cluster=cluster)
        other.create_database()
        return other

    def create_database(self) -> None:
        """Makes the database, from a template that is made once a cluster: schema and logins."""
        _install_template(self)
        self.cluster.create_database(self.database, TEMPLATE)
        self.let_record(self.node)

    def let_record(self, node: str) -> None:
        """The recorders of this rig may record as that node."""
        self.execute(f"SELECT ctaudit.add_login('{node}', '{RECORDER}')")

    def _last_words(self) -> str:
        said = (self.log(command) for command in ("receive", "record"))
        return "\n".join(log.read_text()[-2000:] for log in said if log.exists())


def environment() -> dict[str, str]:
    """The caller's environment with src of this checkout, or of CTAUDIT_SRC, on PYTHONPATH."""
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
        rig.create_database()
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
    template = replace(rig, database=TEMPLATE)
    try:
        rig.cluster.create_database(TEMPLATE, anew=False)
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
def replaying(original: Rig, cluster: Cluster, segments: Sequence[Path]) -> Iterator[Rig]:
    """Kept segments of a rig recorded into a database of their own."""
    with rigging(original.lab, cluster, node=original.node) as rig:
        for segment in segments:
            done = rig.replay(segment)
            assert done.returncode == 0, done.stderr
        yield rig
