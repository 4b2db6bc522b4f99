"""The private PostgreSQL cluster: quick, on a unix socket only, gone afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lab.cluster import Cluster, ClusterError, private_cluster, remove_leftovers
from lab.namespaces import ROOT
from lab.processes import process_start


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with private_cluster(settings={"application_name": "it's"}) as made:
        made.create_database("ctaudit")
        yield made


def one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_it_leaves_nothing() -> None:
    with private_cluster() as made:
        pid = made.pid
        assert pid is not None and Path(f"/proc/{pid}").stat().st_uid != 0
    assert not made.directory.exists() and process_start(pid) is None


def test_it_listens_on_the_socket_only(cluster: Cluster) -> None:
    assert one(cluster.dsn(), "SHOW listen_addresses") == ""
    assert one(cluster.dsn(), "SHOW fsync") == "on"
    assert one(cluster.dsn(), "SHOW application_name") == "it's"
    assert cluster.socket_directory.stat().st_mode & 0o077 == 0


def test_any_role_may_connect(cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE somebody LOGIN")
    assert one(cluster.dsn(user="somebody"), "SELECT current_user") == "somebody"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_what_was_committed_survives_a_stop(cluster: Cluster, mode: str) -> None:
    table = f"kept_{mode}"
    with psycopg.connect(cluster.dsn()) as connection:
        connection.execute(f"CREATE TABLE {table} AS SELECT 42 AS answer")
    before = cluster.pid
    cluster.stop(mode)
    assert cluster.pid is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(cluster.dsn())
    cluster.start()
    assert cluster.pid not in (None, before)
    assert one(cluster.dsn(), f"SELECT answer FROM {table}") == 42


def test_a_database_is_made_anew(cluster: Cluster) -> None:
    cluster.create_database("again")
    with psycopg.connect(cluster.dsn("again"), autocommit=True) as connection:
        connection.execute("CREATE TABLE old ()")
        cluster.create_database("again")
    assert one(cluster.dsn("again"), "SELECT to_regclass('old')") is None
    with pytest.raises(ClusterError, match="already exists"):
        cluster.create_database("again", anew=False)


def test_wrong_setting_is_named() -> None:
    wrong = {"no_such_setting": 1}
    with pytest.raises(ClusterError, match="no_such_setting"), private_cluster(settings=wrong):
        pass


def test_directory_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(ClusterError, match="is not empty"), private_cluster(tmp_path):
        pass
    assert (tmp_path / "precious").exists()


CRASH = """
import os, signal
from lab.cluster import private_cluster
with private_cluster() as cluster:
    print(cluster.directory, cluster.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_leftover_of_a_crash_is_ended(cluster: Cluster) -> None:
    command = [sys.executable, "-c", CRASH]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    place, pid = done.stdout.split()
    assert process_start(int(pid)) is not None
    assert Path(place) in remove_leftovers()
    assert process_start(int(pid)) is None and not Path(place).exists()
    assert cluster.pid is not None
