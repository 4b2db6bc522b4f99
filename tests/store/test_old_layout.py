"""A database of an unreleased ctaudit: it also says version 1, and has other tables."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from ctaudit.admin.check_database import check_database
from ctaudit.database import schema
from ctaudit.database.connection import check_schema_version, connect
from ctaudit.errors import SchemaError
from lab.cluster import Cluster
from tests.store.scenario import refuse

# As small as it can be: what schema_version() reads, the tables that were renamed since,
# and one that is still there.
OLD_LAYOUT = """
CREATE SCHEMA ctaudit;
CREATE TABLE ctaudit.migration (number integer, name text);
INSERT INTO ctaudit.migration VALUES (1, '0001_store');
CREATE TABLE ctaudit.batch (node text, stream uuid, position bigint);
CREATE TABLE ctaudit.progress (node text, dump_id bigint);
CREATE TABLE ctaudit.aside (node text, message bytea);
CREATE TABLE ctaudit.hold (hold_id bigint);
CREATE FUNCTION ctaudit.schema_version() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
AS 'SELECT max(number) FROM ctaudit.migration';
GRANT USAGE ON SCHEMA ctaudit TO ctaudit_recorder, ctaudit_auditor;
"""
SENTENCE = (
    "the schema of database {} has the layout of an unreleased ctaudit, which changed without a "
    "new version and cannot be upgraded; install into another database, or drop its record "
    "(DROP SCHEMA ctaudit CASCADE) and run: ctaudit schema install"
)
NAME = "old-layout"


@pytest.fixture(scope="module")
def old(cluster: Cluster) -> Iterator[str]:
    cluster.create_database(NAME)
    with psycopg.connect(cluster.dsn(NAME), autocommit=True) as connection:
        connection.execute(OLD_LAYOUT)
    yield NAME
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (None, ["schema", "status"]),
        (None, ["schema", "install"]),
        (None, ["schema", "upgrade"]),
        (None, ["maintain"]),
        ("audrey", ["schema", "status"]),
        ("audrey", ["who", "1.2.3.4:5", "--at", "2026-02-22 11:59:43"]),
        ("audrey", ["flows"]),
        ("audrey", ["status"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value or "owner",
)
def test_a_command_says_so(cluster: Cluster, old: str, user: str | None, words: list[str]) -> None:
    assert refuse(6, *words, "--dsn", cluster.dsn(old, user=user)) == SENTENCE.format(old)


def test_the_recorder_says_so(cluster: Cluster, old: str) -> None:
    with (
        connect(cluster.dsn(old, user="rex"), "recorder") as connection,
        pytest.raises(SchemaError) as caught,
    ):
        check_schema_version(connection)
    assert str(caught.value) == SENTENCE.format(old)


def test_check_says_so(cluster: Cluster, old: str) -> None:
    """As the schema's finding, not as a lack of privileges."""
    findings = check_database(cluster.dsn(old, user="rex"), "ctaudit.record_live", "gw1")
    assert [finding.name for finding in findings] == ["database", "schema"]
    assert findings[1].found == SENTENCE.format(old)


def test_after_a_drop_it_is_installed(cluster: Cluster, old: str) -> None:
    cluster.create_database("dropped", template=old)
    with psycopg.connect(cluster.dsn("dropped"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA ctaudit CASCADE")
    assert schema.install(cluster.dsn("dropped")).migrations[0] == "0001_store"
    status = schema.status(cluster.dsn("dropped"))
    assert status.partitions_until is not None
