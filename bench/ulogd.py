"""ulogd2 in the lab's gateway: its NFCT input with its PGSQL and JSON outputs, Debian's build.

Without its local hash (``hash_enable=0``, which Debian's ulogd.conf shows for event logging
and which costs it least) and with a socket buffer as large as everybody's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Run
from bench.processes import Meter, cpu_of, event_socket, peak_memory
from bench.stage import (
    BUFFER,
    BenchError,
    Stage,
    asking,
    clear_entries,
    drop_database,
    last_commit,
    open_and_end,
    server_groups,
    settle_server,
    wait_until,
    wal_position,
)
from lab import addresses as a
from lab.cluster import Cluster, ClusterError
from lab.namespaces import popen_in
from lab.processes import wait_or_kill
from lab.ulogd import DAEMON, SCHEMA, install_schema

LIBRARIES = Path("/usr/lib")
TEMPLATE = "ulogd_template"
DESTROY, NEW = 4, 1  # NF_NETLINK_CONNTRACK_*, ulogd_inpflow_NFCT's event_mask


# A table in use, a quarter of its connections open: without statistics, or where all have ended,
# the UPDATE goes by an index that is of no help to it.
FORMER_ROWS = 20_000
_FORMER_ROWS = """
    INSERT INTO ulog2_ct (oob_family, orig_ip_saddr_str, orig_ip_daddr_str, orig_ip_protocol,
        orig_l4_sport, orig_l4_dport, reply_ip_saddr_str, reply_ip_daddr_str, reply_ip_protocol,
        reply_l4_sport, reply_l4_dport, flow_start_sec, flow_end_sec, ct_event)
    SELECT 2, '192.168.1.0'::inet + 129 + i % 7, '198.51.100.7', 17, 30000 + i / 7, 53,
        '198.51.100.7', '{gateway}', 17, 53, 10000 + i, 1700000000 + i, 1700000060 + i,
        CASE WHEN i % 4 = 0 THEN 1 ELSE 4 END
    FROM generate_series(1, {count}) AS i
"""


@dataclass(frozen=True)
class Database:
    """Which of its functions ulogd2 calls, for which events, with which commit."""

    procedure: str
    event_mask: int
    synchronous: bool


DATABASES: Mapping[str, Database] = {
    "ulogd-sync": Database("INSERT_CT", DESTROY, True),
    "ulogd-async": Database("INSERT_CT", DESTROY, False),
    "ulogd-replace": Database("INSERT_OR_REPLACE_CT", NEW | DESTROY, True),
}


def _configure(directory: Path, event_mask: int, output: str, stack: str) -> Path:
    names = ("inpflow_NFCT", "filter_IP2STR", "output_PGSQL", "output_JSON")
    plugins = [path for name in names for path in LIBRARIES.glob(f"*/ulogd/ulogd_{name}.so")]
    if len(plugins) < len(names) or not DAEMON.exists():
        raise BenchError("ulogd2 with its PGSQL and JSON outputs is missing: tools/setup bench")
    # The kernel doubles what nfnl_rcvbufsiz asks for.
    lines = [
        "[global]",
        f'logfile="{directory}/ulogd.log"',
        "loglevel=5",
        *(f'plugin="{path}"' for path in plugins),
        f"stack=ct1:NFCT,ip2str1:IP2STR,{stack}",
        "[ct1]",
        "hash_enable=0",
        f"event_mask={event_mask}",
        f"netlink_socket_buffer_size={BUFFER // 2}",
        f"netlink_socket_buffer_maxsize={BUFFER}",
        output,
    ]
    path = directory / "ulogd.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def _running(stage: Stage, configuration: Path) -> Iterator[subprocess.Popen[Any]]:
    """The daemon in the gateway's namespace, listening when the body begins."""
    log = configuration.with_suffix(".out")
    with log.open("w") as output:
        process = popen_in(
            stage.lab.gateway, [str(DAEMON), "-c", str(configuration)], stdout=output, stderr=output
        )
    try:
        wait_until(lambda: event_socket(process.pid) is not None, "ulogd2's socket", process, 20)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        wait_or_kill(process, 20)


def _is_idle(process: subprocess.Popen[Any]) -> Callable[[], bool]:
    """Whether its socket is empty and it has not run since the last time it was asked."""
    before = -1

    def is_idle() -> bool:
        nonlocal before
        spent, before = before, cpu_of(process.pid)
        found = event_socket(process.pid)
        return spent == before and found is not None and not found.queued

    return is_idle


def run_ulogd_database(stage: Stage, name: str, connections: int) -> Run:
    """ulogd2 into its own schema."""
    wanted = DATABASES[name]
    clear_entries(stage.lab)
    with (
        _making_database(stage.cluster, name.replace("-", "_"), wanted) as database,
        asking(stage.cluster.dsn(database)) as watch,
    ):
        output = (
            f'[pgsql1]\nhost="{stage.cluster.socket_directory}"\ndb="{database}"\n'
            f'user="{stage.cluster.superuser}"\ntable="ulog2_ct"\nschema="public"\n'
            f'procedure="{wanted.procedure}"'
        )
        path = _configure(stage.directory, wanted.event_mask, output, "pgsql1:PGSQL")
        with _running(stage, path) as process:
            opened = bool(wanted.event_mask & NEW)
            open_and_end(stage.lab, connections, opened=opened, ended=True, process=process.pid)
            settle_server(stage.cluster)
            own = {"ulogd": [process.pid]}
            meter = Meter(lambda: {**own, **server_groups(stage.cluster, watch)})
            wal = wal_position(watch)
            meter.begin()
            began = time.time()
            os.kill(process.pid, signal.SIGCONT)
            wait_until(_is_idle(process), f"{name} at its end", process)
            cpu = meter.read()
            wal = wal_position(watch) - wal
            found = event_socket(process.pid)
            peak = {"ulogd": peak_memory(process.pid)}
        fresh = f"ulog2_ct WHERE _ct_id > {FORMER_ROWS}"
        ended, commits = last_commit(watch, fresh)
        done = "count(*) FILTER (WHERE flow_end_sec > 0)" if opened else "count(*)"
        row = watch.execute(f"SELECT count(*), {done} FROM {fresh}").fetchone()  # noqa: S608
    rows, complete = row or (0, 0)
    return Run(
        candidate=name,
        connections=connections,
        events=connections * (2 if opened else 1),
        seconds=ended - began,
        stored=rows + complete if opened else rows,
        kernel_drops=found.drops if found else -1,
        cpu=cpu,
        peak=peak,
        wal=wal,
        commits=commits,
    )


def run_ulogd_json(stage: Stage, name: str, connections: int) -> Run:
    """ulogd2 into a file of JSON lines: ``ulogd-json`` buffered, ``-flushed`` line by line.

    The last of a buffered file is written when the daemon ends; the time ends with the last
    write before that.
    """
    clear_entries(stage.lab)
    file = stage.directory / "ulogd.json"
    file.unlink(missing_ok=True)
    output = f'[json1]\nfile="{file}"\nsync={int(name.endswith("flushed"))}'
    path = _configure(stage.directory, DESTROY, output, "json1:JSON")
    with _running(stage, path) as process:
        open_and_end(stage.lab, connections, opened=False, ended=True, process=process.pid)
        settle_server(stage.cluster)
        meter = Meter(lambda: {"ulogd": [process.pid]})
        meter.begin()
        began = time.time()
        os.kill(process.pid, signal.SIGCONT)
        wait_until(_is_idle(process), f"{name} at its end", process)
        cpu = meter.read()
        ended = file.stat().st_mtime
        found = event_socket(process.pid)
        peak = {"ulogd": peak_memory(process.pid)}
    with file.open() as lines:
        stored = sum(1 for line in lines if line.endswith("}\n"))
    file.unlink()
    return Run(
        candidate=name,
        connections=connections,
        events=connections,
        seconds=ended - began,
        stored=stored,
        kernel_drops=found.drops if found else -1,
        cpu=cpu,
        peak=peak,
    )


@contextmanager
def _making_database(cluster: Cluster, name: str, wanted: Database) -> Iterator[str]:
    """A fresh copy of ulogd2's own schema; ``synchronous_commit`` as wanted."""
    _install_template(cluster)
    drop_database(cluster, name)
    cluster.create_database(name, TEMPLATE)
    with asking(cluster.dsn("postgres")) as connection:
        commit = "on" if wanted.synchronous else "off"
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = {commit}")
    try:
        yield name
    finally:
        drop_database(cluster, name)


def _install_template(cluster: Cluster) -> None:
    with suppress(ClusterError):
        install_schema(cluster, TEMPLATE)
        with asking(cluster.dsn(TEMPLATE)) as connection:
            connection.execute(_FORMER_ROWS.format(count=FORMER_ROWS, gateway=a.GATEWAY))
            connection.execute("ANALYZE ulog2_ct")
            found = connection.execute(
                "SELECT to_regproc('public.insert_or_replace_ct')"
            ).fetchone()
            if found is None or found[0] is None:
                raise BenchError(f"{SCHEMA} gave no INSERT_OR_REPLACE_CT")
