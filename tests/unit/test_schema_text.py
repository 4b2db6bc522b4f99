"""The schema's status, word for word."""

from __future__ import annotations

from datetime import date

import pytest

from ctaudit.database.schema import SchemaStatus
from ctaudit.database.schema_text import format_installed, format_schema
from ctaudit.database.steps import Done
from ctaudit.database.version import SchemaVersion


@pytest.mark.parametrize(
    ("installed", "pending", "until", "sentence"),
    [
        (None, ("0001", "0002"), None, "no ctaudit schema; run: ctaudit schema install."),
        (
            1,
            ("0002_more",),
            date(2026, 3, 1),
            (
                "ctaudit schema version 1, but this program needs 2; run: ctaudit schema upgrade "
                "(pending: 0002_more)."
            ),
        ),
        (
            3,
            (),
            date(2026, 3, 1),
            (
                "ctaudit schema version 3, which works with programs of version 3 and newer, but "
                "this program's is 2; upgrade ctaudit."
            ),
        ),
        (
            2,
            (),
            date(2026, 3, 1),
            "ctaudit schema version 2, as this program needs, and partitions until 2026-03-01.",
        ),
        (
            2,
            (),
            None,
            (
                "ctaudit schema version 2, as this program needs, but no partitions; "
                "run: ctaudit maintain."
            ),
        ),
    ],
)
def test_status_is_one_sentence(
    installed: int | None, pending: tuple[str, ...], until: date | None, sentence: str
) -> None:
    status = SchemaStatus(SchemaVersion(installed, 2), pending, until)
    assert format_schema(status) == f"The database has {sentence}"


def test_what_an_installation_did() -> None:
    assert format_installed(Done(1, ("0001_store",), ("a", "b"))) == [
        "The schema is version 1: applied 0001_store, made 2 partitions."
    ]


def test_what_the_owner_of_the_database_may_run() -> None:
    done = Done(1, (), (), ("REVOKE CONNECT ...", "GRANT CONNECT ..."))
    assert format_installed(done)[1] == (
        "Each login of the server may connect to this database; if nothing else is in it, run as "
        "its owner: REVOKE CONNECT ...; GRANT CONNECT ...;"
    )
