"""The pages for everybody: without a mouse or a good eye, on a phone, in the dark, on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from lab.browser import HEIGHT, PHONE_WIDTH
from lab.scene import format_utc
from tests.web.site import Site

WHY = {"case": "2026-17", "reason": "who used the link"}


def _wrong(site: Site) -> None:
    site.open("/")
    site.refused.append(400)
    site.fill("/ask", {"public": "1.2.3.4:53500", "at": "never"})


def _letter(site: Site) -> None:
    site.open("/")
    site.fill("/letter", {"letter": site.scene.letter})


def _record(site: Site) -> None:
    begin, end = map(format_utc, site.scene.span)
    site.open(f"/record?{urlencode({'from': begin, 'until': end})}")


def _traffic(by: str) -> Callable[[Site], None]:
    def ask(site: Site) -> None:
        begin, end = map(format_utc, site.scene.span)
        site.open("/traffic")
        words = site.find(f'select[name=by] option[value="{by}"]').text
        site.fill("/traffic", {"by": words, "from": begin, "until": end, **WHY})

    return ask


PAGES: dict[str, Callable[[Site], object]] = {
    "ask": lambda site: site.open("/"),
    "wrong": _wrong,
    "answer": lambda site: site.ask(),
    "unknown": lambda site: site.ask(at=format_utc(site.scene.before)),
    "crowd": lambda site: site.ask_crowd(),
    "letter": _letter,
    "inquiries": lambda site: site.open("/inquiries"),
    "record": _record,
    "traffic": _traffic("host"),
    "durations": _traffic("durations"),
    "not-found": lambda site: site.open("/nowhere", status=404),
}


@pytest.mark.parametrize("page", PAGES)
def test_everybody_can_use_it(site: Site, axe: str, page: str) -> None:
    """axe-core finds nothing serious, light and dark; on a phone the page scrolls down alone."""
    PAGES[page](site)
    site.open_details()
    for is_dark in (False, True):
        site.browser.set_screen(is_dark=is_dark)
        assert site.find_faults(axe) == [], "dark" if is_dark else "light"
        assert site.overflow <= 0
    site.browser.set_screen(PHONE_WIDTH, HEIGHT)
    assert site.overflow <= 0
    if page != "crowd":  # 1,000 rows once more
        assert site.find_faults(axe) == [], "phone"
    site.assert_nothing_ran()


def test_the_keyboard_reaches_the_content_first(site: Site) -> None:
    site.open("/")
    site.press_tab()
    skip = site.browser.driver.switch_to.active_element
    assert skip.text == "To the content"
    assert skip.is_displayed()
    skip.send_keys("\ue007")
    assert site.path == "/#main"


@pytest.mark.parametrize("page", ["answer", "crowd", "record"])
def test_it_prints(site: Site, page: str) -> None:
    """Paper in a defined number of sheets, without what can only be clicked."""
    PAGES[page](site)
    printed = site.browser.print_pdf()
    sheets = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 1 <= sheets <= (60 if page == "crowd" else 5)
    site.browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        assert [
            each for each in site.find_all("form, header nav, .skip") if each.is_displayed()
        ] == []
        if page != "record":
            assert site.find(".verdict").is_displayed()
    finally:
        site.browser.command("Emulation.setEmulatedMedia", media="")
