"""Real traffic recorded once, the pages over it, and Chromium; without Chromium they skip."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import addresses as a
from lab.browser import Browser, browsing, find_lacking
from lab.cluster import private_cluster
from lab.namespaces import ROOT
from lab.network import build_lab
from lab.pages import NamingServer, naming, running_pages
from lab.rules import SHORT_TIMEOUTS
from lab.scene import Scene, recording_scene
from lab.serve import serving
from tests.web.site import HOSTILE, Site

AXE = "4.14.1"
_NOT_REACHED = 3
# The crowd's connections stay open until they have been counted.
TIMEOUTS = dict.fromkeys(SHORT_TIMEOUTS, 120)
HOLDERS = {
    a.CLIENT: (f"Anna {HOSTILE}", f"room {HOSTILE}"),
    a.PLAIN_CLIENTS[1]: ("Berta Muster", "laptop"),
}


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    lacking = find_lacking()
    if lacking is None:
        return
    if os.environ.get("CI", "") not in ("", "0", "false"):
        pytest.fail(f"{lacking}, and a CI that skips the pages proves nothing", pytrace=False)
    pytest.skip(lacking)


@pytest.fixture(scope="session")
def scene(_installed: None) -> Iterator[Scene]:
    with (
        build_lab(f"ctweb-{os.getpid()}", timeouts=TIMEOUTS) as lab,
        serving(lab),
        private_cluster(settings={"fsync": "off"}) as cluster,
        recording_scene(lab, cluster, holders=HOLDERS) as made,
    ):
        yield made


@pytest.fixture(scope="session")
def server(scene: Scene) -> Iterator[NamingServer]:
    """A web server before ``ctaudit web`` that says who asks; nothing unforeseen may happen."""
    with running_pages(scene.rig) as pages:
        with naming(pages) as made:
            yield made
        assert "not foreseen" not in pages.log.read_text()


@pytest.fixture(scope="session")
def chromium(_installed: None) -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture
def site(chromium: Browser, server: NamingServer, scene: Scene) -> Iterator[Site]:
    """A tab of a desk's size in Audrey's name. What a page's policy refused fails the test."""
    server.person = "audrey"
    chromium.set_screen()
    chromium.read_messages()
    made = Site(chromium, server, scene)
    yield made
    made.check_messages()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script. Where npm's registry cannot be reached it skips, and says so."""
    words = [sys.executable, str(ROOT / "tools/axe"), AXE]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == _NOT_REACHED:
        pytest.skip(f"accessibility is not tested: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()).read_text()
