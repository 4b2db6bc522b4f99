"""Chromium without a window, which opens no connection but to loopback.

Debian's chromium, chromium-driver and python3-selenium: tools/setup test.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.namespaces import LabError

CHROMIUM, DRIVER = "chromium", "chromedriver"
INSTALL = "apt install --no-install-recommends chromium chromium-driver python3-selenium"
WIDTH, PHONE_WIDTH, HEIGHT = 1000, 390, 900
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--no-default-browser-check", "--no-proxy-server", "--disable-background-networking",
    "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability",
    "--disable-extensions", "--disable-sync", "--metrics-recording-only", "--no-pings",
    "--disable-features=Translate,MediaRouter,OptimizationHints,AutofillServerCommunication",
    # A name that is looked up would leave this host.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--hide-scrollbars", "--lang=en", "--force-color-profile=srgb",
)  # fmt: skip


def find_lacking() -> str | None:
    """The sentence that says what is not installed; None: all is."""
    lacking = [name for name in (CHROMIUM, DRIVER) if shutil.which(name) is None]
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        lacking.append("python3-selenium")
    return f"there is no {', no '.join(lacking)}: {INSTALL}" if lacking else None


class Browser:
    """A tab. ``driver``: selenium's own."""

    def __init__(self, driver: Any, profile: Path) -> None:
        self.driver = driver
        self.profile = profile
        self.command("Page.enable")

    def command(self, name: str, **values: Any) -> Any:
        """A command of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(name, values)

    def open(self, address: str) -> None:
        self.driver.get(address)

    def evaluate(self, expression: str) -> Any:
        """Of JavaScript, as the DevTools do, whom the page's own policy does not bind."""
        done = self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in done:
            raise LabError(f"in the browser: {done['exceptionDetails']}")
        return done["result"].get("value")

    def set_screen(
        self, width: int = WIDTH, height: int = HEIGHT, *, is_dark: bool = False
    ) -> None:
        """Also what a media query is told; a phone's pixels are smaller."""
        is_phone = width < WIDTH // 2
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=is_phone,
        )  # fmt: skip
        theme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[theme])

    def take_picture(self, *, most: int | None = None) -> bytes:
        """PNG of the whole page, or of its first ``most`` pixels."""
        size = self.command("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "scale": 1,
                "height": min(size["height"], most or size["height"])}  # fmt: skip
        shot = self.command("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def print_pdf(self) -> bytes:
        """As for paper, A4."""
        done = self.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(done["data"])

    def read_messages(self) -> list[str]:
        """The console's since the last time: violations of the policy, errors, failed loads."""
        return [each["message"] for each in self.driver.get_log("browser")]


@contextmanager
def browsing() -> Iterator[Browser]:
    """Raises LabError where it is not installed or does not start."""
    lacking = find_lacking()
    if lacking is not None:
        raise LabError(lacking)
    # Here, since a host without it still has the rest of the lab.
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(prefix="ctaudit-browser-", ignore_cleanup_errors=True) as name:
        options: Any = webdriver.ChromeOptions()
        for flag in (*_FLAGS, f"--user-data-dir={name}/profile"):
            options.add_argument(flag)
        options.binary_location = shutil.which(CHROMIUM)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # Of what the user of this shell keeps for the browser nothing is read, nothing is left.
        home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), name)
        service = Service(shutil.which(DRIVER) or DRIVER, env={**os.environ, **home})
        try:
            driver = webdriver.Chrome(service=service, options=options)
        except WebDriverException as error:
            raise LabError(f"chromium does not start: {error.msg}") from error
        try:
            driver.set_page_load_timeout(60)
            yield Browser(driver, Path(name))
        finally:
            driver.quit()
