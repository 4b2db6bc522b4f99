"""The pages in a browser, by keyboard: questions, answers, wrong input, who sees what."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from lab import addresses as a
from lab.pages import SUPERVISOR
from lab.scene import PUBLIC, format_utc
from tests.web.site import Site

NEVER = "before the flood"


def test_a_question_is_answered(site: Site) -> None:
    path = site.ask(reason="tried passwords")
    assert path.startswith("/inquiries/")
    assert f"{a.CLIENT}" in site.text
    assert site.find(".verdict-one")
    assert len(site.find_all("svg.timeline")) == 1
    assert json.loads(site.fetch(f"{path}.json"))["verdict"] == "one"
    handed = site.fetch(f"{path}/report.html").decode()
    assert a.CLIENT in handed
    assert "tried passwords" in handed


def test_what_was_before_the_record_is_unknown(site: Site) -> None:
    site.ask(at=format_utc(site.scene.before))
    assert site.find(".verdict-unknown")


AT = "2026-02-22 12:30:05Z"
# Form, its page, what is typed, and the field that is wrong.
WRONG = [
    ("/ask", "/", {"public": "1.2.3.4.5:1", "at": AT}, "public"),
    ("/ask", "/", {"public": PUBLIC, "at": NEVER}, "at"),
    ("/ask", "/", {"public": PUBLIC, "at": AT, "to": "nobody"}, "to"),
    ("/ask", "/", {"public": PUBLIC, "at": AT, "proto": "quick"}, "proto"),
    ("/ask", "/", {"public": PUBLIC, "at": AT, "within": "long"}, "within"),
    ("/ask", "/", {"public": PUBLIC, "at": AT, "zone": "far"}, "zone"),
    ("/traffic", "/traffic", {"from": NEVER}, "from"),
    ("/traffic", "/traffic", {"from": AT, "bucket": "wide"}, "bucket"),
    ("/traffic", "/traffic", {"from": AT, "host": "nobody"}, "host"),
    ("/record", "/record", {"until": NEVER}, "until"),
    ("/inquiries", "/inquiries", {"from": NEVER}, "from"),
    ("/inquiries", "/inquiries", {"address": "nobody"}, "address"),
]


@pytest.mark.parametrize(("action", "page", "typed", "wrong"), WRONG)
def test_wrong_input_is_told_beside_its_field(
    site: Site, action: str, page: str, typed: dict[str, str], wrong: str
) -> None:
    """And what was typed is still there."""
    site.open(page)
    site.refused.append(400)
    site.fill(action, typed)
    fields = {name: site.find(f'form[action="{action}"] [name="{name}"]') for name in typed}
    assert {name: each.get_attribute("value") for name, each in fields.items()} == typed
    invalid = [name for name, each in fields.items() if each.get_attribute("aria-invalid")]
    assert invalid == [wrong], site.text
    described = fields[wrong].get_attribute("aria-describedby").split()[0]
    assert site.find(f"#{described}").is_displayed()


def test_a_pasted_letter_is_answered_whole(site: Site) -> None:
    site.open("/")
    site.fill("/letter", {"letter": site.scene.letter})
    assert site.path.startswith("/inquiries/"), site.text
    assert len(site.find_all("article")) == 3
    verdicts = [each.text for each in site.find_all("nav ol strong")]
    assert len(verdicts) == 3
    # Its table of contents leads to each question, by keyboard.
    site.find_all("nav ol a")[2].send_keys("\ue007")
    assert "#" in site.path


def test_a_letter_without_a_question_says_so(site: Site) -> None:
    site.open("/")
    site.refused.append(400)
    site.fill("/letter", {"letter": "Dear all,\nplease stop.\n"})
    assert "no question is in it" in site.find("#letter-wrong").text
    assert site.find("#letter").get_attribute("value").startswith("Dear all,\nplease stop.")


def test_a_thousand_candidates_are_shown(site: Site) -> None:
    site.ask_crowd()
    assert site.find(".verdict-several")
    rows = "details table tbody tr"
    site.open_details()
    assert len(site.find_all(rows)) == 1000
    assert site.find_all(rows)[-1].is_displayed()


def test_an_inquiry_is_in_the_list_and_asked_again(site: Site) -> None:
    path = site.ask(case="2026-99")
    number = path.rpartition("/")[2]
    site.open("/inquiries")
    site.fill("/inquiries", {"case": "2026-99"})
    links = [each.text for each in site.find_all("tbody a")]
    assert number in links
    site.follow(site.find_all("tbody a")[links.index(number)])
    assert site.path == path


def test_another_person_s_answer_is_not_there(site: Site) -> None:
    path = site.ask()
    site.server.person = "bob"
    site.open(path, status=404)
    assert a.CLIENT not in site.text
    site.open(f"{path}.json", status=404)
    site.open("/inquiries")
    assert path.rpartition("/")[2] not in [each.text for each in site.find_all("tbody a")]
    site.server.person = SUPERVISOR
    site.open(path)
    assert a.CLIENT in site.text


def test_a_name_of_many_scripts_is_shown(site: Site) -> None:
    site.server.person = "Željka Ünal"
    site.open("/")
    assert site.find("header .person").text == "Željka Ünal"


def test_the_record_shows_its_gap(site: Site) -> None:
    begin, end = map(format_utc, site.scene.span)
    path = f"/record?{urlencode({'from': begin, 'until': end})}"
    site.open(path)
    assert site.find_all("figure svg")
    assert "gw1" in site.text
    assert len(site.find_all("table[aria-labelledby=gaps] tbody tr")) >= 1
    for span in ("day", "week", "year"):
        site.open(f"/record?span={span}")
        assert site.find_all("figure svg")


@pytest.mark.parametrize("by", ["total", "host", "remote", "service", "durations"])
def test_traffic_is_drawn(site: Site, by: str) -> None:
    begin, end = map(format_utc, site.scene.span)
    site.open("/traffic")
    by_words = site.find(f'select[name=by] option[value="{by}"]').text
    site.fill("/traffic", {"by": by_words, "from": begin, "until": end, "case": "2026-17"})
    assert site.path.startswith("/inquiries/"), site.text
    assert site.find("main h1")
    assert len([each for each in site.find_all("figure svg") if each.is_displayed()]) == 1
    site.open_details()
    assert site.find_all("details table tbody tr")
    assert json.loads(site.fetch(f"{site.path}.json"))["inquiry"]
