"""sql/tests: each pgTAP scenario, rolled back at its end."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster

SCENARIOS = sorted((Path(__file__).parents[2] / "sql" / "tests").glob("*.sql"))


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    cluster.create_database("scenarios")
    schema.install(cluster.dsn("scenarios"))
    with psycopg.connect(cluster.dsn("scenarios")) as connection:
        connection.execute("CREATE EXTENSION pgtap WITH SCHEMA public")
    return cluster.dsn("scenarios")


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 4


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(cluster: Cluster, place: str, scenario: Path) -> None:
    done = subprocess.run(
        [cluster.client("psql"), "-X", "-d", place, "-f", str(scenario)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:2000]
    plan = re.search(r"^1\.\.(\d+)$", done.stdout, re.MULTILINE)
    assert plan is not None, done.stdout
    failed = re.findall(r"^not ok .*\n(?:#.*\n)*", done.stdout, re.MULTILINE)
    assert failed == []
    assert len(re.findall(r"^ok \d+", done.stdout, re.MULTILINE)) == int(plan.group(1))
