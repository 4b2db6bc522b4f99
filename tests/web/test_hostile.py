"""Markup in every field, in a holder's name and in an address: it is text, and nothing runs."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from lab.scene import PUBLIC, format_utc
from tests.markers import torture
from tests.web.site import HOSTILE, Site

ASKED = {
    "/ask": ("public", "at", "to", "case", "reason", "proto", "within", "node", "zone"),
    "/letter": ("letter", "date", "case", "reason"),
    "/traffic": ("from", "until", "bucket", "top", "node", "host", "remote", "case", "reason"),
}
SHOWN = {
    "/inquiries": ("case", "from", "address"),
    "/record": ("from", "until", "node", "span"),
    "/": ASKED["/ask"],
    "/traffic": (*ASKED["/traffic"], "by"),
}
_FORM = {"/ask": "/", "/letter": "/", "/traffic": "/traffic"}
OTHER_MARKUP = (
    "<scr\x00ipt>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "javascript:alert(1)//\"><a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<details open ontoggle=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "<form action=javascript:alert(1)><button autofocus>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href='https://127.0.0.2/'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "\N{RIGHT-TO-LEFT OVERRIDE}>(1)trela/daolno gvs<",
    "{% for x in (1, 2) %}{{ config }}{% endfor %}",
)
_ADD = "document.body.insertAdjacentHTML('beforeend', '{}')"
# What markup would do if it came through, and by what the policy refuses it.
_SCRIPT = "document.createElement('script')"
DEEDS = [
    (f"document.body.append(Object.assign({_SCRIPT}, {{text: 'window.ran = 1'}}))", "script-src"),
    (_ADD.format('<b style="color: red">x</b>'), "style-src"),
    (_ADD.format('<img src="https://127.0.0.2/x">'), "img-src"),
    (_ADD.format('<iframe src="/record"></iframe>'), "frame-src"),
    ("fetch('/inquiries.json').catch(() => 0)", "connect-src"),
]


@pytest.mark.parametrize(
    ("action", "name"), [(form, name) for form, names in ASKED.items() for name in names]
)
def test_a_field_s_markup_is_text(site: Site, action: str, name: str) -> None:
    usual = {
        "/ask": {"public": PUBLIC, "at": format_utc(site.scene.at)},
        "/letter": {"letter": "x"},
    }
    usual["/traffic"] = {"from": format_utc(site.scene.span[0])}
    site.open(_FORM[action])
    site.refused.append(400)
    site.fill(action, usual[action] | {name: HOSTILE})
    site.assert_nothing_ran()
    assert "alert(1)" in site.browser.driver.page_source
    if site.path.startswith("/inquiries/"):
        assert HOSTILE in site.text
        site.open("/inquiries")
        assert "alert(1)" in site.text
        site.assert_nothing_ran()


@pytest.mark.parametrize("markup", [HOSTILE, *map(torture, OTHER_MARKUP)])
@pytest.mark.parametrize(("page", "names"), SHOWN.items())
def test_an_address_s_markup_is_text(
    site: Site, page: str, names: tuple[str, ...], markup: str
) -> None:
    for name in names:
        site.refused.append(400)
        site.browser.open(f"{site.server.address}{page}?{urlencode({name: markup})}")
        site.assert_nothing_ran()
    for path in (f"/{quote(markup, safe='')}", f"/inquiries/{quote(markup, safe='')}"):
        site.open(path, status=404)
        site.assert_nothing_ran()


def test_a_holder_s_and_a_person_s_markup_is_text(site: Site) -> None:
    site.server.person = f"audrey {HOSTILE}"
    site.ask()
    assert f"Anna {HOSTILE}" in site.text
    assert site.find("header .person").text == f"audrey {HOSTILE}"
    site.assert_nothing_ran()


def test_a_letter_s_markup_stays_in_its_answer(site: Site) -> None:
    site.open("/")
    site.fill("/letter", {"letter": f"{HOSTILE}\n{site.scene.letter}{HOSTILE}\n"})
    assert site.path.startswith("/inquiries/"), site.text
    site.assert_nothing_ran()


@pytest.mark.parametrize(("deed", "directive"), DEEDS)
def test_what_would_run_is_refused_and_counted(site: Site, deed: str, directive: str) -> None:
    """The policy holds, and the other tests would have seen a violation of it."""
    site.open("/")
    site.browser.evaluate(f"{deed};0")
    site.browser.evaluate("new Promise(done => setTimeout(done, 100))")
    assert site.browser.evaluate("window.ran") is None
    said = "\n".join(site.browser.read_messages())
    assert "Content Security Policy" in said
    assert directive in said or "default-src" in said


def test_a_form_of_another_site_is_refused(site: Site) -> None:
    form = (
        f'<form method=post action="{site.server.address}/ask"><input name=public value="{PUBLIC}">'
        '<input name=at value="2026-02-22 12:30:05Z"></form>'
    )
    site.browser.open(f"data:text/html,{quote(form)}")
    site.refused.append(403)
    site.browser.evaluate("document.forms[0].submit()")
    site.browser.driver.implicitly_wait(5)
    assert "sent from another site" in site.find("main .error").text
    site.browser.driver.implicitly_wait(0)
