"""The view ctaudit.ulog2_ct: ulogd2's columns over our rows, each query of it on record."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from lab.ulogd import install_schema
from tests.store.gateway import SRC_NAT, Gateway, ended, opened, tuples
from tests.store.scenario import ARTICLE, after, fill_live

ROWS = "SELECT count(*) FROM ulog2_ct"


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> str:
    name = f"view_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    fill_live(cluster.dsn(name, "rex"))
    return name


@pytest.fixture
def auditor(cluster: Cluster, store: str) -> Iterator[psycopg.Connection[Any]]:
    """As existing queries see it: by the search path, with values in the text."""
    with psycopg.connect(
        cluster.dsn(store, "audrey"), options="-csearch_path=ctaudit",
        autocommit=True, cursor_factory=psycopg.ClientCursor,
    ) as connection:  # fmt: skip
        yield connection


def inquiries(cluster: Cluster, store: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(cluster.dsn(store)) as connection:
        return connection.execute(
            "SELECT asked_by, arguments ->> 'query', answers FROM ctaudit.inquiries()"
            " WHERE question = 'ulog2_ct' ORDER BY inquiry_id"
        ).fetchall()


def columns(connection: psycopg.Connection[Any], schema_name: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_name = 'ulog2_ct' AND table_schema = %s ORDER BY ordinal_position",
        (schema_name,),
    ).fetchall()


def test_columns_and_types_are_those_of_ulogd2(cluster: Cluster, store: str) -> None:
    old = install_schema(cluster, f"old_{uuid.uuid4().hex[:8]}")
    with psycopg.connect(old) as theirs, psycopg.connect(cluster.dsn(store)) as ours:
        assert columns(ours, "ctaudit") == columns(theirs, "public") != []


def test_the_articles_question(auditor: psycopg.Connection[Any]) -> None:
    rows = auditor.execute(
        "SELECT host(orig_ip_saddr_str), orig_l4_sport, orig_raw_pktcount, reply_raw_pktlen,"
        " ct_mark, ct_event, flow_start_sec, flow_start_usec, flow_end_sec, flow_end_usec"
        " FROM ulog2_ct WHERE reply_l4_dport = %s AND reply_ip_daddr_str = %s",
        (ARTICLE["reply_dport"], ARTICLE["reply_dst"]),
    ).fetchall()
    start, end = after(0.25), after(123.53)
    assert rows == [(
        "192.168.1.129", 53400, 23, 4328, 42, 4,
        int(start.timestamp()), start.microsecond, int(end.timestamp()), end.microsecond,
    )]  # fmt: skip


def test_one_row_a_connection(cluster: Cluster, store: str) -> None:
    """An opening stands only where no end is recorded."""
    with psycopg.connect(cluster.dsn(store)) as owner:
        events: dict[int, int] = dict(owner.execute(
            "SELECT ct_event, count(*) FROM ctaudit.ulog2_ct GROUP BY 1"
        ).fetchall())  # fmt: skip
        openings, flows = owner.execute(
            "SELECT (SELECT count(*) FROM ctaudit.opening), (SELECT count(*) FROM ctaudit.flow)"
        ).fetchall()[0]
        unended = owner.execute(
            "SELECT count(*) FROM ctaudit.ulog2_ct WHERE ct_event = 1 AND flow_end_sec IS NULL"
        ).fetchall()
    assert events[4] == flows
    assert 0 < events[1] < openings
    assert unended == [(events[1],)]


def test_protocols_without_ports(cluster: Cluster) -> None:
    name = f"view_{uuid.uuid4().hex[:8]}"
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    gateway = Gateway(cluster.dsn(name, "rex"), "gw1")
    gateway.listen(after(0))
    ping = {
        "orig_src": "192.168.1.129", "orig_dst": "19.1.16.7", "reply_src": "19.1.16.7",
        "reply_dst": "1.2.3.4", "orig_sport": 4711, "reply_dport": 4711, "proto": 1,
        "orig_icmp_type": 8, "orig_icmp_code": 0, "reply_icmp_type": 0, "reply_icmp_code": 0,
        "status": SRC_NAT, "ct_id": 1,
    }  # fmt: skip
    six = tuples("2a01::1 5 > 2a02::1 6", "2a02::1 6 > 2a01::1 5") | {"proto": 47, "ct_id": 2}
    gateway.record([opened(ping, after(5)), opened(six, after(6))], after(7))
    gateway.record([ended(ping, after(5), after(8))], after(9))
    gateway.close()
    with psycopg.connect(cluster.dsn(name)) as owner:
        rows = owner.execute(
            "SELECT oob_family, orig_ip_protocol, orig_l4_sport, reply_l4_dport, icmp_type,"
            " icmp_code, orig_raw_pktcount, ct_event FROM ctaudit.ulog2_ct ORDER BY 1"
        ).fetchall()
    assert rows == [(2, 1, None, None, 8, 0, 0, 4), (10, 47, None, None, None, None, 0, 1)]


def test_each_query_is_on_record_once(
    cluster: Cluster, store: str, auditor: psycopg.Connection[Any]
) -> None:
    before = len(inquiries(cluster, store))
    query = f"{ROWS} WHERE orig_ip_saddr_str = '192.168.1.129'"
    auditor.execute(query)
    auditor.execute("SELECT 1 FROM ulog2_ct WHERE false")
    auditor.execute("PREPARE twice AS SELECT count(*) FROM ulog2_ct")
    auditor.execute("EXECUTE twice")
    auditor.execute("EXECUTE twice")
    added = inquiries(cluster, store)[before:]
    assert added[0] == ("audrey", query, None)
    assert [query for _, query, _ in added[1:]] == ["EXECUTE twice"] * 2


def statements(cluster: Cluster, store: str) -> Any:
    """Those put on record with the last query."""
    with psycopg.connect(cluster.dsn(store)) as connection:
        (found,) = connection.execute(
            "SELECT arguments -> 'statements' FROM ctaudit.inquiry ORDER BY inquiry_id DESC"
        ).fetchone() or ("no inquiry",)
    return found


def test_what_a_cursor_or_a_prepared_statement_asks_is_on_record(
    cluster: Cluster, store: str, auditor: psycopg.Connection[Any]
) -> None:
    query = f"{ROWS} WHERE orig_ip_saddr_str = '192.168.1.129'"
    auditor.execute(query)
    assert statements(cluster, store) is None
    auditor.execute("BEGIN")
    auditor.execute(f"DECLARE few CURSOR FOR {query}")
    auditor.execute("FETCH ALL FROM few")
    auditor.execute("COMMIT")
    assert statements(cluster, store) == [f"DECLARE few CURSOR FOR {query}"]
    auditor.execute("BEGIN")
    auditor.execute(f"DECLARE held CURSOR WITH HOLD FOR {query}")
    auditor.execute("COMMIT")
    assert statements(cluster, store) == [f"DECLARE held CURSOR WITH HOLD FOR {query}"]
    auditor.execute("CLOSE held")
    auditor.execute(f"PREPARE mine (inet) AS {ROWS} WHERE orig_ip_saddr_str = $1")
    auditor.execute("EXECUTE mine ('192.168.1.129')")
    assert statements(cluster, store) == [
        f"PREPARE mine (inet) AS {ROWS} WHERE orig_ip_saddr_str = $1"
    ]


@pytest.mark.parametrize(
    "query",
    [
        f"{ROWS} /*'*/ WHERE reply_l4_dport = %s /*'*/",
        "SELECT E'\\'', count(*) FROM ulog2_ct WHERE reply_l4_dport = %s AND '' = ''",
        f"{ROWS} --'\n WHERE reply_l4_dport = %s --'",
    ],
)
def test_no_quote_hides_a_parameter(cluster: Cluster, store: str, query: str) -> None:
    with (
        psycopg.connect(
            cluster.dsn(store, "audrey"), options="-csearch_path=ctaudit"
        ) as connection,
        pytest.raises(psycopg.errors.FeatureNotSupported, match="lacks the values"),
    ):
        connection.execute(query, (53500,))  # type: ignore[arg-type]


def test_a_cursor_with_parameters_is_refused(cluster: Cluster, store: str) -> None:
    with (
        psycopg.connect(
            cluster.dsn(store, "audrey"), options="-csearch_path=ctaudit"
        ) as connection,
        connection.cursor("few") as cursor,
    ):
        cursor.execute(f"{ROWS} WHERE reply_l4_dport = %s", (53500,))  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="lacks the values"):
            cursor.fetchall()


def test_nothing_is_read_before_it_is_on_record(
    cluster: Cluster, store: str, auditor: psycopg.Connection[Any]
) -> None:
    """Not by a condition that tells what it sees, nor in a transaction that cannot write."""
    owner = psycopg.connect(cluster.dsn(store), autocommit=True)
    owner.execute(
        "CREATE OR REPLACE FUNCTION ctaudit.peek(inet) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
        " AS $$ BEGIN RAISE WARNING 'seen %', $1; RETURN false; END $$"
    )
    owner.execute("GRANT EXECUTE ON FUNCTION ctaudit.peek(inet) TO audrey")
    seen: list[str] = []
    auditor.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
    auditor.execute("BEGIN READ ONLY")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="put on record"):
        auditor.execute(f"{ROWS} WHERE peek(orig_ip_saddr_str)")
    auditor.execute("ROLLBACK")
    assert seen == []
    auditor.execute(f"{ROWS} WHERE peek(orig_ip_saddr_str)")
    assert seen
    owner.execute("DROP FUNCTION ctaudit.peek(inet)")
    owner.close()


@pytest.mark.parametrize("setting", ["on", "off"])
def test_values_that_would_not_be_on_record_are_refused(
    cluster: Cluster, store: str, auditor: psycopg.Connection[Any], setting: str
) -> None:
    """Whatever a backslash means in the session."""
    with psycopg.connect(cluster.dsn(store, "audrey")) as connection:
        connection.execute(f"SET standard_conforming_strings = {setting}".encode())
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="lacks the values"):
            connection.execute("SELECT * FROM ctaudit.ulog2_ct WHERE reply_l4_dport = %s", (53500,))
    auditor.execute(f"{ROWS} WHERE 'costs $5' <> ''")


def test_only_auditors_may_read_it_and_only_through_it(cluster: Cluster, store: str) -> None:
    for login, view in (
        ("rex", "ulog2_ct"), ("stranger", "ulog2_ct"), ("audrey", "ulog2_ct_row"),
    ):  # fmt: skip
        with (
            psycopg.connect(cluster.dsn(store, login)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(f"SELECT count(*) FROM ctaudit.{view}")  # type: ignore[arg-type]


def test_a_query_for_a_port_uses_the_index(auditor: psycopg.Connection[Any]) -> None:
    auditor.execute("SET enable_seqscan = off")
    plan = auditor.execute(
        "EXPLAIN SELECT * FROM ulog2_ct WHERE reply_l4_dport = 53500"
        " AND reply_ip_daddr_str = '1.2.3.4'"
    ).fetchall()
    scans = [line for (line,) in plan if "Scan" in line and "on flow_p" in line]
    assert scans
    assert all("Index" in line for line in scans)
