"""A person before the pages: opens them, fills forms by keyboard, reads what is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from lab.browser import Browser
from lab.pages import NamingServer
from lab.scene import PUBLIC, Scene, format_utc
from lab.waiting import wait_until

# Each way out of text, of an attribute and of a textarea; any that works calls alert or spoils.
HOSTILE = (
    "</title></textarea>\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
    "<svg/onload=alert(3)>{{7*7}}"
)
FORMS = ("/ask", "/letter", "/traffic", "/inquiries", "/record")
_FOCUSED = "document.activeElement && document.activeElement.%s"
_STATUS = "performance.getEntriesByType('navigation')[0].responseStatus"
_IS_NEW = "!window.isLeft && document.readyState == 'complete'"
_AXE = """axe.run({preload: false, resultTypes: ['violations']})
    .then(found => JSON.stringify(found.violations))"""
_STRANGE = (
    "script, style, img, iframe, object, base, math, meta[http-equiv], [onerror], [onload],"
    "[onfocus], [ontoggle], [action*=javascript], [href*=javascript]"
)
_ENTER = "\ue007"


@dataclass
class Site:
    """``refused``: HTTP statuses that the test has asked for, which the console tells too."""

    browser: Browser
    server: NamingServer
    scene: Scene
    refused: list[int] = field(default_factory=list)

    @property
    def path(self) -> str:
        return str(self.browser.driver.current_url).removeprefix(self.server.address)

    @property
    def text(self) -> str:
        return str(self.browser.evaluate("document.body.innerText"))

    @property
    def title(self) -> str:
        return str(self.browser.driver.title)

    def open(self, path: str, *, status: int = 200) -> None:
        """A page of that status."""
        if status != 200:
            self.refused.append(status)
        self.browser.open(self.server.address + path)
        shown = self.browser.evaluate(
            "performance.getEntriesByType('navigation')[0].responseStatus"
        )
        assert shown == status, f"{path}: {shown}, {self.text[:500]}"

    def find(self, selector: str) -> Any:
        [found] = self.find_all(selector)
        return found

    def find_all(self, selector: str) -> Any:
        return self.browser.driver.find_elements("css selector", selector)

    def fill(self, action: str, values: Mapping[str, str]) -> None:
        """Goes by the Tab key to each field of a form in turn, and types; sends with Enter."""
        self.open_details()
        first = f'form[action="{action}"] [name="{next(iter(values))}"]'
        self.browser.evaluate(f"document.querySelector({first!r}).focus()")
        for name, value in values.items():
            self.tab_to(name)
            here = self.browser.driver.switch_to.active_element
            if here.tag_name != "select":
                here.clear()
            here.send_keys(value)
        if self.browser.driver.switch_to.active_element.tag_name == "textarea":
            self.tab_to_button()
        self.follow()

    def follow(self, element: Any = None) -> None:
        """Presses Enter on a link or a button, or where the focus is, and waits for what comes."""
        self.browser.evaluate("window.isLeft = true")
        (element or self.browser.driver.switch_to.active_element).send_keys(_ENTER)
        wait_until(lambda: bool(self.browser.evaluate(_IS_NEW)), explain=lambda: self.text)

    def open_details(self) -> None:
        """By the key Enter on what opens them."""
        for summary in self.find_all("details:not([open]) > summary"):
            summary.send_keys(_ENTER)

    def tab_to(self, name: str) -> None:
        """Presses Tab until the field of that name has the focus."""
        for _ in range(40):
            if self.browser.evaluate(_FOCUSED % "name") == name:
                return
            self.press_tab()
        raise AssertionError(f"the Tab key does not lead to {name}")

    def tab_to_button(self) -> None:
        for _ in range(40):
            if self.browser.evaluate(_FOCUSED % "tagName") == "BUTTON":
                return
            self.press_tab()
        raise AssertionError("the Tab key does not lead to a button")

    def press_tab(self) -> None:
        """The key itself: typed into a field for a file, WebDriver would take it for a name."""
        for kind in ("rawKeyDown", "keyUp"):
            self.browser.command(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )

    def ask(self, **values: str) -> str:
        """One question by the form, about the article's client; the path of its answer."""
        self.open("/")
        usual = {"public": PUBLIC, "at": format_utc(self.scene.at), "case": "2026-17"}
        self.fill("/ask", usual | values)
        return self.path

    def ask_crowd(self) -> str:
        """A question that a thousand connections answer."""
        public, at = PUBLIC.partition(":")[0], format_utc(self.scene.crowd_at)
        return self.ask(public=public, at=at, reason="a letter without a port")

    def find_faults(self, axe: str) -> list[str]:
        """What axe-core finds that is serious or critical."""
        self.browser.evaluate(f"{axe};0")
        found = json.loads(
            self.browser.evaluate("axe.run().then(r => JSON.stringify(r.violations))")
        )
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return int(
            self.browser.evaluate(
                "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    def check_messages(self) -> None:
        """The browser has refused nothing, and missed nothing but what the test asked for."""
        said = self.browser.read_messages()
        for status in self.refused:
            line = next((each for each in said if f"status of {status}" in each), None)
            if line is not None:
                said.remove(line)
        assert not said, said

    def assert_nothing_ran(self) -> None:
        """No element or attribute of HOSTILE's, no alert; and the template did not calculate."""
        assert not self.find_all(_STRANGE)
        assert self.browser.evaluate("window.length") == 0

    def fetch(self, path: str) -> bytes:
        """What a program gets."""
        with closing(HTTPConnection(self.server.address.removeprefix("http://"))) as connection:
            connection.request("GET", path)
            given = connection.getresponse()
            assert given.status == 200
            return given.read()
