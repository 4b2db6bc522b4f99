"""A dump of the store on another server: the same answers, and what came later is not claimed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from ctaudit.database import schema, steps
from ctaudit.spool.order import list_paths
from lab.cluster import Cluster, private_cluster
from tests.store.gateway import let_record
from tests.store.scenario import BASE, COVERED, run, who
from tests.store.snapshot import can_dump, major_version, server_version
from tests.store.spooled import Spooled

NODE = "gw-kept"
OTHER_SERVERS = sorted(Path("/var/cache/ctaudit/postgres").glob("*/native/bin"))


@pytest.fixture(scope="module")
def empty() -> Iterator[Cluster]:
    """A server that knows none of the roles."""
    with private_cluster(settings={"fsync": "off"}) as made:
        yield made


@pytest.fixture(autouse=True)
def _dumps(cluster: Cluster) -> None:
    if not can_dump(cluster):
        pytest.skip(f"pg_dump {major_version(cluster)} is older than the server")


def psql(cluster: Cluster, *words: str) -> None:
    """As docs/operations.md says it; an error in a statement is an error."""
    client(cluster, "psql", "-v", "ON_ERROR_STOP=1", "-q", "-o", "/dev/null", *words)


def client(cluster: Cluster, name: str, *words: str) -> None:
    place = ["-h", str(cluster.socket_directory), "-U", cluster.superuser]
    argv = [cluster.client(name), *place, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def back_up(cluster: Cluster, place: str, file: Path) -> None:
    client(cluster, "pg_dump", "-Fc", "-f", str(file), place)


def restore(cluster: Cluster, place: str, file: Path) -> None:
    psql(cluster, "-d", "postgres", "-f", str(steps.find_sql() / "roles.sql"))
    cluster.create_database(place, template="template0")
    client(cluster, "pg_restore", "--exit-on-error", "-d", place, str(file))


def ask(dsn: str) -> list[object]:
    found = [who(dsn, f"1.2.3.4:{port}", 1, "--json") for port in (53500, 53600, 1)]
    listed = run("flows", "--from", BASE.isoformat(), "--until", COVERED.isoformat(),
                 "--json", "--dsn", dsn)  # fmt: skip
    return [(done.status, done.out) for done in [*found, listed]]


def test_a_server_without_the_roles(cluster: Cluster, empty: Cluster, tmp_path: Path) -> None:
    back_up(cluster, "ctaudit", tmp_path / "dump")
    restore(empty, "ctaudit", tmp_path / "dump")
    with psycopg.connect(empty.dsn(), autocommit=True) as owner:
        for login, role in {"audrey": "auditor", "rex": "recorder", "mary": "maintainer"}.items():
            owner.execute(f"CREATE ROLE {login} LOGIN IN ROLE ctaudit_{role}")  # type: ignore[arg-type]
        assert owner.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
            " WHERE relnamespace = 'ctaudit'::regnamespace"
        ).fetchall() == [("ctaudit_owner",)]
    assert ask(empty.dsn(user="audrey")) == ask(cluster.dsn(user="audrey"))
    assert run("maintain", "--dsn", empty.dsn(user="mary")).status == 0
    assert run("schema", "upgrade", "--dsn", empty.dsn()).status == 0
    # What PUBLIC may do is restored as well.
    with psycopg.connect(empty.dsn(user="rex")) as recorder:
        for statement in ("SELECT * FROM ctaudit.opening", "SELECT ctaudit.nodes()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), recorder.transaction():
                recorder.execute(statement)  # type: ignore[arg-type]


def test_roles_and_limits_by_pg_dumpall(cluster: Cluster, tmp_path: Path) -> None:
    """Logins, who may connect and what auditors are limited to come along."""
    if int(major_version(cluster)) >= 15 > server_version(cluster):
        pytest.skip("pg_dump writes a LOCALE_PROVIDER, which PostgreSQL 14 does not know")
    with psycopg.connect(cluster.dsn(), autocommit=True) as owner:
        owner.execute("ALTER ROLE audrey IN DATABASE ctaudit SET temp_file_limit = '10GB'")
        try:
            client(cluster, "pg_dumpall", "--roles-only", "-f", str(tmp_path / "roles.sql"))
            back_up(cluster, "ctaudit", tmp_path / "dump")
        finally:
            owner.execute("ALTER ROLE audrey IN DATABASE ctaudit RESET temp_file_limit")
    with private_cluster(settings={"fsync": "off"}) as other:
        # That the superuser is there already is the only error.
        place = ["-h", str(other.socket_directory), "-U", other.superuser, "-q"]
        subprocess.run(
            [other.client("psql"), *place, "-d", "postgres", "-f", str(tmp_path / "roles.sql")],
            capture_output=True, check=True,
        )  # fmt: skip
        client(other, "pg_restore", "--exit-on-error", "--create", "-d", "postgres",
               str(tmp_path / "dump"))  # fmt: skip
        assert ask(other.dsn(user="audrey")) == ask(cluster.dsn(user="audrey"))
        with psycopg.connect(other.dsn(user="audrey")) as auditor:
            assert auditor.execute("SHOW temp_file_limit").fetchone() == ("10GB",)


@pytest.mark.parametrize("kept", ["kept", "deleted"])
def test_a_stream_that_went_on_after_the_backup(
    cluster: Cluster, empty: Cluster, tmp_path: Path, kept: str
) -> None:
    """What the backup has not got is unknown; kept segments refill it, else it is a gap."""
    place = f"later_{kept}"
    cluster.create_database(place)
    schema.install(cluster.dsn(place))
    let_record(cluster.dsn(place, user="rex"), NODE)
    (tmp_path / "spool").mkdir()
    gateway = Spooled(tmp_path / "spool", NODE)
    with gateway.receiving():
        gateway.write(1, 2)
        assert gateway.record(cluster.dsn(place, user="rex")) == 2
        back_up(cluster, place, tmp_path / "dump")
        gateway.roll()
        gateway.write(3)
        later = datetime.now(UTC)
        gateway.write(4)
        gateway.roll()
        gateway.write(5)
        assert gateway.record(cluster.dsn(place, user="rex")) == 3
        restore(empty, place, tmp_path / "dump")
        assert read(empty, place) == ([1, 2], [])
        assert is_complete(cluster, place, later)
        assert not is_complete(empty, place, later)
        if kept == "deleted":
            list_paths(tmp_path / "spool")[1].unlink()
        with psycopg.connect(empty.dsn("postgres"), autocommit=True) as owner:
            owner.execute("DROP ROLE IF EXISTS rex_again")
            owner.execute("CREATE ROLE rex_again LOGIN IN ROLE ctaudit_recorder")
        let_record(empty.dsn(place, user="rex_again"), NODE)
        gateway.record(empty.dsn(place, user="rex_again"))
    assert is_complete(empty, place, later) == (kept == "kept")
    if kept == "kept":
        assert read(empty, place) == ([1, 2, 3, 4, 5], [])
    else:
        assert read(empty, place) == ([1, 2, 5], ["segments are gone"])


def is_complete(cluster: Cluster, place: str, at: datetime) -> bool:
    with psycopg.connect(cluster.dsn(place)) as connection:
        row = connection.execute(
            "SELECT complete FROM ctaudit.completeness(%(node)s, %(at)s, %(at)s)",
            {"at": at, "node": NODE},
        ).fetchone()
    return row is not None and bool(row[0])


def read(cluster: Cluster, place: str) -> tuple[list[int], list[str]]:
    with psycopg.connect(cluster.dsn(place)) as connection:
        openings = connection.execute(
            "SELECT ct_id FROM ctaudit.opening WHERE node = %s ORDER BY 1", (NODE,)
        ).fetchall()
        gaps = connection.execute(
            "SELECT cause FROM ctaudit.gap WHERE node = %s ORDER BY gap_from", (NODE,)
        ).fetchall()
    return [row[0] for row in openings], [row[0] for row in gaps]


@pytest.mark.parametrize("binaries", OTHER_SERVERS, ids=lambda path: path.parts[5].split(".")[0])
def test_a_server_of_another_version(cluster: Cluster, tmp_path: Path, binaries: Path) -> None:
    """docs/operations.md, upgrading PostgreSQL by dump and restore."""
    back_up(cluster, "ctaudit", tmp_path / "dump")
    with private_cluster(settings={"fsync": "off"}, binaries=binaries) as other:
        restore(other, "ctaudit", tmp_path / "dump")
        with psycopg.connect(other.dsn(), autocommit=True) as owner:
            owner.execute("CREATE ROLE audrey LOGIN IN ROLE ctaudit_auditor")
        assert ask(other.dsn(user="audrey")) == ask(cluster.dsn(user="audrey"))
        assert run("maintain", "--dsn", other.dsn()).status == 0
        assert run("schema", "upgrade", "--dsn", other.dsn()).status == 0
