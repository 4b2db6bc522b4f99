"""The page Ask over a real store: questions and letters, who sees their answers, what is said."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

pytest.importorskip("flask")

from ctaudit.database import schema
from ctaudit.web import ask_pages
from ctaudit.web.ask_pages import LETTER, QUESTION
from lab.cluster import Cluster
from tests.store.gateway import Gateway, opened, tuples
from tests.store.pages import SAME_SITE, Document, passed_on
from tests.store.scenario import OUT, after, run
from tests.store.test_ask_command import several_questions, stamp

ONE = {"public": "1.2.3.4:53500", "at": stamp(60)}
SEVERAL = {"public": "1.2.3.4:53600", "at": stamp(60)}
HOSTILE = "</title></textarea><script>alert(1)</script>\"'&<b>"
ANNOUNCED = (
    "SELECT asked_by, on_behalf_of, case_reference, reason, a.answers FROM ctaudit.inquiry AS q"
    " LEFT JOIN ctaudit.inquiry_answer AS a USING (inquiry_id) WHERE q.inquiry_id = %s"
)


class Person:
    """Somebody at a browser."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._named = {"X-Remote-User": name}

    def get(self, address: str) -> Any:
        return self._client.get(address, headers=self._named)

    def send(self, address: str, **fields: Any) -> Any:
        return self._client.post(address, data=fields, headers={**SAME_SITE, **self._named})

    def read(self, address: str) -> Document:
        page = self.get(address)
        assert page.status_code == 200, page.text
        document = Document(page.text)
        document.check()
        return document

    def ask(self, address: str = "/ask", **fields: Any) -> str:
        """The address of the answer."""
        sent = self.send(address, **fields)
        assert sent.status_code == 303, Document(sent.text).text
        where: str = sent.headers["Location"]
        return where


@pytest.fixture(scope="module")
def desk(cluster: Cluster) -> str:
    return cluster.dsn(user="desk")


@pytest.fixture(scope="module")
def client(desk: str) -> Iterator[Any]:
    with passed_on(desk, "sue") as made:
        yield made


@pytest.fixture(scope="module")
def ann(client: Any) -> Person:
    return Person(client, "ann")


@pytest.fixture(scope="module")
def crowd(cluster: Cluster) -> Iterator[Person]:
    """A person who asks a store in which 1,200 hosts share one address."""
    cluster.create_database("crowd")
    schema.install(cluster.dsn("crowd"))
    with closing(Gateway(cluster.dsn("crowd", user="rex"), "gw1")) as gateway:
        gateway.listen(after(-600))
        gateway.record([opened(each, after(10)) for each in many_hosts()], after(20))
        gateway.dump(after(600))
    with passed_on(cluster.dsn("crowd", user="desk")) as client:
        yield Person(client, "ann")


def many_hosts() -> Iterator[dict[str, Any]]:
    for number in range(1200):
        host, port = f"10.9.{number >> 8}.{number & 255}", 2000 + number
        ends = tuples(f"{host} 1000 > 19.1.16.7 443", f"19.1.16.7 443 > 5.6.7.8 {port}")
        yield {**ends, "proto": 6, "ct_id": number, "status": OUT}


def read_inquiry(cluster: Cluster, address: str) -> tuple[Any, ...] | None:
    number = int(address.removesuffix(".json").rpartition("/")[2])
    with psycopg.connect(cluster.dsn()) as connection:
        return connection.execute(ANNOUNCED, [number]).fetchone()


def count_inquiries(cluster: Cluster) -> int:
    with psycopg.connect(cluster.dsn()) as connection:
        row = connection.execute("SELECT count(*) FROM ctaudit.inquiry").fetchone()
        assert row is not None
        return int(row[0])


def test_from_a_question_to_the_record(ann: Person, cluster: Cluster) -> None:
    address = ann.ask(**ONE, case="2026-17", reason="a letter")
    page = ann.read(address)
    assert "One: exactly one connection fits." in page.text
    assert "192.168.1.129:53400" in page.text and "19.1.16.7:443" in page.text
    assert "gw1 : complete at the asked time." in page.text
    assert "2026-17" in page.text and "a letter" in page.text
    assert page.elements.count("svg") == 1 and "title" in page.elements
    assert read_inquiry(cluster, address) == ("desk", "ann", "2026-17", "a letter", 1)
    plain = ann.get(f"{address}.json").get_json()
    assert (plain["verdict"], plain["complete"]) == ("one", True)
    assert plain["answers"][0]["host"] == "192.168.1.129"
    assert f"/inquiries/{plain['inquiry']}" == address


def test_the_twin_of_the_form(ann: Person, cluster: Cluster) -> None:
    address = ann.ask("/ask.json", **SEVERAL)
    assert address.endswith(".json")
    assert ann.get(address).get_json()["verdict"] == "several"
    assert read_inquiry(cluster, address) == ("desk", "ann", None, None, 2)


def test_every_field_is_asked(ann: Person) -> None:
    said = {"to": "19.1.16.7:443", "proto": "tcp", "node": "gw1", "within": "2", "zone": "0"}
    plain = ann.get(ann.ask("/ask.json", **SEVERAL, **said)).get_json()
    question = plain["question"]
    assert (question["remote"], question["remote_port"]) == ("19.1.16.7", 443)
    assert (question["proto"], question["node"]) == (6, "gw1")
    assert (question["within"], question["zone"]) == (2, 0)
    assert [each["host"] for each in plain["answers"]] == ["192.168.1.129"]


def test_unknown_and_none(ann: Person) -> None:
    page = ann.read(ann.ask(public="1.2.3.4:53900", at=stamp(1005)))
    assert "Unknown: the record cannot answer this question." in page.text
    assert "gap (overrun)" in page.text
    page = ann.read(ann.ask(public="1.2.3.4:53999", at=stamp(60)))
    assert "None" in page.text


def test_who_sees_it(client: Any, ann: Person) -> None:
    address = ann.ask(**ONE, case="secret-7")
    bob, sue = Person(client, "bob"), Person(client, "sue")
    for each in (address, f"{address}.json", f"{address}/report.html", f"{address}/report.pdf"):
        assert bob.get(each).status_code == 404, each
        assert sue.get(each).status_code == ann.get(each).status_code == 200, each
    assert "secret-7" not in bob.get("/inquiries").text + bob.get("/inquiries.json").text
    assert "secret-7" in ann.get("/inquiries").text
    assert "secret-7" in sue.get("/inquiries").text
    assert client.get(address).status_code == 403


def test_what_another_process_no_longer_keeps(ann: Person, desk: str, cluster: Cluster) -> None:
    said = {"to": "19.1.16.7:443", "proto": "tcp", "node": "gw1", "zone": "0", "case": "8"}
    address = ann.ask(**ONE, **said, reason="again")
    before = count_inquiries(cluster)
    with passed_on(desk, "sue") as restarted:
        page = Person(restarted, "ann").read(address)
        assert Person(restarted, "bob").get(address).status_code == 404
        assert Person(restarted, "sue").get(address).status_code == 200
        assert Person(restarted, "ann").get(f"{address}/report.html").status_code == 404
        plain = Person(restarted, "ann").get(f"{address}.json").get_json()
        [link] = [str(value) for name, value in page.attributes if "public=" in str(value)]
        form = Person(restarted, "ann").read(link)
    assert count_inquiries(cluster) == before, "to look is no question"
    assert "To ask again is another inquiry" in page.text
    assert plain["arguments"]["address"] == "1.2.3.4" and "verdict" not in plain
    values = {value for name, value in form.attributes if name == "value"}
    assert {"1.2.3.4:53500", "19.1.16.7:443", "tcp", "gw1", "0", "8", "again"} <= values


def test_a_number_that_nobody_asked(ann: Person) -> None:
    for address in ("/inquiries/999999999", f"/inquiries/{1 << 63}", "/inquiries/-1"):
        assert ann.get(address).status_code == 404


def test_the_list(ann: Person) -> None:
    ann.ask(**ONE, case="list-1")
    ann.ask(**SEVERAL, case="list-2")
    page = ann.read("/inquiries?case=list-2")
    assert "1.2.3.4" in page.text and "list-1" not in page.text
    listed = ann.get("/inquiries.json?address=1.2.3.0/24").get_json()["inquiries"]
    assert [each["case_reference"] for each in listed][-2:] == ["list-1", "list-2"] or listed
    assert all(each["on_behalf_of"] == "ann" for each in listed)
    sent = ann.get("/inquiries?address=1.2.3.400")
    assert sent.status_code == 400 and "address-wrong" in Document(sent.text).ids


def test_the_report_to_hand_over(ann: Person) -> None:
    address = ann.ask(**ONE, case="2026-17")
    sent = ann.get(f"{address}/report.html")
    assert sent.headers["Content-Disposition"].startswith("attachment; filename=")
    assert sent.text.startswith("<!DOCTYPE html>") and "One: exactly one connection" in sent.text
    pytest.importorskip("weasyprint")
    assert ann.get(f"{address}/report.pdf").data.startswith(b"%PDF")


def test_a_letter(ann: Person, cluster: Cluster) -> None:
    before = count_inquiries(cluster)
    address = ann.ask("/letter", letter=several_questions().decode(), case="5", reason="pasted")
    page = ann.read(address)
    plain = ann.get(f"{address}.json").get_json()
    assert [each["verdict"] for each in plain["answers"]][:4] == ["one", "one", "several", "none"]
    assert "body, line 2 (sshd)" in page.text
    assert "zone UTC: the letter says" in page.text
    assert page.elements.count("svg") == len(plain["answers"])
    assert count_inquiries(cluster) >= before + 2 * len(plain["answers"])
    assert read_inquiry(cluster, address) == ("desk", "ann", "5", "pasted", 1)
    others = [each["inquiry"] for each in plain["answers"]][1:]
    for number in others:
        assert ann.get(f"/inquiries/{number}").headers["Location"] == address


def test_a_letter_as_a_file_and_what_was_not_read(ann: Person) -> None:
    data = several_questions() + b"\nNever o'clock src_ip=1.2.3.4:5 dst=19.1.16.7 Feb 99\n"
    sent = ann.send("/letter", file=(io.BytesIO(data), "letter.eml"))
    assert sent.status_code == 303
    page = ann.read(sent.headers["Location"])
    plain = ann.get(f"{sent.headers['Location']}.json").get_json()
    assert len(plain["answers"]) >= 5
    for each in plain["unread"]:
        assert each["reason"] in page.text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"letter": "Dear Sir,\n\nwho was it?"}, "letter"),
        ({"letter": ""}, "letter"),
        ({"letter": "x", "date": "31 February"}, "letter-date"),
        ({"letter": "x", "within": "long"}, "letter-within"),
        ({"letter": "x", "case": "x" * 201}, "letter-case"),
        ({"letter": "x", "reason": "a\x07b"}, "letter-reason"),
    ],
)
def test_a_wrong_letter(ann: Person, fields: dict[str, str], field: str) -> None:
    sent = ann.send("/letter", **fields)
    assert sent.status_code == 400
    page = Document(sent.text)
    page.check()
    assert f"{field}-wrong" in page.ids


def test_a_letter_of_too_many_questions(ann: Person, cluster: Cluster) -> None:
    before = count_inquiries(cluster)
    lines = "".join(f"{stamp(60)} 1.2.3.4:{port}\n" for port in range(2000, 2201))
    sent = ann.send("/letter", letter=lines)
    assert sent.status_code == 400
    assert "it has 201 questions, and a page holds at most 200" in Document(sent.text).text
    assert count_inquiries(cluster) == before


def test_a_letter_that_takes_too_long(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_pages, "LETTER_SECONDS", -1.0)
    sent = ann.send("/letter", letter=several_questions().decode())
    assert sent.status_code == 503
    assert "divide the letter" in Document(sent.text).text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("public", "1.2.3.400:5", "ADDRESS:PORT '1.2.3.400:5'"),
        ("public", "", "must not be empty"),
        ("at", "", "must not be empty"),
        ("at", "yesterday", "not a time; write"),
        ("at", "2226-01-01 00:00:00Z", "in the future"),
        ("to", "example.net:443", "example.net"),
        ("proto", "carrier", "must be a number from 0 to 255"),
        ("within", "-1", "must be seconds"),
        ("zone", "Berlin", "a conntrack zone is a whole number"),
        ("case", "x" * 201, "at most 200"),
        ("reason", "a\nb", "control character"),
        ("reason", "x" * 1001, "at most 1,000"),
    ],
)
def test_wrong_input_is_a_sentence_beside_the_field(
    ann: Person, field: str, value: str, said: str
) -> None:
    sent = ann.send("/ask", **{**ONE, field: value})
    assert sent.status_code == 400, sent.text
    page = Document(sent.text)
    page.check()
    assert said in page.text
    assert f"{field}-wrong" in page.ids
    plain = ann.send("/ask.json", **{**ONE, field: value})
    assert plain.status_code == 400 and said in plain.get_json()["error"]


def test_where_a_reason_is_required(ann: Person, cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as owner:
        owner.execute("SELECT ctaudit.require_reason(true)")
        try:
            sent = ann.send("/ask", **ONE)
            letter = ann.send("/letter", letter=f"{stamp(60)} 1.2.3.4:53500")
            answered = ann.send("/ask", **ONE, case="1", reason="test")
        finally:
            owner.execute("SELECT ctaudit.require_reason(false)")
    assert sent.status_code == letter.status_code == 400
    assert "case-wrong" in Document(sent.text).ids
    assert "letter-case-wrong" in Document(letter.text).ids
    assert answered.status_code == 303


def test_hostile_text_stays_text(ann: Person) -> None:
    for name in QUESTION:
        answer = follow(ann, ann.send("/ask", **{**ONE, name: HOSTILE}))
        assert "<script" not in answer and "<b>" not in answer, name
        Document(answer).check()
    for name in (*LETTER, "letter"):
        said = {"letter": f"{stamp(60)} 1.2.3.4:53500 {HOSTILE}", name: HOSTILE}
        answer = follow(ann, ann.send("/letter", **said))
        assert "<script" not in answer and "<b>" not in answer, name
        Document(answer).check()
    mixed = f"{stamp(60)} 1.2.3.4:53500 {HOSTILE}\n{HOSTILE} 1.2.3.4\n"
    answer = follow(ann, ann.send("/letter", letter=mixed, case=HOSTILE, reason=HOSTILE))
    assert "<script" not in answer and "&lt;script&gt;" in answer
    listed = ann.get("/inquiries").text
    assert "<script" not in listed and "&lt;script&gt;" in listed


def follow(person: Person, sent: Any) -> str:
    text: str = person.get(sent.headers["Location"]).text if sent.status_code == 303 else sent.text
    return text


def test_a_hostile_holder_and_person(client: Any, cluster: Cluster) -> None:
    mallory = Person(client, HOSTILE)
    with psycopg.connect(cluster.dsn(user="reg"), autocommit=True) as registrar:
        said = ("192.168.1.130", HOSTILE, after(-300), after(900), HOSTILE)
        registrar.execute("SELECT ctaudit.set_holder(%s, %s, %s, %s, %s)", said)
    address = mallory.ask(public="1.2.3.4:8443", at=stamp(60), case=HOSTILE)
    answer = mallory.get(address).text
    report = mallory.get(f"{address}/report.html").text
    assert "<script" not in answer + report
    assert "&lt;script&gt;" in answer and "&lt;script&gt;" in report
    with psycopg.connect(cluster.dsn()) as owner:
        owner.execute("TRUNCATE ctaudit.holder, ctaudit.holder_reading")


def test_a_question_that_takes_too_long(desk: str, cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn()) as holder, passed_on(desk, timeout=1.0) as client:
        holder.execute("LOCK TABLE ctaudit.flow_row IN ACCESS EXCLUSIVE MODE")
        sent = Person(client, "ann").send("/ask", **ONE)
    assert sent.status_code == 503
    page = Document(sent.text)
    page.check()
    assert "The record cannot be asked" in page.text


def test_many_candidates_stay_readable(crowd: Person) -> None:
    address = crowd.ask(public="5.6.7.8", at=stamp(60))
    page = crowd.read(address)
    assert "1,000 connections of more than 1,000, of 1,200 hosts" in page.text
    assert page.elements.count("tr") == 1 + 1000
    assert "details" in page.elements
    letter = crowd.ask("/letter", letter=f"{stamp(60)} 5.6.7.8 did it\n")
    assert "The first 50 connections of" in crowd.read(letter).text
    [plain] = crowd.get(f"{letter}.json").get_json()["answers"]
    assert (len(plain["answers"]), plain["connections"]) == (50, 1000)
    assert len(crowd.get(f"{address}.json").get_json()["answers"]) == 1000


def test_the_command_line_has_the_person(ann: Person, cluster: Cluster) -> None:
    ann.ask(**ONE, case="cli-7")
    done = run("inquiries", "--case", "cli-7", "--json", "--dsn", cluster.dsn(user="sue"))
    found = {(each["asked_by"], each["on_behalf_of"]) for each in done.json["inquiries"]}
    assert found == {("desk", "ann")}
