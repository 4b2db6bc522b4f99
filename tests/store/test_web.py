"""The pages Ask and Inquiries over a real store, asked by the pages' own login."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

pytest.importorskip("flask")

from ctaudit.web import ask_pages, inquiry_pages
from ctaudit.web.application import BODY_MAX
from lab.cluster import Cluster
from lab.standby import hot_standby
from tests.store.flushing import flush_statistics
from tests.store.pages import (
    ALICE,
    AT,
    BOB,
    BOSS,
    PUBLIC,
    QUESTION,
    SAME_SITE,
    as_person,
    ask,
    browsing,
    count,
    fault,
    letter,
    read,
    send,
)  # fmt: skip
from tests.store.scenario import after, who


def test_a_question_has_its_answer_at_the_address_of_its_inquiry(
    client: Any, owner: psycopg.Connection[Any]
) -> None:
    place = ask(client)
    page = read(client, place)
    assert (
        page.text.count("One: exactly one connection fits, of the internal host 192.168.1.129.")
        == 2
    )
    assert "Asked by alice" in page.text
    assert "2026-17" in page.text
    number = int(place.rpartition("/")[2])
    rows = owner.execute(
        "SELECT inquiry_id, asked_by, on_behalf_of, case_reference, reason, question, answers "
        "FROM ctaudit.inquiries() WHERE inquiry_id >= %s", [number]
    ).fetchall()  # fmt: skip
    assert rows[0] == (number, "ctaudit-web", "alice", "2026-17", "a letter", "who", 1)
    # What is asked for the time line is on record for the same person, and is no page of its own.
    assert {row[1:4] for row in rows} == {("ctaudit-web", "alice", "2026-17")}
    assert len(rows) == 2
    sent = client.get(f"/inquiries/{rows[1][0]}", headers=ALICE)
    assert (sent.status_code, sent.headers["Location"]) == (302, place)


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


def test_without_weasyprint_there_is_no_link(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ask(client)
    assert "report.pdf" in client.get(place, headers=ALICE).text
    monkeypatch.setattr(inquiry_pages, "find_spec", lambda _: None)
    assert "report.pdf" not in client.get(place, headers=ALICE).text
    refused = client.get(f"{place}/report.pdf", headers=ALICE)
    assert refused.status_code == 501
    assert "apt install weasyprint" in refused.text


def test_after_an_hour_the_question_alone(web_login: str, owner: psycopg.Connection[Any]) -> None:
    with browsing(web_login, is_named=True) as client:
        question = {**QUESTION, "to": "19.1.16.7:443", "within": "2.5", "proto": "tcp"}
        place = ask(client, **question)
    with browsing(web_login, is_named=True) as restarted:
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
    web_login: str, owner: psycopg.Connection[Any]
) -> None:
    made = owner.execute(
        "INSERT INTO ctaudit.inquiry (asked_by, on_behalf_of, question, arguments) "
        "SELECT 'ctaudit-web', 'dave', 'who', '{}' FROM generate_series(1, 20000) "
        "RETURNING inquiry_id"
    ).fetchall()
    first, last = min(made)[0], max(made)[0]
    owner.execute("ANALYZE ctaudit.inquiry")
    try:
        with psycopg.connect(web_login, autocommit=True) as connection:
            for call in (
                "'dave'",
                f"'dave', p_number => {last - 500}",
                f"NULL, true, p_before => {last - 500}",
            ):
                rows = _rows_read(connection, owner, call)
                assert rows < 2000, call
    finally:
        owner.execute(
            "DELETE FROM ctaudit.inquiry WHERE inquiry_id BETWEEN %s AND %s", [first, last]
        )


def _rows_read(
    connection: psycopg.Connection[Any], owner: psycopg.Connection[Any], call: str
) -> int:
    counted = (
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'inquiry'"
    )
    flush_statistics(connection)
    [(before,)] = owner.execute(counted).fetchall()
    connection.execute(f"SELECT ctaudit.latest_inquiries({call})")  # type: ignore[call-overload]
    flush_statistics(connection)
    [(after_it,)] = owner.execute(counted).fetchall()
    return int(after_it - before)


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
    both: dict[str, Any] = {"letter": letter(60), "file": (io.BytesIO(b"x"), "report.txt")}
    assert "there is a text and a file" in fault(client, address="/letter", **both).text


def test_times_without_a_zone_or_a_day(client: Any) -> None:
    local = (after(60) + timedelta(0)).astimezone()
    text = f"{local:%Y-%m-%d %H:%M:%S} {PUBLIC} attacked 19.1.16.7:443\nits second line\n"
    page = fault(client, address="/letter", letter=text, case="<17>")
    assert "no time zone; if it is in" in page.text
    assert "zone_here-wrong" in page.ids
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
    assert (
        "201 questions, and a page holds at most 200"
        in fault(client, address="/letter", letter=many).text
    )
    assert (
        "divide the letter"
        in fault(client, 413, address="/letter", letter="x" * (BODY_MAX + 1)).text
    )
    # As much as is allowed arrives, pasted as well as uploaded.
    large = "x" * (BODY_MAX - 5000)
    # Their bodies by hand: that of Flask's client leaves a temporary file open.
    for named in (b'name="letter"', b'name="file"; filename="x"'):
        head = b"--x\r\nContent-Disposition: form-data; " + named + b"\r\n\r\n"
        body = head + large.encode() + b"\r\n--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        sent = client.post("/letter", data=body, headers=ALICE, content_type=kind)
        assert (sent.status_code, "no question is in it" in sent.text) == (400, True)
    assert count(owner) == before


def test_a_letter_that_takes_too_long_ends(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_pages, "LETTER_SECONDS", -1.0)
    page = fault(client, 503, address="/letter", letter=letter(10, 60))
    assert "0 of the letter's 2 questions" in page.text


def test_a_standby_answers_under_numbers_of_its_own(primary: Cluster) -> None:
    with hot_standby(primary) as standby:
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
