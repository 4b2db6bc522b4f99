"""pg_dump on a standby, as docs/operations.md says: what it holds up, and what ends it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from lab.cluster import Cluster, private_cluster
from lab.standby import hot_standby
from lab.waiting import wait_until
from tests.store.scenario import run
from tests.store.snapshot import can_dump, major_version
from tests.store.test_restore import ask, back_up, restore

_DAY = datetime.now(UTC).date() - timedelta(days=500)  # past retention
_OLD = f"flow_p{_DAY:%Y%m%d}"
_LOCKED = "SELECT count(*) FROM pg_locks WHERE relation = to_regclass('ctaudit.{}')"


@pytest.fixture(scope="module")
def cluster(primary: Cluster) -> Cluster:
    return primary


@pytest.fixture(autouse=True)
def _dumps(cluster: Cluster) -> None:
    if not can_dump(cluster):
        pytest.skip(f"pg_dump {major_version(cluster)} is older than the server")


@pytest.fixture
def standby(cluster: Cluster) -> Iterator[Cluster]:
    """It follows a primary with one day that maintenance would drop."""
    fetch(cluster, f"SELECT ctaudit.make_partition('flow', '{_DAY}')")
    with hot_standby(cluster) as following:
        yield following
    assert run("maintain", "--dsn", cluster.dsn(user="mary")).status == 0


def fetch(cluster: Cluster, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[arg-type]


def set_delay(standby: Cluster, delay: str) -> None:
    with psycopg.connect(standby.dsn(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET max_standby_streaming_delay = '{delay}'")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def halfway_dump(standby: Cluster, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A pg_dump of the standby that stands still, with its locks taken."""
    place = ["-h", str(standby.socket_directory), "-U", standby.superuser]
    words = [standby.client("pg_dump"), *place, "-Fc", "-f", str(file), "ctaudit"]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as dumping:
        try:
            wait_until(lambda: fetch(standby, _LOCKED.format(_OLD)) == [(1,)], pause=0.001)
            dumping.send_signal(signal.SIGSTOP)
            assert dumping.poll() is None
            yield dumping
        finally:
            dumping.send_signal(signal.SIGCONT)
            dumping.wait(60)


def drop(primary: Cluster) -> None:
    done = run("maintain", "--dsn", primary.dsn(user="mary"))
    assert (done.status, f"dropped {_OLD}" in done.out) == (0, True), done


def test_the_dump_of_a_standby_is_one_of_the_database(
    cluster: Cluster, standby: Cluster, tmp_path: Path
) -> None:
    back_up(standby, "ctaudit", tmp_path / "dump")
    with private_cluster(settings={"fsync": "off"}) as other:
        restore(other, "ctaudit", tmp_path / "dump")
        with psycopg.connect(other.dsn(), autocommit=True) as owner:
            owner.execute("CREATE ROLE audrey LOGIN IN ROLE ctaudit_auditor")
        assert ask(other.dsn(user="audrey")) == ask(cluster.dsn(user="audrey"))


def test_maintenance_ends_a_dump_after_the_delay(
    cluster: Cluster, standby: Cluster, tmp_path: Path
) -> None:
    set_delay(standby, "1s")
    with halfway_dump(standby, tmp_path / "dump") as dumping:
        drop(cluster)
        wait_until(lambda: fetch(standby, f"SELECT to_regclass('ctaudit.{_OLD}')") == [(None,)])
    assert dumping.returncode == 1
    assert "terminating connection due to conflict with recovery" in standby.read_log()


def test_a_longer_delay_holds_up_the_failover(
    cluster: Cluster, standby: Cluster, tmp_path: Path
) -> None:
    """The standby replays nothing while it spares the dump, and is promoted only afterwards."""
    set_delay(standby, "1h")
    with halfway_dump(standby, tmp_path / "dump") as dumping:
        drop(cluster)
        assert fetch(standby, "SELECT pg_promote(wait_seconds => 3)") == [(False,)]
        assert fetch(standby, "SELECT pg_is_in_recovery()") == [(True,)]
    assert dumping.returncode == 0
    wait_until(lambda: fetch(standby, "SELECT pg_is_in_recovery()") == [(False,)])
    assert fetch(standby, f"SELECT to_regclass('ctaudit.{_OLD}')") == [(None,)]
