"""ulogd2 in the lab's gateway, Debian's build: its NFCT input into its own PostgreSQL schema, or
into files by its JSON and LOGEMU outputs.
"""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from lab.cluster import Cluster, ClusterError
from lab.event_socket import find_event_socket
from lab.namespaces import Lab, LabError, popen_in
from lab.processes import wait_or_kill
from lab.waiting import wait_until

DAEMON = Path("/usr/sbin/ulogd")
SCHEMA = Path("/usr/share/doc/ulogd2/pgsql-ulogd2.sql.gz")
_PLUGINS = ("inpflow_NFCT", "filter_IP2STR", "output_PGSQL")
_FILE_PLUGINS = (
    "inpflow_NFCT", "filter_IP2STR", "filter_PRINTFLOW", "output_JSON", "output_LOGEMU",
)  # fmt: skip
_LIBRARIES = Path("/usr/lib")

# What ulogd_inpflow_NFCT of ulogd 2.0.8 is told: the article's history, its live copy, and
# history with the hash table that is the default, where the start is ulogd2's own.
HISTORY = {"procedure": "INSERT_CT", "event_mask": "4", "hash_enable": "0"}
LIVE = {"procedure": "INSERT_OR_REPLACE_CT", "event_mask": "5", "hash_enable": "0"}
HASHED = {"procedure": "INSERT_CT", "event_mask": "7", "hash_enable": "1"}


def _require(names: Sequence[str] = _PLUGINS) -> None:
    plugins = {name: _find_plugin(name) for name in names}
    missing = [path for path in (DAEMON, SCHEMA, *plugins.values()) if not path.exists()]
    if missing:
        raise LabError(f"{missing[0]} is missing: apt-get install ulogd2 ulogd2-pgsql ulogd2-json")


def _find_plugin(name: str) -> Path:
    """Below the machine's own directory of libraries."""
    file = f"ulogd_{name}.so"
    return next(_LIBRARIES.glob(f"*/ulogd/{file}"), _LIBRARIES / "ulogd" / file)


def install_schema(cluster: Cluster, database: str) -> str:
    """ulogd2's own schema in a new database; returns its connection string."""
    _require()
    cluster.create_database(database)
    # The script drops what is not there, and its MAC function is no longer valid.
    with gzip.open(SCHEMA) as script:
        subprocess.run(
            [cluster.client("psql"), "-Xq", cluster.dsn(database)],
            input=script.read(), capture_output=True, check=False,
        )  # fmt: skip
    return cluster.dsn(database)


@contextmanager
def recording_with_ulogd(
    lab: Lab, cluster: Cluster, database: str, directory: Path, how: Mapping[str, str]
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """ulogd2 records the lab's gateway into that database, which it makes if it is missing.

    Gives a connection to the database. Raises LabError where ulogd2 is missing.
    """
    _require()
    with suppress(ClusterError):
        install_schema(cluster, database)
    configuration = directory / f"{database}.conf"
    configuration.write_text(_write(cluster, database, directory, how))
    with (
        _running(lab, configuration),
        psycopg.connect(cluster.dsn(database), autocommit=True) as connection,
    ):
        yield connection


@contextmanager
def writing_with_ulogd(lab: Lab, directory: Path) -> Iterator[tuple[Path, Path]]:
    """ulogd2 writes each NEW and DESTROY of the lab's gateway; gives its JSON and LOGEMU files.

    As the article has them: without the hash table, and each line at once.
    """
    _require(_FILE_PLUGINS)
    as_json, as_log = directory / "ulogd.json", directory / "ulogd.log"
    configuration = directory / "ulogd-files.conf"
    lines = [
        "[global]",
        f'logfile="{directory}/ulogd.out"',
        "loglevel=5",
        *(f'plugin="{_find_plugin(name)}"' for name in _FILE_PLUGINS),
        "stack=ct1:NFCT,ip2str1:IP2STR,json1:JSON",
        "stack=ct2:NFCT,ip2str1:IP2STR,print1:PRINTFLOW,emu1:LOGEMU",
    ]
    for name in ("ct1", "ct2"):
        lines += [f"[{name}]", "hash_enable=0", "event_mask=5"]
    for name, path in (("json1", as_json), ("emu1", as_log)):
        lines += [f"[{name}]", f'file="{path}"', "sync=1"]
    configuration.write_text("\n".join(lines) + "\n")
    with _running(lab, configuration):
        yield as_json, as_log


@contextmanager
def _running(lab: Lab, configuration: Path) -> Iterator[None]:
    log = configuration.with_suffix(".out")
    with log.open("w") as output:
        process = popen_in(
            lab.gateway, [str(DAEMON), "-c", str(configuration)], stdout=output, stderr=output
        )
    try:
        wait_until(lambda: _is_listening(process.pid), 20, explain=log.read_text)
        yield
    finally:
        process.terminate()
        wait_or_kill(process, 20)


def _is_listening(pid: int) -> bool:
    try:
        find_event_socket(pid)
    except LabError:
        return False
    return True


def _write(cluster: Cluster, database: str, directory: Path, how: Mapping[str, str]) -> str:
    plugins = map(_find_plugin, _PLUGINS)
    return "\n".join(
        [
            "[global]",
            f'logfile="{directory}/ulogd.log"',
            "loglevel=5",
            *(f'plugin="{path}"' for path in plugins),
            "stack=ct1:NFCT,ip2str1:IP2STR,pgsql1:PGSQL",
            "[ct1]",
            f"hash_enable={how['hash_enable']}",
            f"event_mask={how['event_mask']}",
            "[pgsql1]",
            f'host="{cluster.socket_directory}"',
            f'db="{database}"',
            f'user="{cluster.superuser}"',
            'table="ulog2_ct"',
            'schema="public"',
            f'procedure="{how["procedure"]}"',
            "",
        ]
    )
