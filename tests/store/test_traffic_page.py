"""The page Traffic over a real store: each question is put on record, and has an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

pytest.importorskip("flask")

from ctaudit.web import traffic_pages
from lab.cluster import Cluster
from tests.store.pages import SAME_SITE, Document, as_person, browsing
from tests.store.scenario import COUNTS, after

ONE = COUNTS["orig_bytes"] + COUNTS["reply_bytes"]
SPAN = {"from": after(0).isoformat(), "until": after(900).isoformat()}
HOSTILE = "</title><script>alert(1)</script>\"'&<b>"


@pytest.fixture(scope="module")
def client(dsn: str) -> Iterator[Any]:
    with browsing(dsn) as made:
        yield made


def send(client: Any, address: str = "/traffic", **fields: str) -> Any:
    return client.post(address, data=fields, headers=SAME_SITE)


def ask(client: Any, **fields: str) -> Document:
    sent = send(client, **fields)
    assert sent.status_code == 303, sent.text
    assert sent.headers["Location"].startswith("/inquiries/")
    page = Document(client.get(sent.headers["Location"]).text)
    page.check()
    return page


def test_the_form_asks_nothing(client: Any, cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn()) as connection:
        before = connection.execute("SELECT count(*) FROM ctaudit.inquiry").fetchone()
        page = Document(client.get("/traffic?host=192.168.1.129").text)
        assert connection.execute("SELECT count(*) FROM ctaudit.inquiry").fetchone() == before
    page.check()
    assert {"by", "from", "until", "bucket", "top", "node", "host", "case"} <= set(page.ids)
    assert ("value", "192.168.1.129") in page.attributes


def test_all_together(client: Any) -> None:
    page = ask(client, **SPAN, bucket="5min")
    assert re.search(r"In all [\d,]+ bytes in 9 connections\.", page.text)
    assert "The record is complete in all of this time." in page.text
    assert page.elements.count("svg") == 2


def test_by_host(client: Any) -> None:
    page = ask(client, **SPAN, by="host", bucket="900s")
    assert "192.168.1.129" in page.text and f"{4 * ONE:,}" in page.text


def test_a_broad_question_gets_a_notice(client: Any) -> None:
    notice = "This asked for every host without a case and a reason"
    assert notice in ask(client, **SPAN, by="host").text
    assert notice not in ask(client, **SPAN, by="host", case="1", reason="test").text
    assert notice not in ask(client, **SPAN, by="host", host="192.168.1.129").text
    half = "This asked for every host without a reason, and is so on record."
    assert half in ask(client, **SPAN, by="host", case="1").text


def test_the_others(client: Any) -> None:
    page = ask(client, **SPAN, by="host", top="1", bucket="15min")
    assert "all others" in page.text and "192.168.1.131" not in page.text
    assert "The 1 with the most bytes" in page.text


def test_durations(client: Any) -> None:
    page = ask(client, **SPAN, by="durations")
    assert "30 s echo" in page.text and "120 s TIME_WAIT" in page.text
    assert "its duration includes the protocol's closing time-out" in page.text


def test_where_the_record_is_not_complete(client: Any) -> None:
    words = {"from": after(900).isoformat(), "until": after(1300).isoformat()}
    page = ask(client, **words, bucket="1min")
    assert "gap (overrun)" in page.text
    assert "record not complete" in page.text


def test_what_nothing_counted_is_no_zero(client: Any) -> None:
    words = {"from": after(1200).isoformat(), "until": after(3000).isoformat()}
    page = ask(client, **words, host="192.168.1.130", bucket="10min")
    assert "It is not zero." in page.text and "not counted" in page.text


def test_it_is_on_record_and_its_twin_has_the_same(client: Any, cluster: Cluster) -> None:
    sent = send(client, "/traffic.json", **SPAN, case="2026-17", reason="a test", bucket="5min")
    assert sent.status_code == 303
    plain = client.get(sent.headers["Location"]).get_json()
    assert sum(share["bytes"] for share in plain["shares"]) == pytest.approx(9 * ONE, abs=2 * ONE)
    assert plain["uncovered"] == []
    with psycopg.connect(cluster.dsn()) as connection:
        row = connection.execute(
            "SELECT question, case_reference, reason, a.answers FROM ctaudit.inquiry"
            " LEFT JOIN ctaudit.inquiry_answer AS a USING (inquiry_id) WHERE inquiry_id = %s",
            [plain["inquiry"]],
        ).fetchone()
    assert row == ("traffic", "2026-17", "a test", len(plain["shares"]))
    assert sent.headers["Location"] == f"/inquiries/{plain['inquiry']}.json"
    assert client.get(f"/inquiries/{plain['inquiry']}/report.html").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"by": "colour"}, "by", "must be total, host, remote, service, durations"),
        ({"from": "then"}, "from", "not a time"),
        ({"bucket": "fortnight"}, "bucket", "must be a length of time"),
        ({**SPAN, "bucket": "1s"}, "bucket", "a page draws at most 400"),
        ({"top": "many"}, "top", "not a whole number"),
        ({"top": "51"}, "top", "a page draws at most 50"),
        ({"top": "0"}, "top", "must be a number from 1"),
        ({"node": "gw9"}, "node", "known are gw1"),
        ({"host": "192.168.1.300"}, "host", "192.168.1.300"),
        ({"remote": "x"}, "remote", "x"),
        ({"case": "x" * 201}, "case", "at most 200"),
        ({"reason": "\x1b"}, "reason", "control character"),
    ],
)
def test_wrong_input_is_a_sentence_beside_the_field(
    client: Any, fields: dict[str, str], field: str, said: str
) -> None:
    sent = send(client, **fields)
    assert sent.status_code == 400, sent.text
    page = Document(sent.text)
    page.check()
    assert said in page.text
    assert f"{field}-wrong" in page.ids
    assert send(client, "/traffic.json", **fields).status_code == 400


def test_hostile_text_stays_text(client: Any) -> None:
    for name in traffic_pages.WANTED:
        sent = send(client, **{**SPAN, name: HOSTILE})
        answer = client.get(sent.headers["Location"]) if sent.status_code == 303 else sent
        assert "<script" not in answer.text and "<b>" not in answer.text
        Document(answer.text).check()


def test_an_answer_is_seen_by_who_asked(cluster: Cluster) -> None:
    with browsing(cluster.dsn(user="desk"), is_named=True) as client:
        ann, bob = map(as_person, ("ann", "bob"))
        sent = client.post("/traffic", data={**SPAN, "by": "host"}, headers=ann)
        address = sent.headers["Location"]
        assert "192.168.1.129" in client.get(address, headers=ann).text
        for kind in ("", ".json"):
            assert client.get(address + kind, headers=bob).status_code == 404
    with psycopg.connect(cluster.dsn()) as connection:
        row = connection.execute(
            "SELECT asked_by, on_behalf_of FROM ctaudit.inquiry WHERE inquiry_id = %s",
            [address.rpartition("/")[2]],
        ).fetchone()
    assert row == ("desk", "ann")


def test_what_is_no_longer_kept_can_be_asked_again(client: Any, dsn: str) -> None:
    words = {**SPAN, "by": "host", "bucket": "26h", "case": "7", "reason": "again", "top": "3"}
    address = send(client, **words).headers["Location"]
    with browsing(dsn) as another:
        page = Document(another.get(address).text)
    page.check()
    [link] = [str(value) for name, value in page.attributes if str(value)[:9] == "/traffic?"]
    form = Document(client.get(link).text)
    assert {("value", "93600s"), ("value", "7"), ("value", "again"), ("value", "3")} <= set(
        form.attributes
    )
    assert ("value", "durations") in form.attributes


def test_another_site_may_not_ask(client: Any) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert client.post("/traffic", data=SPAN, headers=headers).status_code == 403


def test_where_a_reason_is_required(client: Any, cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("SELECT ctaudit.require_reason(true)")
        try:
            sent = send(client, **SPAN)
            answered = send(client, **SPAN, case="1", reason="test")
        finally:
            connection.execute("SELECT ctaudit.require_reason(false)")
    assert sent.status_code == 400
    assert "answers no question without a case and a reason" in Document(sent.text).text
    assert answered.status_code == 303


def test_a_question_that_takes_too_long_is_one_sentence(dsn: str, cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn()) as holder, browsing(dsn, timeout=1.5) as client:
        holder.execute("LOCK TABLE ctaudit.flow_row IN ACCESS EXCLUSIVE MODE")
        sent = send(client, **SPAN, by="host")
        plain = send(client, "/traffic.json", **SPAN, by="host")
    assert (sent.status_code, plain.status_code) == (503, 503)
    page = Document(sent.text)
    page.check()
    sentence = "No answer within 1.5 s: ask for a shorter span, for one host or one gateway"
    assert sentence in page.text
    assert plain.get_json()["error"].startswith(sentence)


def test_gaps_that_take_too_long_leave_the_answer(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic_pages, "_UNCOVERED_SECONDS", 0.001)
    with browsing(dsn) as client:
        page = ask(client, **SPAN)
    assert "the page Record has the gaps of this time" in page.text
    assert "The record is complete" not in page.text
