"""The pages Ask and Inquiries over a real store, asked by the pages' own login."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

pytest.importorskip("flask")

from ctaudit.web import ask_pages, inquiry_pages
from ctaudit.web.application import BODY_MAX
from ctaudit.web.guard import HEADERS
from lab.cluster import Cluster, hot_standby
from tests.store.pages import SAME_SITE, Document, as_person, browsing
from tests.store.scenario import after, who

PUBLIC = "1.2.3.4:53500"
AT = after(60).isoformat(timespec="seconds")
QUESTION = {"public": PUBLIC, "at": AT, "case": "2026-17", "reason": "a letter"}
HOSTILE = "</title><script>alert(1)</script>\"'&<b onload=x>"
ALICE, BOB, BOSS = map(as_person, ("alice", "bob", "boss"))


@pytest.fixture(scope="module")
def login(cluster: Cluster) -> str:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute('CREATE ROLE "ctaudit-web" LOGIN IN ROLE ctaudit_front')
    return cluster.dsn(user="ctaudit-web")


@pytest.fixture(scope="module")
def client(login: str) -> Iterator[Any]:
    """Behind a web server that says who asks."""
    with browsing(login, is_named=True) as made:
        yield made


@pytest.fixture(scope="module")
def local(login: str) -> Iterator[Any]:
    """On loopback."""
    with browsing(login) as made:
        yield made


@pytest.fixture
def owner(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        yield connection


def count(owner: psycopg.Connection[Any]) -> int:
    [(number,)] = owner.execute("SELECT count(*) FROM ctaudit.inquiry").fetchall()
    return int(number)


def send(client: Any, address: str = "/ask", said: Any = None, **fields: Any) -> Any:
    return client.post(address, data=fields, headers=said or ALICE)


def ask(client: Any, said: Any = None, address: str = "/ask", **fields: Any) -> str:
    """The address of the answer."""
    sent = send(client, address, said, **(fields or QUESTION))
    assert sent.status_code == 303, sent.text
    place = str(sent.headers["Location"])
    assert re.fullmatch(r"/inquiries/-?\d+(\.json)?", place)
    return place


def read(client: Any, place: str, said: Any = None) -> Document:
    got = client.get(place, headers=said or ALICE)
    assert got.status_code == 200, got.text
    page = Document(got.text)
    page.check()
    return page


def fault(client: Any, status: int = 400, address: str = "/ask", **fields: Any) -> Document:
    sent = send(client, address, **fields)
    assert sent.status_code == status, sent.text
    page = Document(sent.text)
    page.check()
    return page


# An answer, and who sees it


def test_a_question_has_its_answer_at_the_address_of_its_inquiry(
    client: Any, owner: psycopg.Connection[Any]
) -> None:
    place = ask(client)
    page = read(client, place)
    assert "192.168.1.129" in page.text
    assert "2026-17" in page.text
    number = int(place.rpartition("/")[2])
    rows = owner.execute(
        "SELECT inquiry_id, asked_by, on_behalf_of, case_reference, reason, question, answers "
        "FROM ctaudit.inquiries() WHERE inquiry_id >= %s", [number]
    ).fetchall()  # fmt: skip
    assert rows[0] == (number, "ctaudit-web", "alice", "2026-17", "a letter", "who", 1)
    # What is asked for the time line is on record for the same person.
    assert {row[1:4] for row in rows} == {("ctaudit-web", "alice", "2026-17")}


def test_the_twin_is_what_the_command_prints(client: Any, dsn: str) -> None:
    place = ask(client, address="/ask.json")
    plain = client.get(place, headers=ALICE).json
    number = int(re.sub(r"\D", "", place))
    assert plain.pop("inquiry") == number
    assert plain.pop("inquiries") == [number]
    printed = who(dsn, PUBLIC, 60, "--json").json
    assert plain == printed
    assert plain["verdict"] == "one"


def test_all_fields_are_asked(client: Any, dsn: str) -> None:
    more = {"to": "19.1.16.7:443", "proto": "tcp", "node": "gw1", "within": "2", "zone": "0"}
    plain = client.get(ask(client, address="/ask.json", **QUESTION, **more), headers=ALICE).json
    options = [word for name, value in more.items() for word in (f"--{name}", value)]
    printed = who(dsn, PUBLIC, 60, "--json", *options).json
    assert plain["question"] == printed["question"]
    assert plain["answers"] == printed["answers"]


def test_only_who_asked_and_supervisors_see_it(client: Any) -> None:
    place = ask(client)
    for address in (place, f"{place}.json", f"{place}/report.html", f"{place}/report.pdf"):
        assert client.get(address, headers=ALICE).status_code == 200, address
        assert client.get(address, headers=BOSS).status_code == 200, address
        assert client.get(address, headers=BOB).status_code == 404, address
        assert client.get(address).status_code == 403, "nobody is named"
    number = place.rpartition("/")[2]
    for said, is_seen in ((ALICE, True), (BOSS, True), (BOB, False)):
        assert (f'href="{place}"' in client.get("/inquiries", headers=said).text) is is_seen
        listed = client.get("/inquiries.json", headers=said).json["inquiries"]
        assert (int(number) in [each["inquiry_id"] for each in listed]) is is_seen


def test_loopback_sees_what_was_asked_there(client: Any, local: Any) -> None:
    theirs, own = ask(client), ask(local, SAME_SITE)
    assert "192.168.1.129" in read(local, own, SAME_SITE).text
    forged = as_person("boss")
    for said in (SAME_SITE, forged):
        assert local.get(theirs, headers=said).status_code == 404, "another person's"
    assert client.get(own, headers=ALICE).status_code == 404


def test_a_report_to_hand_over(client: Any) -> None:
    place = ask(client)
    page = client.get(f"{place}/report.html", headers=ALICE)
    name = f"inquiry-{place.rpartition('/')[2]}"
    assert page.headers["Content-Disposition"] == f'attachment; filename="{name}.html"'
    assert "192.168.1.129" in page.text
    printed = client.get(f"{place}/report.pdf", headers=ALICE)
    assert printed.data.startswith(b"%PDF-")
    assert printed.mimetype == "application/pdf"


def test_without_weasyprint_there_is_no_link(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ask(client)
    assert "report.pdf" in client.get(place, headers=ALICE).text
    monkeypatch.setattr(inquiry_pages, "find_spec", lambda _: None)
    assert "report.pdf" not in client.get(place, headers=ALICE).text
    refused = client.get(f"{place}/report.pdf", headers=ALICE)
    assert refused.status_code == 501
    assert "apt install weasyprint" in refused.text


# Later


def test_after_an_hour_the_question_alone(login: str, owner: psycopg.Connection[Any]) -> None:
    with browsing(login, is_named=True) as client:
        question = {**QUESTION, "to": "19.1.16.7:443", "within": "2.5", "proto": "tcp"}
        place = ask(client, **question)
    with browsing(login, is_named=True) as restarted:
        before = count(owner)
        page = read(restarted, place)
        assert "no longer kept here" in page.text
        assert "192.168.1.129" not in page.text
        plain = restarted.get(f"{place}.json", headers=ALICE).json
        assert (plain["case_reference"], plain["on_behalf_of"]) == ("2026-17", "alice")
        assert restarted.get(place, headers=BOB).status_code == 404
        assert restarted.get(f"{place}/report.html", headers=ALICE).status_code == 404
        [again] = [value for name, value in page.attributes if name == "href" and "?" in str(value)]
        form = read(restarted, str(again))
        assert count(owner) == before, "nothing is asked by GET"
        values = [value for name, value in form.attributes if name == "value"]
        asked = {"public": PUBLIC, "to": "19.1.16.7:443", "within": "2.5", "proto": "tcp"}
        assert set(asked.values()) | {"2026-17", "a letter"} <= set(values)


def test_a_link_fills_the_form_and_asks_nothing(
    client: Any, owner: psycopg.Connection[Any]
) -> None:
    before = count(owner)
    page = read(client, "/?public=1.2.3.4:53500&at=yesterday&other=x")
    values = [value for name, value in page.attributes if name == "value"]
    assert {PUBLIC, "yesterday"} <= set(values)
    for method in ("GET", "HEAD", "OPTIONS"):
        for address in ("/ask", "/letter", "/traffic", "/ask.json"):
            client.open(f"{address}?public={PUBLIC}&at={AT}", method=method, headers=ALICE)
    assert count(owner) == before


def test_there_is_no_such_page(client: Any) -> None:
    for number in ("0", "-7", "999999999", "9" * 30, "-" + "9" * 30):
        for end in ("", ".json", "/report.html"):
            assert client.get(f"/inquiries/{number}{end}", headers=ALICE).status_code == 404
    refused = client.get("/ask", headers=ALICE)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "OPTIONS, POST")


def test_inquiries_by_pages(
    client: Any, owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry_pages, "LISTED", 3)
    carol = as_person("carol")
    for _ in range(4):
        ask(client, carol, **{**QUESTION, "case": "paged"})
    ask(client, carol, **{**QUESTION, "case": "another"})
    numbers: list[int] = []
    address = "/inquiries.json?case=paged"
    while address:
        plain = client.get(address, headers=carol).json
        assert len(plain["inquiries"]) <= 3
        numbers = [each["inquiry_id"] for each in plain["inquiries"]] + numbers
        address = plain["older"]
    rows = owner.execute(
        "SELECT inquiry_id FROM ctaudit.inquiries('paged', 'carol') ORDER BY inquiry_id"
    ).fetchall()
    assert numbers == [number for (number,) in rows]
    page = read(client, "/inquiries?case=paged", carol)
    assert "Older ones" in page.text
    assert client.get("/inquiries?before=x", headers=carol).status_code == 400
    for wanted in ("address=1.2.3.4", f"from={after(0).date()}"):
        assert client.get(f"/inquiries.json?{wanted}", headers=carol).json["inquiries"]
    assert not client.get("/inquiries.json?address=9.9.9.9", headers=carol).json["inquiries"]


def test_neither_the_list_nor_one_inquiry_reads_them_all(
    cluster: Cluster, login: str, owner: psycopg.Connection[Any]
) -> None:
    [(last,)] = owner.execute("SELECT max(inquiry_id) FROM ctaudit.inquiry").fetchall()
    owner.execute(
        "INSERT INTO ctaudit.inquiry (asked_by, on_behalf_of, question, arguments) "
        "SELECT 'ctaudit-web', 'dave', 'who', '{}' FROM generate_series(1, 20000)"
    )
    owner.execute("ANALYZE ctaudit.inquiry")
    try:
        with psycopg.connect(login, autocommit=True) as connection:
            for call in ("'dave'", "'dave', p_number => 1", "NULL, true, p_before => 15000"):
                rows = _rows_read(connection, owner, call)
                assert rows < 2000, call
    finally:
        owner.execute("DELETE FROM ctaudit.inquiry WHERE inquiry_id > %s", [last])


def _rows_read(
    connection: psycopg.Connection[Any], owner: psycopg.Connection[Any], call: str
) -> int:
    counted = (
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'inquiry'"
    )
    connection.execute("SELECT pg_stat_force_next_flush()")
    [(before,)] = owner.execute(counted).fetchall()
    connection.execute(f"SELECT ctaudit.latest_inquiries({call})")  # type: ignore[call-overload]
    connection.execute("SELECT pg_stat_force_next_flush()")
    [(after_it,)] = owner.execute(counted).fetchall()
    return int(after_it - before)


# A letter


def letter(*seconds: float) -> str:
    return "".join(
        f"{after(each):%Y-%m-%d %H:%M:%S} UTC {PUBLIC} attacked 19.1.16.7:443\n" for each in seconds
    )


def test_a_pasted_letter(client: Any, owner: psycopg.Connection[Any]) -> None:
    place = ask(client, address="/letter", letter=letter(10, 60) + "nothing here\n", case="77")
    page = read(client, place)
    assert "2 questions" in page.text
    plain = client.get(f"{place}.json", headers=ALICE).json
    assert [each["verdict"] for each in plain["answers"]] == ["one", "one"]
    assert len(plain["inquiries"]) == 2
    other = client.get(f"/inquiries/{plain['inquiries'][1]}", headers=ALICE)
    assert other.headers["Location"] == place, "each inquiry leads to the answer"
    assert client.get(f"/inquiries/{plain['inquiries'][1]}", headers=BOB).status_code == 404
    cases = owner.execute(
        "SELECT DISTINCT case_reference FROM ctaudit.inquiries() WHERE inquiry_id = ANY(%s)",
        [plain["inquiries"]],
    ).fetchall()
    assert cases == [("77",)]


def test_an_uploaded_letter(client: Any) -> None:
    file = (io.BytesIO(letter(60).encode()), "report.txt")
    assert "192.168.1.129" in read(client, ask(client, address="/letter", file=file)).text
    both = {"letter": letter(60), "file": (io.BytesIO(b"x"), "report.txt")}
    assert "there is a text and a file" in fault(client, address="/letter", **both).text


def test_times_without_a_zone_or_a_day(client: Any) -> None:
    local = (after(60) + timedelta(0)).astimezone()
    text = f"{local:%Y-%m-%d %H:%M:%S} {PUBLIC} attacked 19.1.16.7:443\nits second line\n"
    page = fault(client, address="/letter", letter=text, case="<17>")
    assert "no time zone; say whether it is in" in page.text
    assert "--tz" not in page.text
    # The letter and the fields are kept, line by line.
    sent = send(client, "/letter", letter=f"\n {text}", case="<17>").text
    [kept] = re.findall(r'(?s)<textarea id="letter"[^>]*>\n(.*?)</textarea>', sent)
    assert kept == f"\n {text}"
    assert 'value="&lt;17&gt;"' in sent
    place = ask(client, address="/letter", letter=text, zone_here="1")
    assert "192.168.1.129" in read(client, place).text
    timed = text.partition(" ")[2]
    place = ask(client, address="/letter", letter=timed, zone_here="1", date=f"{local:%Y-%m-%d}")
    assert "192.168.1.129" in read(client, place).text
    assert "not a date" in fault(client, address="/letter", letter=timed, date="tomorrow").text


def test_what_no_page_holds(client: Any, owner: psycopg.Connection[Any]) -> None:
    before = count(owner)
    assert "no question is in it" in fault(client, address="/letter", letter="hello").text
    assert "no question is in it" in fault(client, address="/letter").text
    many = "".join(
        f"{after(60):%Y-%m-%d %H:%M:%S} UTC 1.2.3.4:{port} attacked 19.1.16.7:443\n"
        for port in range(1000, 1201)
    )
    assert "201 questions, and a page holds at most 200" in fault(
        client, address="/letter", letter=many
    ).text
    assert "divide the letter" in fault(
        client, 413, address="/letter", letter="x" * (BODY_MAX + 1)
    ).text
    # As much as is allowed arrives, pasted as well as uploaded.
    large = "x" * (BODY_MAX - 5000)
    assert "no question is in it" in fault(client, address="/letter", letter=large).text
    file = (io.BytesIO(large.encode()), "x")
    assert "no question is in it" in fault(client, address="/letter", file=file).text
    assert count(owner) == before


def test_a_letter_that_takes_too_long_ends(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_pages, "LETTER_SECONDS", -1.0)
    page = fault(client, 503, address="/letter", letter=letter(10, 60))
    assert "0 of the letter's 2 questions" in page.text


# What is refused, and what goes wrong


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("public", "nobody", "ADDRESS:PORT 'nobody': not an address"),
        ("public", "", "ADDRESS:PORT: must not be empty"),
        ("at", "yesterday", "--at 'yesterday': no such time"),
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
    page = fault(client, **{**QUESTION, name: value})
    assert sentence in page.text
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


def test_markup_in_what_is_kept_stays_text(
    client: Any, owner: psycopg.Connection[Any], cluster: Cluster
) -> None:
    said = as_person(HOSTILE)
    owner.execute(
        "SELECT ctaudit.set_holder('192.168.1.129', %s, %s, NULL, 'ra', %s)",
        [HOSTILE, after(-60), HOSTILE],
    )  # fmt: skip
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


def test_the_database_is_away(cluster: Cluster, login: str, caplog: Any) -> None:
    gone = login.replace("dbname=ctaudit", "dbname=gone")
    assert gone != login
    with browsing(gone, is_named=True) as client:
        page = fault(client, 503, **QUESTION)
        assert 'database "gone" does not exist' in page.text
        plain = client.post("/ask.json", data=QUESTION, headers=ALICE)
        assert (plain.status_code, list(plain.json)) == (503, ["error"])
        assert client.get("/inquiries", headers=ALICE).status_code == 503
        assert client.get("/", headers=ALICE).status_code == 200, "the form needs none"
    assert "Traceback" not in caplog.text


def test_a_schema_of_another_version(cluster: Cluster) -> None:
    cluster.create_database("empty")
    with browsing(cluster.dsn("empty"), is_named=True) as client:
        page = fault(client, 503, **QUESTION)
    assert "no ctaudit schema; run: ctaudit schema install" in page.text


def test_a_statement_that_takes_too_long(login: str, owner: psycopg.Connection[Any]) -> None:
    with browsing(login, 1.0, is_named=True) as client, owner.transaction():
        owner.execute("LOCK ctaudit.inquiry")
        page = fault(client, 503, **QUESTION)
    assert "no answer within 1 s" in page.text


def test_too_many_at_once(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ctaudit.web import store

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


# Elsewhere


def test_a_standby_answers_under_numbers_of_its_own(cluster: Cluster) -> None:
    with hot_standby(cluster) as standby:
        dsn = standby.dsn(user="ctaudit-web")
        with browsing(dsn, is_named=True) as client:
            place = ask(client)
            assert place == "/inquiries/-1"
            assert "192.168.1.129" in read(client, place).text
            assert client.get(place, headers=BOB).status_code == 404
            assert client.get(f"{place}.json", headers=ALICE).json["inquiries"] == []


def test_of_a_thousand_candidates_each_is_there(client: Any) -> None:
    """All of the public address, where no port is said."""
    place = ask(client, public="1.2.3.4", at=AT, within="3600", case="wide", reason="x")
    page = read(client, place)
    assert "table" in page.elements or "192.168.1.131" in page.text
    assert "192.168.1.130" in page.text


def test_the_style_is_there(client: Any) -> None:
    style = client.get("/style.css", headers=ALICE)
    assert style.mimetype == "text/css"
    own = Path(ask_pages.__file__).parent / "static/web.css"
    assert own.read_text() in style.text
    json.dumps(dict(style.headers))
