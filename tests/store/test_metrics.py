"""ctaudit.metrics, own_metrics and canary: what a gateway, or all of them, can be measured by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ctaudit.conntrack.event import Kind
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway

NAME = "metrics"
SPORT, DPORT = 40123, 9
BEGAN = datetime.now(UTC) - timedelta(hours=6)


@pytest.fixture
def dsn(cluster: Cluster) -> Iterator[str]:
    cluster.create_database(NAME)
    schema.install(cluster.dsn(NAME))
    yield cluster.dsn(NAME)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')


@pytest.fixture
def gateway(dsn: str) -> Iterator[Gateway]:
    made = Gateway(dsn, "gw1")
    yield made
    made.close()


def measure(gateway: Gateway, node: str | None = None) -> dict[str, Any] | None:
    """The row of ctaudit.own_metrics, which must be that of ctaudit.metrics."""
    name = node or gateway.node
    with gateway.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        own = cursor.execute("SELECT * FROM ctaudit.own_metrics(%s)", (name,)).fetchone()
        listed = cursor.execute("SELECT * FROM ctaudit.metrics()").fetchall()
    if own is not None:
        [same] = [row for row in listed if row["node"] == name]
        assert own.pop("lag") <= same.pop("lag") if own["lag"] is not None else not same["lag"]
        for key in ("uncovered", "uncovered_in_part"):
            assert same.pop(key) == pytest.approx(own[key], abs=5)
            own[key] = pytest.approx(own[key], abs=5)
        assert same == {key: value for key, value in own.items() if key in same}
    return own


def canary_event(at: datetime, sport: int = SPORT, **more: Any) -> dict[str, Any]:
    ends = dict.fromkeys(("orig_src", "orig_dst", "reply_src", "reply_dst"), "127.0.0.1")
    return {
        "kind": Kind.NEW, "received_at": at, "proto": 17, **ends, "orig_sport": sport,
        "orig_dport": DPORT, "reply_sport": DPORT, "reply_dport": sport, "status": 256, **more,
    }  # fmt: skip


def is_found(gateway: Gateway, sent_at: datetime, sport: int = SPORT) -> bool:
    row = gateway.connection.execute(
        "SELECT ctaudit.canary(%s, %s, %s, %s, %s)",
        (gateway.node, gateway.stream, sent_at, sport, DPORT),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def test_counts_are_those_of_the_latest_stream(dsn: str, gateway: Gateway) -> None:
    assert measure(gateway) is None
    gateway.listen(BEGAN)
    gateway.record([canary_event(BEGAN)], BEGAN + timedelta(minutes=1))
    found = measure(gateway)
    assert found is not None
    assert (found["received"], found["stored"], found["filtered"]) == (1, 1, 0)
    assert found["started_at"] == BEGAN
    gateway.note("stop", BEGAN + timedelta(minutes=2), {})
    later = Gateway(dsn, "gw1")
    later.listen(BEGAN + timedelta(hours=1))
    found = measure(later)
    later.close()
    assert found is not None
    assert (found["received"], found["canary_at"]) == (0, None)


def test_gaps_count_in_seconds_of_the_last_day(gateway: Gateway) -> None:
    now = datetime.now(UTC)
    gateway.listen(now - timedelta(hours=30))
    gateway.record([], now - timedelta(hours=25))
    # Of the two hours of this one, one lies in the last day.
    gateway.note("overrun", now - timedelta(hours=25), {"lost": 4, "undelivered": 4})
    gateway.record([], now - timedelta(hours=23, seconds=1))
    gateway.dump(now - timedelta(hours=23))
    found = measure(gateway)
    assert found is not None
    assert found["uncovered"] == pytest.approx(3600, abs=10)
    assert (found["open_gaps"], found["kernel_drops"]) == (0, 4)
    gateway.record([], now - timedelta(hours=1))
    gateway.note("overrun", now - timedelta(minutes=59), {"lost": None})
    found = measure(gateway)
    assert found is not None
    assert found["uncovered"] == pytest.approx(7200, abs=20)
    assert found["open_gaps"] == 1


def test_a_gap_of_one_protocol_counts_apart(gateway: Gateway) -> None:
    now = datetime.now(UTC)
    gateway.listen(BEGAN)
    gateway.record([], now - timedelta(hours=2))
    since = int((now - timedelta(hours=2)).timestamp()) * 1_000_000_000
    gateway.note(
        "clashes", now - timedelta(hours=1), {"count": 3, "since": since, "udp_timeout": 30}
    )
    found = measure(gateway)
    assert found is not None
    assert found["uncovered"] == 0
    assert found["uncovered_in_part"] == pytest.approx(3630, abs=60)


def test_who_is_gone_is_not_measured(gateway: Gateway) -> None:
    gateway.listen(BEGAN)
    gateway.note("stop", BEGAN + timedelta(minutes=2), {"retired": True})
    assert gateway.connection.execute("SELECT * FROM ctaudit.metrics()").fetchall() == []


@pytest.mark.parametrize("mode", ["live", "nat"])
def test_a_canary_is_found_by_its_opening(dsn: str, mode: str) -> None:
    gateway = Gateway(dsn, "gw1", mode)
    gateway.listen(BEGAN)
    sent = BEGAN + timedelta(minutes=5)
    assert not is_found(gateway, sent)
    gateway.record([canary_event(sent - timedelta(hours=1))], sent)
    assert not is_found(gateway, sent), "an earlier packet of the same port"
    gateway.record([canary_event(sent, SPORT + 1)], sent)
    gateway.record([canary_event(sent, orig_dst="192.168.1.1")], sent)
    gateway.record([canary_event(sent, proto=6)], sent)
    assert not is_found(gateway, sent), "another connection"
    gateway.record([canary_event(sent)], sent)
    assert is_found(gateway, sent)
    gateway.close()


def test_a_canary_is_found_by_its_end_in_history(dsn: str) -> None:
    gateway = Gateway(dsn, "gw1", "history")
    gateway.listen(BEGAN)
    sent = BEGAN + timedelta(minutes=5)
    end = sent + timedelta(seconds=30)
    before = canary_event(end, kind=Kind.DESTROY, start_sent=sent - timedelta(minutes=1))
    gateway.record([before], end)
    assert not is_found(gateway, sent), "the end of an earlier one"
    gateway.record([canary_event(end, kind=Kind.DESTROY, start_sent=sent)], end)
    assert is_found(gateway, sent)
    gateway.close()


def test_another_gateway_s_packet_is_not_the_canary(dsn: str, gateway: Gateway) -> None:
    gateway.listen(BEGAN)
    other = Gateway(dsn, "gw2")
    other.listen(BEGAN)
    other.record([canary_event(BEGAN + timedelta(minutes=5))], BEGAN + timedelta(minutes=5))
    assert is_found(other, BEGAN + timedelta(minutes=5))
    assert not is_found(gateway, BEGAN + timedelta(minutes=5))
    other.close()


def test_a_found_canary_has_its_time(gateway: Gateway) -> None:
    gateway.listen(BEGAN)
    sent = (BEGAN + timedelta(minutes=5)).replace(microsecond=123456)
    gateway.connection.execute(
        "SELECT ctaudit.set_canary(%s, %s, %s)", (gateway.node, gateway.stream, sent)
    )
    found = measure(gateway)
    assert found is not None
    assert found["canary_at"] == sent
    inquiries = gateway.connection.execute("SELECT count(*) FROM ctaudit.inquiry").fetchone()
    assert inquiries == (0,)
