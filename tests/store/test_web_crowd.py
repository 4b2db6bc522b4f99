"""Ask, where 1,200 hosts share one address: what stays readable, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

pytest.importorskip("flask")

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, opened, tuples
from tests.store.pages import SAME_SITE, Document, browsing
from tests.store.scenario import OUT, after

AT = f"{after(60):%Y-%m-%d %H:%M:%SZ}"


@pytest.fixture(scope="module")
def crowd(cluster: Cluster) -> Iterator[Any]:
    cluster.create_database("crowd")
    schema.install(cluster.dsn("crowd"))
    with closing(Gateway(cluster.dsn("crowd", user="rex"), "gw1")) as gateway:
        gateway.listen(after(-600))
        gateway.record([opened(each, after(10)) for each in many_hosts()], after(20))
        gateway.dump(after(600))
    with browsing(cluster.dsn("crowd", user="desk")) as client:
        yield client


def many_hosts() -> Iterator[dict[str, Any]]:
    for number in range(1200):
        host, port = f"10.9.{number >> 8}.{number & 255}", 2000 + number
        ends = tuples(f"{host} 1000 > 19.1.16.7 443", f"19.1.16.7 443 > 5.6.7.8 {port}")
        yield {**ends, "proto": 6, "ct_id": number, "status": OUT}


def ask(client: Any, address: str, **fields: str) -> tuple[Document, Any]:
    """The answer's page and its twin."""
    sent = client.post(address, data=fields, headers=SAME_SITE)
    assert sent.status_code == 303, sent.text
    place = sent.headers["Location"]
    page = Document(client.get(place).text)
    page.check()
    return page, client.get(f"{place}.json").get_json()


def test_a_thousand_candidates(crowd: Any) -> None:
    page, plain = ask(crowd, "/ask", public="5.6.7.8", at=AT)
    assert "1,000 connections of more than 1,000, of 1,200 hosts" in page.text
    assert page.elements.count("tr") == 1 + 1000
    assert "details" in page.elements
    assert len(plain["answers"]) == 1000


def test_a_letter_shows_and_keeps_fifty(crowd: Any) -> None:
    page, plain = ask(crowd, "/letter", letter=f"{AT} 5.6.7.8 did it\n")
    assert "The first 50 connections of more than 1,000" in page.text
    assert page.elements.count("tr") == 1 + 50
    [answer] = plain["answers"]
    assert (len(answer["answers"]), answer["connections"]) == (50, 1000)


def test_a_clock_that_is_off(crowd: Any) -> None:
    early = f"{after(8):%Y-%m-%d %H:%M:%SZ} 5.6.7.8:2007 did it\n"
    verdicts = [
        ask(crowd, "/letter", letter=early, within=seconds)[1]["answers"][0]["verdict"]
        for seconds in ("0", "5")
    ]
    assert verdicts == ["none", "one"]
