"""check, the database's part: what each value is worth."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ctaudit.admin.check_database import (
    Rights,
    Unannounced,
    judge_announcements,
    judge_pair,
    judge_rights,
)
from ctaudit.admin.check_server import (
    judge_encoding,
    judge_locks,
    judge_partitions,
    judge_schema,
)
from ctaudit.admin.finding import Finding, Level
from ctaudit.database.locks import LockRoom
from ctaudit.database.version import SchemaVersion

GOOD, WARNING, UNFIT = Level.GOOD, Level.WARNING, Level.UNFIT
TODAY = date(2026, 2, 22)
NOON = datetime(2026, 2, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (judge_schema(SchemaVersion(1, 1)), GOOD),
        (judge_schema(SchemaVersion(None, 1)), UNFIT),
        (judge_schema(SchemaVersion(0, 1)), UNFIT),
        (judge_schema(SchemaVersion(2, 1)), UNFIT),
        (judge_schema(SchemaVersion(3, 1, 2)), UNFIT),
        (judge_schema(SchemaVersion(3, 1, 1)), WARNING),
        (judge_schema(SchemaVersion(1, 2)), WARNING),
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
        (judge_locks(LockRoom(64, 100), 3200), GOOD),
        (judge_locks(LockRoom(64, 100), 3201), WARNING),
        (judge_locks(LockRoom(512, 40), 7800), GOOD),
        (judge_locks(LockRoom(256, 40), 7800), WARNING),
        (judge_announcements([]), GOOD),
        (judge_announcements([Unannounced("not announced", 3, NOON, None)]), WARNING),
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


def test_what_was_not_announced_has_number_and_time() -> None:
    ended = Unannounced("end not announced", 1200, NOON, NOON + timedelta(hours=1))
    found = judge_announcements([Unannounced("not announced", 3, NOON, None), ended, ended])
    assert found.found == (
        "3 connections began without an event of the kernel, 2026-02-22 12:00:00+0000 until now; "
        "1,200 connections ended without an event of the kernel, 2026-02-22 12:00:00+0000 until "
        "2026-02-22 13:00:00+0000; and 1 such gaps before"
    )


@pytest.mark.parametrize(
    ("pair", "level", "found"),
    [
        (("gw2", True, True), GOOD, "gw2 names this gateway too"),
        (("gw2", True, False), WARNING, "gw2 does not name this gateway"),
        (("gw9", False, False), WARNING, "gw9 is no gateway of this database"),
    ],
)
def test_a_pair_counts_only_where_both_name_each_other(
    pair: tuple[str, bool, bool], level: Level, found: str
) -> None:
    (finding,) = judge_pair(*pair)
    assert (finding.level, finding.found) == (level, found)


def test_no_pair_is_no_finding() -> None:
    assert not [*judge_pair(None, False, False)]


def test_how_many_locks_are_wanted() -> None:
    finding = judge_locks(LockRoom(64, 100), 6500)
    assert finding.found == "max_locks_per_transaction = 64, 6,500 tables and indexes"
    assert finding.wanted == "256 or more, for migrations"
    assert "max_locks_per_transaction = 256;" in finding.remedy
