"""What all candidates share: the lab, the database server, the traffic, and how a run is timed.

Every candidate drains a backlog: it is stopped (SIGSTOP) while the generator runs, the kernel
queues the events in its socket's buffer, and the time begins when it is let go. So the
generator's work on the same two cores is in nobody's figures.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.flood import flood
from bench.processes import children_of, event_socket
from lab.cluster import Cluster, private_cluster
from lab.namespaces import Lab, run_in
from lab.network import build_lab
from lab.witness import delete_all

BUFFER = 512 << 20  # bytes of every candidate's socket buffer, as the kernel counts them
_EVENT_MEMORY = 1280
# Longer than a run: no connection may end by itself between the flood and its end.
TIMEOUTS = {"udp_timeout": 600}

SERVER_SETTINGS: dict[str, str | int] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "track_commit_timestamp": "on",
}


class BenchError(Exception):
    """A run that gives no figure; the text is one sentence for a person."""


@dataclass(frozen=True)
class Stage:
    """What stands during all runs."""

    lab: Lab
    cluster: Cluster
    directory: Path


@contextmanager
def standing_stage() -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="ctaudit-bench-") as place,
        private_cluster(settings=SERVER_SETTINGS) as cluster,
        build_lab(f"ctbench-{os.getpid()}", timeouts=TIMEOUTS) as lab,
    ):
        yield Stage(lab, cluster, Path(place))


def asking(dsn: str) -> psycopg.Connection[Any]:
    """The harness's own connection, each statement by itself."""
    return psycopg.connect(dsn, autocommit=True)


def drop_database(cluster: Cluster, name: str) -> None:
    """Takes a run's database away, and writes out what it left in memory."""
    with asking(cluster.dsn("postgres")) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def settle_server(cluster: Cluster) -> None:
    """A checkpoint, so that no run pays for the one before."""
    with asking(cluster.dsn("postgres")) as connection:
        connection.execute("CHECKPOINT")


def open_and_end(lab: Lab, count: int, *, opened: bool, ended: bool, process: int) -> None:
    """Opens and ends connections; ``process`` is stopped while what it hears of is made.

    opened, ended: whether it is to find the openings, the ends, or both in its socket.
    """
    waiting = count * (opened + ended) * _EVENT_MEMORY
    if waiting > BUFFER:
        raise BenchError(f"the events of {count} connections need a buffer of {waiting} bytes")
    if opened:
        os.kill(process, signal.SIGSTOP)
    flood(lab, count)
    if (there := count_entries(lab)) < count:
        raise BenchError(
            f"{there} of {count} connections stand in the table: "
            "raise net.netfilter.nf_conntrack_max, or take fewer"
        )
    if not opened:
        os.kill(process, signal.SIGSTOP)
    if ended:
        delete_all(lab)
        if left := count_entries(lab):
            raise BenchError(f"{left} connections would not end")
    found = event_socket(process)
    if found is None or found.drops:
        raise BenchError(f"the backlog did not fit into the socket of process {process}: {found}")


def clear_entries(lab: Lab) -> None:
    delete_all(lab)


def count_entries(lab: Lab) -> int:
    done = run_in(lab.gateway, ["conntrack", "-C"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def count_refused(lab: Lab) -> dict[str, int]:
    """What the gateway's connection tracking has refused so far, by cause; all CPUs together."""
    causes = ("insert_failed", "drop", "early_drop", "chaintoolong")
    done = run_in(lab.gateway, ["conntrack", "-S"], capture_output=True, text=True, check=True)
    counts = dict.fromkeys(causes, 0)
    for word in done.stdout.split():
        name, _, number = word.partition("=")
        if name in counts:
            counts[name] += int(number)
    return counts


def wait_until(
    reached: Callable[[], bool], what: str, process: subprocess.Popen[Any], patience: float = 180
) -> None:
    deadline = time.monotonic() + patience
    while not reached():
        if process.poll() is not None:
            raise BenchError(f"{what}: the process has ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {patience:g} s")
        time.sleep(0.05)


def backends_of(connection: psycopg.Connection[Any]) -> list[int]:
    """The server processes of the other clients in this connection's database."""
    found = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )
    return [pid for (pid,) in found]


def server_groups(
    cluster: Cluster, connection: psycopg.Connection[Any]
) -> dict[str, Iterable[int]]:
    """The server's processes: ``backend`` of the candidate's clients, ``server`` the others.

    The harness's own backend is left out.
    """
    backends = backends_of(connection)
    others = set(children_of(cluster.pid or 0)) - {*backends, connection.info.backend_pid}
    return {"backend": backends, "server": others}


def wal_position(connection: psycopg.Connection[Any]) -> int:
    """Bytes of WAL written so far."""
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    return int(row[0]) if row else 0


def last_commit(connection: psycopg.Connection[Any], *tables: str) -> tuple[float, int]:
    """(when a row of the tables was committed last, seconds since 1970; in how many commits).

    The server takes that time as it writes the commit, before it waits for the disk.
    """
    rows = " UNION ALL ".join(f"SELECT xmin::text AS x FROM {table}" for table in tables)  # noqa: S608
    times = f"SELECT pg_xact_commit_timestamp(x::xid) AS at FROM ({rows}) AS r GROUP BY x"  # noqa: S608
    statement = f"SELECT extract(epoch FROM max(at)), count(*) FROM ({times}) AS t"  # noqa: S608
    row = connection.execute(statement).fetchone()
    if row is None or row[0] is None:
        raise BenchError(f"nothing was stored in {', '.join(tables)}")
    return float(row[0]), int(row[1])
