"""What the pages refuse, and what they say where something goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

pytest.importorskip("flask")

from ctaudit.web import ask_pages, store
from ctaudit.web.application import BODY_MAX
from ctaudit.web.guard import HEADERS
from lab.cluster import Cluster
from tests.store.pages import (
    ALICE,
    AT,
    HOSTILE,
    PUBLIC,
    QUESTION,
    Document,
    as_person,
    ask,
    browsing,
    count,
    fault,
    letter,
    send,
)  # fmt: skip
from tests.store.scenario import after


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("public", "nobody", "ADDRESS:PORT 'nobody': not an address"),
        ("public", "", "ADDRESS:PORT: must not be empty"),
        ("at", "yesterday", "--at 'yesterday': not a time"),
        ("at", "", "--at: must not be empty"),
        ("to", "x", "--to 'x': not an address"),
        ("proto", "pigeon", "--proto 'pigeon': must be"),
        ("within", "-1", "--within '-1': must be seconds"),
        ("zone", "x", "--zone 'x': a conntrack zone"),
        ("case", "x" * 201, "--case of 201 characters"),
        ("reason", "a\x00b", "reason 'a\\x00b': has a control character"),
        ("node", "n" * 1001, "node: 1,001 characters"),
    ],
)
def test_a_sentence_beside_its_field(client: Any, name: str, value: str, sentence: str) -> None:
    said: dict[str, Any] = {**QUESTION, name: value}
    page = fault(client, **said)
    assert sentence in page.text
    assert ("href", f"#{name}") in page.attributes, "the summary leads to the field"
    place = page.attributes.index(("name", name))
    described = page.attributes[place : page.attributes.index(("aria-invalid", "true")) + 1]
    assert len([each for each in described if each[0] == "name"]) == 1, "of this very field"
    kept = {**QUESTION, name: value}
    values = {text for attribute, text in page.attributes if attribute == "value"}
    assert {each for each in kept.values() if each.isprintable()} <= values | {""}
    plain = client.post("/ask.json", data={**QUESTION, name: value}, headers=ALICE)
    assert (plain.status_code, list(plain.json)) == (400, ["error"])
    assert sentence in plain.json["error"]


def test_a_case_that_a_letter_lacks(client: Any, owner: psycopg.Connection[Any]) -> None:
    owner.execute("SELECT ctaudit.require_reason(true)")
    try:
        page = fault(client, public=PUBLIC, at=AT)
        assert ("id", "case-wrong") in page.attributes
        page = fault(client, address="/letter", letter=letter(60))
        assert ("id", "letter-case-wrong") in page.attributes
        assert ("id", "case-wrong") not in page.attributes
        assert "give --case and --reason" in page.text
        ask(client)
    finally:
        owner.execute("SELECT ctaudit.require_reason(false)")


@pytest.mark.parametrize("name", ["public", "at", "to", "proto", "node", "within", "zone"])
def test_markup_in_a_field_stays_text(client: Any, name: str) -> None:
    sent = send(client, **{**QUESTION, name: HOSTILE})
    text = sent.text
    if sent.status_code == 303:
        text = client.get(sent.headers["Location"], headers=ALICE).text
    assert "script" not in Document(text).elements
    assert "onload" not in dict(Document(text).attributes)


@pytest.fixture
def holder(owner: psycopg.Connection[Any]) -> Iterator[str]:
    """Who had the internal address, until the test ends: other tests ask for it too."""
    name = f"customer {HOSTILE}"
    owner.execute(
        "SELECT ctaudit.set_holder('192.168.1.129', %s, %s, NULL, 'hostile', %s)",
        [name, after(-60), HOSTILE],
    )  # fmt: skip
    yield name
    owner.execute("DELETE FROM ctaudit.holder WHERE source = 'hostile'")


def test_markup_in_what_is_kept_stays_text(client: Any, holder: str) -> None:
    said = as_person(HOSTILE)
    fields = {**QUESTION, "case": HOSTILE, "reason": HOSTILE}
    text = letter(60) + f"{HOSTILE}\n{after(60):%Y-%m-%d} {HOSTILE} 1.2.3.4:53600 {HOSTILE}\n"
    places = [ask(client, said, **fields)]
    places.append(ask(client, said, "/letter", letter=text, case=HOSTILE, reason=HOSTILE))
    texts = [client.get(f"{place}{end}", headers=said).text for place in places
             for end in ("", "/report.html")]  # fmt: skip
    texts.append(client.get("/inquiries", headers=said).text)
    texts.append(client.get(f"/inquiries?case={HOSTILE}", headers=said).text)
    texts.append(client.get(f"/?public={HOSTILE}&reason={HOSTILE}", headers=said).text)
    texts.append(send(client, "/letter", said, letter=HOSTILE, date=HOSTILE).text)
    assert all(" ".join(holder.split()) in Document(text).text for text in texts[:4])
    for number, page in enumerate(map(Document, texts)):
        assert "script" not in page.elements, number
        assert not {name for name, _ in page.attributes if name.startswith("on")}, number
        assert "alert(1)" in page.text or any("alert(1)" in str(v) for _, v in page.attributes)


def test_the_protections_are_on_every_response(client: Any) -> None:
    place = ask(client)
    for got in (
        client.get("/", headers=ALICE), client.get("/style.css", headers=ALICE),
        client.get(place, headers=ALICE), client.get(f"{place}.json", headers=ALICE),
        client.get("/nothing", headers=ALICE), client.get("/", headers={}),
        client.post("/ask", data=QUESTION, headers={"X-Remote-User": "alice"}),
        client.post("/ask", data={}, headers=ALICE), client.get("/ask", headers=ALICE),
        client.head("/", headers=ALICE), client.options("/ask", headers=ALICE),
        client.post("/letter", data={"letter": "x" * (BODY_MAX + 1)}, headers=ALICE),
        client.get(f"{place}/report.html", headers=ALICE), send(client, **QUESTION),
    ):  # fmt: skip
        assert {name: got.headers.get(name) for name in HEADERS} == HEADERS, got.status


def test_a_form_from_elsewhere_asks_nothing(client: Any, owner: psycopg.Connection[Any]) -> None:
    before = count(owner)
    for said in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        headers = {"X-Remote-User": "alice", **said}
        for address in ("/ask", "/letter", "/ask.json", "/letter.json", "/traffic"):
            sent = client.post(address, data=QUESTION, headers=headers)
            assert sent.status_code == 403
            assert "another site" in sent.text
    assert count(owner) == before


def test_another_name_of_loopback_is_refused(local: Any) -> None:
    for address in ("/", "/inquiries", "/style.css", "/record"):
        got = local.get(address, headers={"Host": "evil.example"})
        assert got.status_code == 403
        assert "ask for localhost" in got.text


def test_a_login_that_may_not_name_a_person(dsn: str) -> None:
    with browsing(dsn, is_named=True) as client:
        page = fault(client, 503, **QUESTION)
    assert "the login audrey may not name a person for whom it asks" in page.text
    assert "ctaudit_front" in page.text


def test_a_login_that_may_not_ask(cluster: Cluster) -> None:
    with browsing(cluster.dsn(user="rex"), is_named=True) as client:
        page = fault(client, 503, **QUESTION)
    assert "permission denied" in page.text


def test_the_database_is_away(web_login: str, caplog: Any) -> None:
    gone = web_login.replace("dbname=ctaudit", "dbname=gone")
    assert gone != web_login
    with browsing(gone, is_named=True) as client:
        page = fault(client, 503, **QUESTION)
        assert 'database "gone" does not exist' in page.text
        plain = client.post("/ask.json", data=QUESTION, headers=ALICE)
        assert (plain.status_code, list(plain.json)) == (503, ["error"])
        assert client.get("/inquiries", headers=ALICE).status_code == 503
        assert client.get("/", headers=ALICE).status_code == 200, "the form needs none"
    assert "Traceback" not in caplog.text


def test_a_schema_of_another_version(cluster: Cluster) -> None:
    cluster.create_database("without_pages")
    with browsing(cluster.dsn("without_pages"), is_named=True) as client:
        page = fault(client, 503, **QUESTION)
    assert "no ctaudit schema; run: ctaudit schema install" in page.text


def test_a_statement_that_takes_too_long(web_login: str, owner: psycopg.Connection[Any]) -> None:
    with browsing(web_login, 1.0, is_named=True) as client, owner.transaction():
        owner.execute("LOCK ctaudit.inquiry")
        page = fault(client, 503, **QUESTION)
    assert "no answer within 1 s" in page.text


def test_too_many_at_once(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WAIT", 0.01)
    held = [client.application.extensions["ctaudit"]["store"].asking() for _ in range(4)]
    for each in held:
        each.__enter__()
    try:
        assert "4 other questions are being answered" in fault(client, 503, **QUESTION).text
    finally:
        for each in held:
            each.__exit__(None, None, None)
    ask(client)


def test_what_nobody_foresaw(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise ValueError(HOSTILE)

    monkeypatch.setattr(ask_pages, "ask_who", break_down)
    with caplog.at_level(logging.ERROR):
        page = fault(client, 500, **QUESTION)
    assert "not foreseen" in page.text
    assert "alert" not in page.text
    assert "Traceback" in caplog.text
    assert "POST '/ask': not foreseen" in caplog.text
    assert PUBLIC not in caplog.text.split("Traceback")[0]
