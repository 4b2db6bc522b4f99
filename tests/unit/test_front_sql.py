"""What a front's installation makes of the stores' files."""

from __future__ import annotations

import re

import pytest

from ctaudit.database.front_sql import extract_type, fill_signature, read_front, unite
from ctaudit.database.steps import find_sql
from ctaudit.errors import SchemaError

SQL = find_sql()


def test_a_united_function_has_the_stores_signature() -> None:
    text = unite(SQL, "gaps", "gap_from, node")
    store = (SQL / "functions" / "gaps.sql").read_text()
    signature = store[store.index("CREATE") : store.index("LANGUAGE")]
    assert signature.strip() in text
    assert "'p_node', p_node::text, 'p_from', p_from::text, 'p_until', p_until::text" in text
    assert "ORDER BY r.gap_from, r.node;" in text


def test_a_function_without_a_table_is_not_united() -> None:
    with pytest.raises(SchemaError, match=r"ctaudit\.who returns no table"):
        unite(SQL, "who", "node")


def test_every_file_of_a_front_is_listed_once() -> None:
    listed = (SQL / "front" / "front.list").read_text()
    names = {file.name for file in (SQL / "front").glob("*.sql")}
    for name in names:
        assert len(re.findall(rf"^{re.escape(name)}$", listed, re.MULTILINE)) == 1, name


def test_no_signature_is_left_to_fill_in() -> None:
    statements = list(read_front(SQL))
    assert len(statements) > 40
    assert not [one.name for one in statements if "@signature" in one.text]
    who = fill_signature(SQL, SQL / "front" / "who.sql")
    assert "RETURNS SETOF ctaudit.connection\nLANGUAGE sql\n" in who


def test_a_type_that_is_not_there() -> None:
    file = SQL / "migrations" / "0001_store.sql"
    assert "idle_since timestamptz" in extract_type(file, "connection")
    with pytest.raises(SchemaError, match=r"has no type ctaudit\.nothing"):
        extract_type(file, "nothing")


def test_what_an_auditor_asks_a_store_a_front_answers() -> None:
    """But for the view ulog2_ct and its functions."""
    granted = {
        name
        for names in re.findall(
            r"GRANT EXECUTE ON FUNCTION\s+([^;]*?)\s+TO ([^;]*ctaudit_auditor)",
            (SQL / "grants.sql").read_text(),
        )
        for name in re.findall(r"ctaudit\.(\w+)", names[0])
    }
    of_view = {
        "note_ulog2_ct", "same_tuple", "closes", "is_one", "start_from", "start_until",
        "time_source_of", "icmp_type", "icmp_code",
    }  # fmt: skip
    front = set(re.findall(r"ctaudit\.(\w+)", (SQL / "front" / "grants.sql").read_text()))
    assert granted - of_view - front == set()
