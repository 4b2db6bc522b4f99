"""The columns of a batch: one list in Python, types and parameters in SQL that agree with it."""

from __future__ import annotations

import psycopg
import pytest

from ctaudit.conntrack.event import (
    BIGINT,
    BYTEA,
    COLUMNS,
    INET,
    INTEGER,
    SMALLINT,
    TEXT,
    TIMESTAMPTZ,
)
from lab.cluster import Cluster

FIRST = 5  # parameters of a record procedure before those of the columns
ELEMENTS = [(name, element.oid) for name, element in COLUMNS.items()]
ARRAYS = [(name, element.array_oid) for name, element in COLUMNS.items()]


def fetch(cluster: Cluster, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.dsn()) as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "wanted"), [("event", ELEMENTS), ("event_columns", ARRAYS)])
def test_types(cluster: Cluster, name: str, wanted: list[tuple[str, int]]) -> None:
    query = (
        "SELECT attname, atttypid::integer FROM pg_attribute "
        "WHERE attrelid = ('ctaudit.' || %s)::regclass ORDER BY attnum"
    )
    assert fetch(cluster, query, name) == wanted


@pytest.mark.parametrize("name", ["record_live", "record_nat", "record_history"])
def test_parameters(cluster: Cluster, name: str) -> None:
    query = (
        "SELECT a.name, a.type::integer FROM pg_proc AS p, "
        "unnest(p.proargnames, p.proargtypes::oid[]) WITH ORDINALITY AS a (name, type, place) "
        "WHERE p.oid = ('ctaudit.' || %s)::regproc AND a.place > %s ORDER BY a.place"
    )
    assert fetch(cluster, query, name, FIRST) == [(f"p_{column}", oid) for column, oid in ARRAYS]


VALUES = {
    SMALLINT: "7", INTEGER: "7", BIGINT: "7", INET: "10.0.0.7", TEXT: "seven",
    TIMESTAMPTZ: "2026-01-01 00:00:07+00", BYTEA: r"\\x07",
}  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_each_array_becomes_its_column(cluster: Cluster, column: str) -> None:
    """Two events of which one has this value, and nothing else is known of either."""
    arrays = [
        f"'{{\"{VALUES[element]}\", NULL}}'" if name == column else "'{}'"
        for name, element in COLUMNS.items()
    ]
    rows = fetch(
        cluster,
        "SELECT array(SELECT jsonb_object_keys(jsonb_strip_nulls(to_jsonb(e)))) "
        f"FROM ctaudit.events(ROW({', '.join(arrays)})) AS e",
    )
    assert rows == [([column],), ([],)]


PLANS = {
    "events": (
        "SELECT zone FROM ctaudit.events(ROW('{1}'"
        + ", '{}'" * (len(COLUMNS) - 1)
        + ")) WHERE kind = 1"
    ),
    "same_tuple": (
        "SELECT FROM ctaudit.flow_default AS f JOIN ctaudit.opening_default AS o "
        "ON ctaudit.same_tuple("
        "f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id, "
        "o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport, o.ct_id)"
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_planner_replaces_the_call(cluster: Cluster, name: str) -> None:
    """A call that stays in the plan costs several times as much, and uses no index."""
    plan = "\n".join(str(line) for (line,) in fetch(cluster, f"EXPLAIN VERBOSE {PLANS[name]}"))
    assert f"{name}(" not in plan
    assert {"events": "ProjectSet", "same_tuple": "Cond: "}[name] in plan
