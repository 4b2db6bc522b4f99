"""What an error of the server asks for, and times as PostgreSQL takes them."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from ctaudit.conntrack.event import COLUMNS
from ctaudit.errors import DatabaseError
from ctaudit.record.procedures import Fault, classify, count_taken, to_time
from tests.unit.database import lost_connection, server_error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (psycopg.errors.NotNullViolation("a column"), Fault.CONTENT),
        # Of a check its constraint would be named: tests/store/test_rejections.py.
        (psycopg.errors.CheckViolation("no partition of relation"), Fault.UNREACHABLE),
        (psycopg.errors.NumericValueOutOfRange("smallint"), Fault.CONTENT),
        (psycopg.errors.CardinalityViolation("more than one row"), Fault.CONTENT),
        (psycopg.errors.NoDataFound("INTO STRICT"), Fault.CONTENT),
        (psycopg.errors.RaiseException("a trigger's"), Fault.UNREACHABLE),
        (server_error("CT001"), Fault.POSITION),
        (server_error("CT002"), Fault.POSITION),
        (server_error("CT003"), Fault.UNREACHABLE),
        (server_error("CT005"), Fault.LOGIN),
        (psycopg.errors.AdminShutdown("terminating connection"), Fault.UNREACHABLE),
        (psycopg.errors.DiskFull("no space"), Fault.UNREACHABLE),
        (psycopg.errors.UndefinedFunction("no procedure"), Fault.UNREACHABLE),
        (psycopg.errors.SerializationFailure("again"), Fault.UNREACHABLE),
        (lost_connection(), Fault.UNREACHABLE),
        (DatabaseError("cannot connect"), Fault.UNREACHABLE),
    ],
    ids=lambda value: getattr(value, "sqlstate", None) or str(value),
)
def test_fault_of_an_error(error: Exception, fault: Fault) -> None:
    assert classify(error) is fault


def test_times_are_cut_to_microseconds() -> None:
    moment = datetime(2024, 2, 22, 11, 59, 43, 123456, tzinfo=UTC)
    assert to_time(1_708_603_183_123_456_999) == moment


@pytest.mark.parametrize(
    ("parameters", "columns"),
    [
        ([5 + len(COLUMNS)], len(COLUMNS)),
        ([5 + len(COLUMNS) - 1], len(COLUMNS) - 1),
        ([5 + len(COLUMNS) + 1], len(COLUMNS)),
        ([5 + len(COLUMNS) - 1, 5 + len(COLUMNS) + 1], len(COLUMNS) - 1),
        ([5 + len(COLUMNS) - 2, 5 + len(COLUMNS)], len(COLUMNS)),
        ([3], len(COLUMNS)),
        ([], len(COLUMNS)),
    ],
)
def test_columns_that_a_procedure_takes(parameters: list[int], columns: int) -> None:
    assert count_taken(parameters) == columns
