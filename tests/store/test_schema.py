"""Installing the schema: twice, by two at once, over rows, against the kept snapshot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ctaudit.config import RetentionSection
from ctaudit.database import connection as connections
from ctaudit.database import schema, steps, version
from ctaudit.database.maintenance import DAYS_AHEAD, Maintained, Waiting, maintain
from ctaudit.errors import DatabaseError, PrivilegeError, SchemaError, UsageError
from lab.cluster import Cluster
from tests.store.gateway import tuples
from tests.store.snapshot import KEPT, can_dump, dump_schema, header

ROOT = Path(__file__).parents[2]
MIGRATIONS = tuple(file.stem for file in sorted((ROOT / "sql/migrations").glob("*.sql")))
ARTICLE = {
    **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
    "proto": 6, "ct_id": 7, "status": 0x198,
}  # fmt: skip


@pytest.fixture
def fresh(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database's name."""
    name = request.node.name.replace("[", "_").replace("]", "")[:60]
    cluster.create_database(name)
    yield name
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def keep_a_month(dsn: str) -> list[Maintained | Waiting]:
    return list(maintain(dsn, RetentionSection(days=30)))


def fetch(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def test_expected_schema_is_the_newest_migration() -> None:
    newest = max(int(file.name[:4]) for file in (ROOT / "sql/migrations").glob("*.sql"))
    assert newest == version.EXPECTED_SCHEMA


def test_every_file_is_installed() -> None:
    listed = [file for step in schema.read_steps(ROOT / "sql") for file in step.files]
    folders = [
        file
        for folder in ("migrations", "functions", "procedures", "views")
        for file in (ROOT / "sql" / folder).glob("*.sql")
    ]
    assert sorted(listed) == sorted([*folders, *(ROOT / "sql").glob("[rmg]*.sql")])
    assert len(listed) == len(set(listed))


def test_what_a_backslash_means_is_said() -> None:
    """A session may set standard_conforming_strings; its functions are read by that."""
    files = [
        file for folder in ("functions", "procedures")
        for file in (ROOT / "sql" / folder).glob("*.sql") if "\\" in file.read_text()
    ]  # fmt: skip
    assert files
    for file in files:
        assert "SET standard_conforming_strings = on" in file.read_text(), file


def test_install_twice(cluster: Cluster, fresh: str) -> None:
    dsn = cluster.dsn(fresh)
    assert schema.status(dsn).version.installed is None
    with pytest.raises(SchemaError, match="has no ctaudit schema; run: ctaudit schema install"):
        schema.upgrade(dsn)
    first = schema.install(dsn)
    assert first.migrations == MIGRATIONS
    assert len(first.partitions) == 4 * (DAYS_AHEAD + 2)
    again = steps.Done(version.EXPECTED_SCHEMA, (), (), first.to_close)
    assert schema.install(dsn) == again
    with psycopg.connect(dsn, autocommit=True) as owner:
        for statement in first.to_close:
            owner.execute(statement)  # type: ignore[arg-type]
    assert schema.install(dsn) == replace(again, to_close=())
    assert schema.upgrade(dsn).migrations == ()
    status = schema.status(dsn)
    assert status.version.mismatch is None
    assert status.partitions_until == datetime.now(UTC).date() + timedelta(DAYS_AHEAD)


def test_a_second_installation_changes_nothing(cluster: Cluster, fresh: str) -> None:
    if not can_dump(cluster):
        pytest.skip("pg_dump is older than the server")
    schema.install(cluster.dsn(fresh))
    before = dump_schema(cluster, fresh)
    schema.install(cluster.dsn(fresh))
    assert dump_schema(cluster, fresh) == before


def test_installers_at_once(cluster: Cluster, fresh: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(schema.install, [cluster.dsn(fresh)] * 8))
    # Each migration once, by whichever has its turn.
    assert sorted(name for item in done for name in item.migrations) == list(MIGRATIONS)
    assert fetch(cluster.dsn(fresh), "SELECT name FROM ctaudit.migration ORDER BY 1") == [
        (name,) for name in MIGRATIONS
    ]


def test_a_migration_is_done_once_without_the_lock(cluster: Cluster, fresh: str) -> None:
    """Psql beside ctaudit takes no advisory lock: the row itself keeps the second out."""
    schema.install(cluster.dsn(fresh))
    with (
        psycopg.connect(cluster.dsn(fresh)) as connection,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        connection.execute((ROOT / "sql/migrations/0001_store.sql").read_bytes())


def test_snapshot(cluster: Cluster, fresh: str) -> None:
    head, _, kept = KEPT.read_text().partition("\n")
    if head + "\n" != header(cluster) or not can_dump(cluster):
        pytest.skip(f"the snapshot is of another server: {head}")
    schema.install(cluster.dsn(fresh))
    assert dump_schema(cluster, fresh) == kept, "run: python -m tests.store.snapshot"


def test_a_migration_that_fails_leaves_nothing(
    cluster: Cluster, fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "sql"
    shutil.copytree(ROOT / "sql", broken)
    with (broken / "migrations/0001_store.sql").open("a") as file:
        file.write("SELECT 1 / 0;\n")
    monkeypatch.setenv("CTAUDIT_SQL", str(broken))
    with pytest.raises(DatabaseError, match=r"0001_store\.sql: division by zero"):
        schema.install(cluster.dsn(fresh))
    monkeypatch.undo()
    assert fetch(cluster.dsn(fresh), "SELECT * FROM ctaudit.migration") == []
    assert schema.install(cluster.dsn(fresh)).migrations == MIGRATIONS


def test_an_owner_who_is_no_superuser(cluster: Cluster, fresh: str) -> None:
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE olga LOGIN IN ROLE ctaudit_owner")
        connection.execute(f'ALTER DATABASE "{fresh}" OWNER TO olga')
    schema.install(cluster.dsn(fresh, user="olga"))
    done = keep_a_month(cluster.dsn(fresh, user="olga"))
    assert {item.action for item in done if isinstance(item, Maintained)} <= {"to be frozen"}
    for login in ("audrey", "rex", "stranger"):
        for refused in (schema.install, keep_a_month):
            with pytest.raises(PrivilegeError):
                refused(cluster.dsn(fresh, user=login))
    with psycopg.connect(cluster.dsn(fresh), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{fresh}" OWNER TO CURRENT_USER')
        connection.execute("DROP ROLE olga")


def test_errors_of_the_connection_keep_the_password(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        connections.connect(f"host={tmp_path} password=secret dbname=x")
    assert "secret" not in str(caught.value)
    assert f"(host {tmp_path}, database x)" in str(caught.value)
    with pytest.raises(UsageError) as wrong:
        connections.connect("host=x password='secret")
    assert "secret" not in str(wrong.value)
