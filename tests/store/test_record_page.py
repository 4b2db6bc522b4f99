"""The page Record over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

pytest.importorskip("flask")

from psycopg.conninfo import make_conninfo

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway
from tests.store.pages import Document, browsing

HOSTILE = "</title><script>alert(1)</script>\"'&<b>"


@pytest.fixture(scope="module")
def client(dsn: str) -> Iterator[Any]:
    with browsing(dsn) as made:
        yield made


def read(client: Any, address: str, status: int = 200) -> Document:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    document = Document(answer.text)
    document.check()
    return document


def test_a_day(client: Any) -> None:
    page = read(client, "/record")
    for said in (
        "1 of 1 gateway had gaps in this time: 1 gap.", "overrun", "CET (UTC+01:00)", "123",
        "more connections began or ended at once than the gateway could take down",
        "connections that began, and ends", "not recorded yet",
    ):  # fmt: skip
        assert said in page.text, said
    assert page.elements.count("svg") == 2
    assert "overrun" in read(client, "/record?span=year&node=gw1").text


def test_a_span_and_a_begin_are_not_both_taken(client: Any) -> None:
    """Not one of them in silence; the form says which it shows."""
    begin = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    sent = client.get("/record", query_string={"span": "week", "from": begin})
    assert sent.status_code == 400
    page = Document(sent.text)
    assert "--span 'week': From is there as well" in page.text
    assert "span-wrong" in page.ids
    shown = client.get("/record", query_string={"span": "", "from": begin}).text
    assert '<option value="" selected>since From</option>' in shown


def test_its_twin(client: Any) -> None:
    plain = client.get("/record.json?span=week").get_json()
    assert [node["node"] for node in plain["nodes"]] == ["gw1"]
    assert [(gap["cause"], gap["lost"]) for gap in plain["latest_gaps"]] == [("overrun", 123)]
    assert {span["kind"] for span in plain["spans"]} >= {"covered", "gap", "pending"}


def test_another_span(client: Any) -> None:
    hours = [datetime.now(UTC) - timedelta(hours=each) for each in (30, 20)]
    words = {"from": hours[0].isoformat(), "until": hours[1].isoformat()}
    answer = client.get("/record", query_string=words)
    assert "No gateway had recorded anything by then." in answer.text
    assert "Later" in answer.text and "Earlier" in answer.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("span=month", "--span &#39;month&#39;: must be day, week, year"),
        ("until=yesterday", "--until &#39;yesterday&#39;: not a time"),
        ("node=gw9", "--node &#39;gw9&#39;: no gateway of that name"),
        ("from=2199-01-01", "is in the future"),
    ],
)
def test_wrong_input_is_a_sentence_beside_the_field(client: Any, query: str, said: str) -> None:
    answer = client.get(f"/record?{query}")
    assert answer.status_code == 400
    assert said in answer.text
    page = Document(answer.text)
    page.check()
    field = query.partition("=")[0]
    assert f"{field}-wrong" in page.ids
    plain = client.get(f"/record.json?{query}")
    assert plain.status_code == 400 and "error" in plain.get_json()


def test_what_takes_too_long_is_one_sentence(dsn: str, cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn()) as holder, browsing(dsn, timeout=1.0) as client:
        holder.execute("LOCK TABLE ctaudit.gap IN ACCESS EXCLUSIVE MODE")
        page, plain = client.get("/record"), client.get("/record.json")
    assert (page.status_code, plain.status_code) == (503, 503)
    assert "choose a shorter span, or one gateway by its name" in page.text
    assert plain.get_json() == {
        "error": "No answer in time: choose a shorter span, or one gateway by its name."
    }
    Document(page.text).check()


def test_hostile_text_stays_text(client: Any) -> None:
    for name in ("span", "until", "node", "from"):
        answer = client.get("/record", query_string={name: HOSTILE})
        assert "<script" not in answer.text and "<b>" not in answer.text
        Document(answer.text).check()


def test_hostile_names_of_gateways_stay_text(cluster: Cluster) -> None:
    cluster.create_database("hostile")
    try:
        schema.install(cluster.dsn("hostile"))
        gateway = Gateway(cluster.dsn("hostile"), HOSTILE)
        gateway.listen(datetime.now(UTC) - timedelta(hours=1))
        gateway.close()
        with browsing(make_conninfo(cluster.dsn("hostile"), user="audrey")) as client:
            page = read(client, "/record")
            assert HOSTILE in page.text
    finally:
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute("DROP DATABASE hostile WITH (FORCE)")
