"""The pages without a database: refusals, errors and headers."""

from __future__ import annotations

import logging
from typing import Any

import pytest

pytest.importorskip("flask")

from ctaudit.web import application
from ctaudit.web.application import BODY_MAX, create_app
from ctaudit.web.guard import HEADERS
from tests.unit.web.settings import on_loopback, on_socket

ASKED = {"public": "1.2.3.4:53500", "at": "2026-02-22T11:59:43Z"}
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
AUDREY = {**SAME_SITE, "X-Remote-User": "audrey"}


def browse(settings: Any) -> Any:
    return create_app(settings).test_client()


@pytest.fixture(scope="module")
def client() -> Any:
    return browse(on_loopback())


@pytest.fixture(scope="module")
def behind_proxy() -> Any:
    return browse(on_socket())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("GET", "/style.css", 200), ("GET", "/traffic", 200),
        ("GET", "/nothing", 404), ("GET", "/inquiries/x", 404), ("POST", "/", 405),
        ("GET", "/ask", 405), ("POST", "/ask", 400), ("POST", "/letter", 400),
        ("GET", "/inquiries?from=then", 400), ("GET", "/inquiries", 503),
        ("GET", "/inquiries/1", 503), ("GET", "/record", 503),
        ("GET", f"/inquiries/{1 << 64}", 404), ("GET", f"/inquiries/-{1 << 64}", 404),
        ("DELETE", "/inquiries/1", 405), ("GET", "/../../etc/passwd", 404),
    ],
)  # fmt: skip
def test_each_response_is_guarded(client: Any, method: str, path: str, status: int) -> None:
    sent = client.open(path, method=method, headers=SAME_SITE)
    assert sent.status_code == status, sent.text
    assert {name: sent.headers.get(name) for name in HEADERS} == HEADERS
    assert "Traceback" not in sent.text and "Set-Cookie" not in sent.headers


def test_the_guards_own_pages_are_guarded(client: Any, behind_proxy: Any) -> None:
    for sent in (
        client.get("/", headers={"Host": "evil.example"}),
        client.post("/ask", data=ASKED),
        behind_proxy.get("/"),
    ):
        assert sent.status_code == 403
        assert {name: sent.headers.get(name) for name in HEADERS} == HEADERS


def test_a_twin_says_its_error_as_json(client: Any) -> None:
    for path, status in (("/inquiries.json?from=then", 400), ("/nothing.json", 404),
                         ("/inquiries/1.json", 503)):  # fmt: skip
        sent = client.get(path)
        assert sent.status_code == status
        assert list(sent.get_json()) == ["error"]
    sent = client.post("/ask.json", data={**ASKED, "at": "then"}, headers=SAME_SITE)
    assert sent.status_code == 400 and "not a time" in sent.get_json()["error"]
    assert "another site" in client.post("/ask.json", data=ASKED).get_json()["error"]


def test_no_database_is_a_sentence(client: Any) -> None:
    sent = client.post("/ask", data=ASKED, headers=SAME_SITE)
    assert sent.status_code == 503
    assert "The record cannot be asked" in sent.text and "/nonexistent" in sent.text


def test_what_nothing_foresaw(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("ctaudit.web.ask_pages._answer_question", fail)
    with caplog.at_level(logging.ERROR, application.__name__):
        sent = client.post("/ask?a=%0Aforged", data=ASKED, headers=SAME_SITE)
    assert sent.status_code == 500
    assert "not foreseen" in sent.text and "secret" not in sent.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("path", ["/ask", "/letter", "/traffic"])
def test_too_much_is_a_sentence(client: Any, path: str) -> None:
    sent = client.post(path, data={"letter": "x" * (BODY_MAX + 1)}, headers=SAME_SITE)
    assert sent.status_code == 413
    assert "2,000,000 bytes" in sent.text


def test_a_letter_is_as_large_as_a_request(client: Any) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="letter"\r\n\r\n'
    body = head + b"hello\n" * (BODY_MAX // 7) + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    sent = client.post("/letter", data=body, headers=SAME_SITE, content_type=kind)
    assert sent.status_code == 400, sent.text[:300]
    assert "no question is in it" in sent.text


def test_many_fields_and_parts(client: Any) -> None:
    sent = client.post("/ask", data={f"f{n}": "" for n in range(5000)}, headers=SAME_SITE)
    assert sent.status_code in (400, 413)
    part = b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n\r\n'
    kind = "multipart/form-data; boundary=x"
    sent = client.post(
        "/letter", data=5000 * part + b"--x--\r\n", headers=SAME_SITE, content_type=kind
    )
    assert sent.status_code in (400, 413)


def test_only_the_socket_file_says_who_asks(client: Any, behind_proxy: Any) -> None:
    assert "audrey" in behind_proxy.get("/", headers=AUDREY).text
    sent = client.get("/", headers=AUDREY)
    assert "audrey" not in sent.text
    assert "this host's login" in sent.text


def test_names_of_hosts(behind_proxy: Any) -> None:
    named = browse(on_socket(hosts=frozenset({"audit.example.net"})))
    host = {"Host": "audit.example.net"}
    assert named.get("/", headers={**AUDREY, **host}).status_code == 200
    assert named.get("/", headers={**AUDREY, "Host": "evil.example"}).status_code == 403
    assert behind_proxy.get("/", headers={**AUDREY, "Host": "evil.example"}).status_code == 200


def test_what_is_shown_is_escaped(behind_proxy: Any) -> None:
    evil = "\"'><script>alert(1)</script>"
    headers = {"Sec-Fetch-Site": "same-origin", "X-Remote-User": evil}
    sent = behind_proxy.get("/", headers=headers)
    assert "<script" not in sent.text and "&lt;script&gt;" in sent.text
    names = ("public", "to", "at", "proto", "node", "within", "zone", "case", "reason")
    for name in names:
        sent = behind_proxy.get("/", query_string={name: evil}, headers=AUDREY)
        assert "<script" not in sent.text and "&lt;script&gt;" in sent.text, name
        sent = behind_proxy.post("/ask", data={**ASKED, name: evil, "at": "x"}, headers=AUDREY)
        assert sent.status_code == 400 and "<script" not in sent.text, name
    for name in ("letter", "date", "within", "case", "reason"):
        sent = behind_proxy.post("/letter", data={name: evil}, headers=AUDREY)
        assert sent.status_code == 400 and "<script" not in sent.text, name


def test_a_letter_keeps_its_lines(client: Any) -> None:
    sent = client.post("/letter", data={"letter": "\n\nhe<llo\n\tyou"}, headers=SAME_SITE)
    assert ">\n\n\nhe&lt;llo\n\tyou</textarea>" in sent.text
