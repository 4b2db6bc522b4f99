"""What the server says of an error, as a clause of a sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import psycopg
import pytest

from ctaudit.database.connection import (
    _ASK_THERE,
    _read_advice,
    asking,
    connect,
    describe_error,
)
from ctaudit.errors import DatabaseError, PrivilegeError


@pytest.mark.parametrize(
    ("detail", "hint", "clauses"),
    [
        (None, None, []),
        (
            None,
            "You might need to increase max_locks_per_transaction.",
            ["you might need to increase max_locks_per_transaction"],
        ),
        ("Process 1 waits;\nprocess 2 too.", None, ["Process 1 waits; process 2 too"]),
        ("Key (node)=(gw1) exists.", "CREATE it.", ["Key (node)=(gw1) exists", "CREATE it"]),
        # It would show addresses.
        ("Failing row contains (1.2.3.4).", None, []),
    ],
)
def test_detail_and_hint(detail: str | None, hint: str | None, clauses: list[str]) -> None:
    assert list(_read_advice(detail, hint)) == clauses


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        (
            "db.example",
            (
                "the login gw1 is not an auditor's; ask on the database's host db.example, or "
                "give --dsn with a login that is a member of ctaudit_auditor"
            ),
        ),
        ("/run/postgresql", "the login gw1 must be a member of ctaudit_auditor to ask"),
        ("", "the login gw1 must be a member of ctaudit_auditor to ask"),
    ],
)
def test_who_may_not_ask_is_told_where(host: str, advice: str) -> None:
    connection: Any = MagicMock(info=SimpleNamespace(host=host, user="gw1"))
    connection.execute.return_value.fetchall.return_value = [("off",)]
    connection.transaction.return_value.__exit__.return_value = False
    with pytest.raises(PrivilegeError) as caught, asking(connection):
        raise psycopg.errors.InsufficientPrivilege("permission denied for function who")
    assert str(caught.value) == (
        f"asking the database: permission denied for function who; {advice}"
    )


@pytest.mark.parametrize(
    ("dsn", "role", "advice"),
    [
        (
            "host=db1,db2 user=gw1", "auditor",
            _ASK_THERE.format("db1, db2"),
        ),
        ("host=/run/postgresql", "auditor", "the login must be a member of ctaudit_auditor"),
        ("host=db1", "recorder", "the login must be a member of ctaudit_recorder"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "refusal", ["fe_sendauth: no password supplied", 'role "root" does not exist']
)
def test_a_login_that_is_refused_is_told_where_to_ask(
    monkeypatch: pytest.MonkeyPatch, dsn: str, role: str, advice: str, refusal: str
) -> None:
    monkeypatch.setattr(
        psycopg.Connection, "connect", MagicMock(side_effect=psycopg.OperationalError(refusal))
    )
    with pytest.raises(DatabaseError) as caught:
        connect(dsn, role)
    assert str(caught.value).endswith(f"{refusal}; {advice}")


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        (psycopg.errors.QueryCanceled("due to statement timeout"), "statement_timeout"),
        (psycopg.errors.ConfigurationLimitExceeded("exceeds 1024kB"), "temp_file_limit"),
        (psycopg.errors.QueryCanceled("canceling statement due to user request"), None),
    ],
)  # fmt: skip
def test_a_limit_is_named_with_its_setting(error: psycopg.Error, setting: str | None) -> None:
    advice = f"; it is the login's or the database's {setting} that ended it" if setting else ""
    assert describe_error(error) == f"{error}{advice}"
