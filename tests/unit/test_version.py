"""A database's schema version against this program's."""

from __future__ import annotations

import pytest

from ctaudit.database import version
from ctaudit.database.version import Mismatch, SchemaVersion, describe_absent


@pytest.mark.parametrize(
    ("installed", "mismatch"),
    [(None, Mismatch.MISSING), (0, Mismatch.OLDER), (1, Mismatch.OLDER), (2, None),
     (3, Mismatch.NEWER)],
)  # fmt: skip
def test_mismatch(installed: int | None, mismatch: Mismatch | None) -> None:
    found = SchemaVersion(installed, 2)
    assert found.mismatch is mismatch
    if mismatch is not None:
        assert found.describe().endswith(f"; {mismatch.value}")


@pytest.mark.parametrize(
    ("since", "mismatch"), [(1, None), (2, None), (3, Mismatch.NEWER), (None, Mismatch.NEWER)]
)
def test_a_newer_database_says_who_goes_on(since: int | None, mismatch: Mismatch | None) -> None:
    found = SchemaVersion(4, 2, since)
    assert found.mismatch is mismatch
    assert found.find_mismatch(1) is mismatch


@pytest.mark.parametrize(
    ("installed", "mismatch"),
    [(None, Mismatch.MISSING), (1, Mismatch.OLDER), (2, None), (3, None), (4, None)],
)
def test_an_older_database_that_part_of_the_program_works_with(
    installed: int | None, mismatch: Mismatch | None
) -> None:
    assert SchemaVersion(installed, 4).find_mismatch(2) is mismatch


def test_words() -> None:
    assert SchemaVersion(3, 1, 2).describe() == (
        "ctaudit schema version 3, which works with programs of version 2 and newer, but this "
        "program's is 1; upgrade ctaudit"
    )
    assert SchemaVersion(3, 1, 1).describe() == (
        "ctaudit schema version 3, which works with this program's version 1"
    )


def test_the_recorder_is_not_older_than_its_program() -> None:
    assert 1 <= version.OLDEST_RECORDED <= version.EXPECTED_SCHEMA


@pytest.mark.parametrize(
    ("message", "absent"),
    [
        ("function ctaudit.who(inet, integer) does not exist; no function matches", "ctaudit.who"),
        ('relation "ctaudit.flow" does not exist', "ctaudit.flow"),
        ('column "hosts" does not exist', 'column "hosts"'),
        ("function public.who(inet) does not exist", None),
        ('relation "ulog2_ct" does not exist', None),
        ("function ctaudit.who(inet) is not unique", None),
    ],
)
def test_absent_objects(message: str, absent: str | None) -> None:
    told = describe_absent(message)
    assert told is None if absent is None else f"needs {absent}, which" in (told or "")
