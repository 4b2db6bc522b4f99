"""The rule of matching on small arrays: ctaudit.lives, without a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster

_LIVES = """
SELECT opening, entry, ending, unobserved,
    to_char(started_at AT TIME ZONE 'UTC', 'SS.US'), to_char(next_at AT TIME ZONE 'UTC', 'SS.US')
FROM ctaudit.lives(ARRAY(
    SELECT s FROM jsonb_populate_recordset(NULL::ctaudit.sighting, %s::jsonb) AS s
)) ORDER BY started_at NULLS FIRST, opening, ending
"""
Life = tuple[int | None, int | None, int | None, int | None, str | None, str | None]


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    cluster.create_database("lives")
    schema.install(cluster.dsn("lives"))
    with psycopg.connect(cluster.dsn("lives")) as opened:
        yield opened


def at(second: float) -> str:
    return f"2026-11-24 12:00:{second:09.6f}+00"


def opening(number: int, event: float, read: float, ct_id: int = 7) -> dict[str, Any]:
    """A NEW with the kernel's event time, a lower bound of the start."""
    return {
        "number": number, "kind": "opening", "ct_id": ct_id, "received_at": at(read),
        "started_at": at(event), "start_from": at(event - 0.001), "start_until": at(read),
        "alive_at": at(event),
    }  # fmt: skip


def untimed(number: int, after: float, read: float, ct_id: int = 7) -> dict[str, Any]:
    """A NEW of an older kernel: sent after one time, read at another."""
    return opening(number, read, read, ct_id) | {"start_from": at(after), "alive_at": at(after)}


def ending(number: int, start: float | None, stop: float, ct_id: int = 7) -> dict[str, Any]:
    known = None if start is None else at(start)
    return {
        "number": number, "kind": "end", "ct_id": ct_id, "received_at": at(stop + 0.1),
        "started_at": known, "start_from": known or "-infinity",
        "start_until": known or at(stop + 0.1), "alive_at": at(stop), "gone_at": at(stop),
    }  # fmt: skip


def entry(number: int, start: float | None, dump: float, ct_id: int = 7) -> dict[str, Any]:
    known = None if start is None else at(start)
    return {
        "number": number, "kind": "entry", "ct_id": ct_id, "received_at": at(dump + 0.2),
        "started_at": known, "start_from": known or "-infinity",
        "start_until": known or at(dump + 0.2), "alive_at": at(dump),
    }  # fmt: skip


def unobserved(number: int, start: float, gone: float, ct_id: int = 7) -> dict[str, Any]:
    return ending(number, start, gone, ct_id) | {"kind": "unobserved"}


CASES: dict[str, tuple[list[dict[str, Any]], list[Life]]] = {
    "an end closes its opening": (
        [opening(1, 1, 1.2), ending(2, 1.00002, 5)],
        [(1, None, 2, None, "01.000020", None)],
    ),
    "a queue held the first packet for 20 ms": (
        [opening(1, 1, 1.2), ending(2, 1.0205, 5)],
        [(1, None, 2, None, "01.020500", None)],
    ),
    "the same tuple and id twice within 100 us: one end closes one opening": (
        [opening(1, 1, 1.2), opening(2, 1.0001, 1.2), ending(3, 1.00002, 1.00004)],
        [(1, None, 3, None, "01.000020", None), (2, None, None, None, "01.000100", None)],
    ),
    "the same, and a queue held the first packet of the first": (
        [opening(1, 0.985, 1.2), opening(2, 1.0004, 1.2), ending(3, 1.00002, 1.00004)],
        [(1, None, 3, None, "01.000020", None), (2, None, None, None, "01.000400", None)],
    ),
    "the same without event times, read in one burst": (
        [untimed(1, 0, 1.2), untimed(2, 0, 1.2), ending(3, 1, 1.1), ending(4, 1.15, 9)],
        [(1, None, 3, None, "01.000000", None), (2, None, 4, None, "01.150000", None)],
    ),
    "the same without any stamps: one end leaves one open": (
        [untimed(1, 0, 1.2), untimed(2, 0, 1.2), ending(3, None, 1.15)],
        [(1, None, 3, None, "01.200000", None), (2, None, None, None, "01.200000", None)],
    ),
    "the second read with the end of the first": (
        [untimed(1, 0, 1.2), untimed(2, 0, 1.201), ending(3, None, 1.101)],
        [(1, None, 3, None, "01.200000", None), (2, None, None, None, "01.201000", None)],
    ),
    "an end that was over before the opening was sent": (
        [untimed(1, 2, 2.2) | {"start_from": at(1.9)}, ending(2, 1.95, 1.97)],
        [(None, None, 2, None, "01.950000", None), (1, None, None, None, "02.200000", None)],
    ),
    "an end that came without its opening leaves a later opening open": (
        [opening(1, 5, 5.2), ending(2, 1, 4)],
        [(None, None, 2, None, "01.000000", None), (1, None, None, None, "05.000000", None)],
    ),
    "what no end closed was over when the tuple began again": (
        [opening(1, 1, 1.2), opening(2, 9, 9.2, ct_id=8)],
        [(1, None, None, None, "01.000000", "09.200000"),
         (2, None, None, None, "09.000000", None)],
    ),
    "a clashing entry ends nothing": (
        [opening(1, 1, 1.2), ending(2, 3, 9, ct_id=8) | {"clashed": True}],
        [(1, None, None, None, "01.000000", None), (None, None, 2, None, "03.000000", None)],
    ),
    "an entry gives the opening its start": (
        [opening(1, 1, 1.2), entry(2, 1.00003, 5)],
        [(1, 2, None, None, "01.000030", None)],
    ),
    "an entry without a start is of the connection that was alive": (
        [untimed(1, 0, 1.2), ending(2, None, 3), untimed(3, 3, 4.2), entry(4, None, 5)],
        [(1, None, 2, None, "01.200000", None), (3, 4, None, None, "04.200000", None)],
    ),
    "an entry read before an end that has no start is of that connection": (
        [entry(1, None, 5), ending(2, None, 9)],
        [(None, 1, 2, None, None, None)],
    ),
    "an observed end comes before an unobserved one": (
        [opening(1, 1, 1.2), unobserved(2, 1.00001, 8), ending(3, 1.00001, 5)],
        [(1, None, 3, 2, "01.000010", None)],
    ),
    "another id is another connection": (
        [opening(1, 1, 1.2), ending(2, 1, 5, ct_id=8)],
        [(None, None, 2, None, "01.000000", None), (1, None, None, None, "01.000000", None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_lives(connection: psycopg.Connection[Any], case: str) -> None:
    sightings, expected = CASES[case]
    for turned in (sightings, sightings[::-1]):
        found = connection.execute(_LIVES, (json.dumps(turned),)).fetchall()
        assert sorted(found, key=str) == sorted(expected, key=str)
