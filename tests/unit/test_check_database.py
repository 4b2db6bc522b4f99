"""check, the database's part: what each value is worth."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ctaudit.admin.check_database import (
    Rights,
    judge_encoding,
    judge_partitions,
    judge_rights,
    judge_schema,
)
from ctaudit.admin.finding import Finding, Level
from ctaudit.database.version import SchemaVersion

GOOD, WARNING, UNFIT = Level.GOOD, Level.WARNING, Level.UNFIT
TODAY = date(2026, 2, 22)


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (judge_schema(SchemaVersion(1, 1)), GOOD),
        (judge_schema(SchemaVersion(None, 1)), UNFIT),
        (judge_schema(SchemaVersion(0, 1)), UNFIT),
        (judge_schema(SchemaVersion(2, 1)), UNFIT),
        (judge_rights("a.b", Rights("gw", True, False, False)), GOOD),
        (judge_rights("a.b", Rights("gw", True, True, False)), WARNING),
        (judge_rights("a.b", Rights("gw", True, True, True)), WARNING),
        (judge_rights("a.b", Rights("gw", False, False, False)), UNFIT),
        (judge_rights("a.b", Rights("gw", None, False, False)), UNFIT),
        (judge_encoding("UTF8"), GOOD),
        (judge_encoding("SQL_ASCII"), WARNING),
        (judge_partitions(TODAY + timedelta(days=7), TODAY), GOOD),
        (judge_partitions(TODAY + timedelta(days=3), TODAY), GOOD),
        (judge_partitions(TODAY + timedelta(days=2), TODAY), WARNING),
        (judge_partitions(None, TODAY), WARNING),
    ],
    ids=lambda value: value.found if isinstance(value, Finding) else value.name,
)
def test_level(finding: Finding, level: Level) -> None:
    assert finding.level == level, finding
    assert bool(finding.wanted) == bool(finding.remedy) == (level is not GOOD)


@pytest.mark.parametrize(
    ("installed", "remedy"),
    [
        (None, ("run: ctaudit schema install --dsn DSN as the schema's owner, or "
               "ctaudit setup --local")),
        (0, ("run: ctaudit schema upgrade --dsn DSN as the schema's owner, or "
            "ctaudit setup --local")),
        (2, "upgrade ctaudit"),
    ],
)  # fmt: skip
def test_way_out_of_a_wrong_schema(installed: int | None, remedy: str) -> None:
    assert judge_schema(SchemaVersion(installed, 1)).remedy == remedy


def test_what_a_login_may_do() -> None:
    rights = [
        Rights("gw", execute=True, read=False, superuser=False),
        Rights("gw", execute=True, read=True, superuser=False),
        Rights("gw", execute=True, read=True, superuser=True),
        Rights("gw", execute=False, read=False, superuser=False),
        Rights("gw", execute=None, read=False, superuser=False),
    ]
    assert [judge_rights("a.b", item).found for item in rights] == [
        "gw may call a.b and read nothing",
        "gw may read what is recorded",
        "gw is a superuser",
        "gw may not call a.b",
        "no procedure a.b",
    ]
