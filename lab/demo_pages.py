"""The demonstration's pages: ``ctaudit web`` on loopback, and a picture of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from lab.browser import Browser, browsing, find_lacking
from lab.namespaces import ROOT
from lab.pages import free_port, running_pages
from lab.rig import Rig

PICTURE = ROOT / "dist/demo.png"


@contextmanager
def standing_pages(rig: Rig) -> Iterator[str]:
    """Their address."""
    with running_pages(rig, free_port()) as pages:
        yield pages.place


@dataclass(frozen=True)
class Pictured:
    """``address``: of the answer's page."""

    address: str
    picture: Path


def picture_answer(address: str, public: str, started: datetime) -> Pictured | str:
    """Of the answer; a sentence where there is no Chromium."""
    lacking = find_lacking()
    if lacking is not None:
        return lacking
    at = started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    asked = {"public": public, "at": at, "case": "demo", "reason": "to show it"}
    with browsing() as browser:
        browser.set_screen()
        browser.open(f"{address}?{urlencode(asked)}")
        send(browser)
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_bytes(browser.take_picture())
        return Pictured(str(browser.driver.current_url), PICTURE)


def send(browser: Browser) -> None:
    """Sends the first form. Raises AssertionError where that leads to no answer."""
    browser.driver.find_element("css selector", "form button").click()
    text = browser.driver.find_element("css selector", "main").text
    assert "/inquiries/" in browser.driver.current_url, text
