"""The pictures of docs/web, taken anew: ``python -m tests.web.screenshots [NAME...]``.

Real traffic of the lab; the names of people are invented.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lab import addresses as a
from lab.browser import HEIGHT, PHONE_WIDTH, WIDTH, browsing
from lab.cluster import private_cluster
from lab.namespaces import ROOT
from lab.network import build_lab
from lab.pages import naming, running_pages
from lab.scene import format_utc, recording_scene
from lab.serve import serving
from tests.web.conftest import TIMEOUTS
from tests.web.site import Site
from tests.web.test_everybody import PAGES

FOLDER = ROOT / "docs/web"
MOST = 100_000  # bytes of a picture
_COLOURS = (128, 64, 32)
_HIGHEST = 1900  # pixels
HOLDERS = {
    a.CLIENT: ("Anna Beispiel", "flat 12"),
    a.PLAIN_CLIENTS[1]: ("Berta Muster", "flat 7"),
    a.PLAIN_CLIENTS[2]: ("Carl Exempel", "flat 3"),
}


@dataclass(frozen=True)
class Shot:
    """``lead``: brings the page that is shown."""

    lead: Callable[[Site], object]
    width: int = WIDTH
    is_dark: bool = False


SHOTS: Mapping[str, Shot] = {
    "ask": Shot(PAGES["ask"]),
    "answer-one": Shot(lambda site: site.ask(reason="tried passwords")),
    "answer-several": Shot(PAGES["crowd"]),
    "answer-unknown": Shot(lambda site: site.ask(at=format_utc(site.scene.before))),
    "letter": Shot(PAGES["letter"]),
    "record": Shot(PAGES["record"]),
    "traffic": Shot(PAGES["traffic"]),
    "durations": Shot(PAGES["durations"]),
    "record-dark": Shot(PAGES["record"], is_dark=True),
    "answer-phone": Shot(lambda site: site.ask(reason="tried passwords"), PHONE_WIDTH),
}


def main() -> None:
    wanted = sys.argv[1:] or list(SHOTS)
    FOLDER.mkdir(exist_ok=True)
    with (
        build_lab(f"ctshots-{os.getpid()}", timeouts=TIMEOUTS) as lab,
        serving(lab),
        private_cluster(settings={"fsync": "off"}) as cluster,
        recording_scene(lab, cluster, holders=HOLDERS) as scene,
        running_pages(scene.rig) as pages,
        naming(pages) as server,
        browsing() as browser,
    ):
        site = Site(browser, server, scene)
        for name in wanted:
            shot = SHOTS[name]
            browser.set_screen(shot.width, HEIGHT, is_dark=shot.is_dark)
            shot.lead(site)
            data = make_small(browser.take_picture(most=_HIGHEST))
            place = FOLDER / f"{name}.png"
            place.write_bytes(data)
            print(f"{Path(place).relative_to(ROOT)}: {len(data):,} bytes", flush=True)


def make_small(picture: bytes) -> bytes:
    """The PNG with as many colours as ``MOST`` bytes hold, of 128, 64 and 32."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in _COLOURS:
        made = io.BytesIO()
        few = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(made, "PNG", optimize=True)
        if len(made.getvalue()) <= MOST:
            break
    return made.getvalue()


if __name__ == "__main__":
    main()
