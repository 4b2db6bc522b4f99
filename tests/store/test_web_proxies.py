"""Real nginx and real Apache before the pages, with the configurations of docs/web.md."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from lab.cluster import Cluster
from lab.fleet.authority import make_authority, make_certificate
from lab.namespaces import ROOT
from lab.processes import wait_or_kill
from lab.waiting import wait_until
from lab.web_servers import WEB_USER, WebServer, running_apache, running_nginx
from tests.store.scenario import BASE

NAME = "audit.example.net"
LOGIN, PASSWORD = "audrey", "a secret"
_RUN = {"nginx": running_nginx, "apache": running_apache}
_PEOPLE = {"nginx": "/etc/nginx/ctaudit.people", "apache": "/etc/apache2/ctaudit.people"}
# As a browser sends a form of a page of this site.
SAME_SITE = (("Origin", f"https://{NAME}"), ("Sec-Fetch-Site", "same-origin"))
QUESTION = {
    "public": "1.2.3.4:53500", "at": f"{BASE:%Y-%m-%dT%H:%M:%SZ}", "case": "2026-17",
    "reason": "letter",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass(frozen=True)
class Site:
    """A web server before the pages, and what a client of it says."""

    server: WebServer
    folder: Path

    def ask(
        self, method: str, path: str, *headers: tuple[str, str], form: dict[str, str] | None = None,
        password: str | None = PASSWORD,
    ) -> Answer:  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        with closing(http.client.HTTPSConnection(NAME, self.server.port)) as connection:
            plain = socket.create_connection(("127.0.0.1", self.server.port), 20)
            connection.sock = context.wrap_socket(plain, server_hostname=NAME)
            body = urlencode(form).encode() if form is not None else b""
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", NAME)
            if password is not None:
                pair = base64.b64encode(f"{LOGIN}:{password}".encode()).decode()
                connection.putheader("Authorization", f"Basic {pair}")
            if form is not None:
                connection.putheader("Content-Type", "application/x-www-form-urlencoded")
                connection.putheader("Content-Length", str(len(body)))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body or None)
            given = connection.getresponse()
            return Answer(given.status, given.headers, given.read().decode())


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Certificates and passwords, and the socket of the pages."""
    with tempfile.TemporaryDirectory(prefix="ctaudit-web-") as name:
        made = Path(name)
        made.chmod(0o755)
        make_authority(made)
        make_certificate(made, NAME)
        words = ["openssl", "passwd", "-6", "-stdin"]
        done = subprocess.run(words, input=PASSWORD, capture_output=True, text=True, check=True)
        (made / "people").write_text(f"{LOGIN}:{done.stdout}")
        yield made


@pytest.fixture(scope="module")
def pages(cluster: Cluster, folder: Path) -> Iterator[Path]:
    """``ctaudit web`` as a front end's login, in the web server's group; yields its socket."""
    place = folder / "web.sock"
    configuration = folder / "ctaudit.toml"
    configuration.write_text(
        f'[database]\ndsn = "{cluster.dsn(user="desk")}"\n[web]\nlisten = "unix:{place}"\n'
    )
    command = [sys.executable, "-m", "ctaudit", "web", "--config", str(configuration)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, group=WEB_USER)
    try:
        wait_until(place.exists, explain=(folder / "log").read_text)
        yield place
    finally:
        process.terminate()
        wait_or_kill(process, 10)
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture(scope="module", params=["nginx", "apache"])
def site(request: pytest.FixtureRequest, folder: Path, pages: Path) -> Iterator[Site]:
    """With the text that docs/web.md has, but for a port, and for where files are."""
    text = (ROOT / "docs/web.md").read_text()
    [block] = re.findall(rf"(?ms)^```{request.param}\n(.+?)^```$", text)
    replaced = {
        f"/etc/ssl/certs/{NAME}.pem": str(folder / f"{NAME}.crt"),
        f"/etc/ssl/private/{NAME}.key": str(folder / f"{NAME}.key"),
        _PEOPLE[request.param]: str(folder / "people"),
        "/run/ctaudit-web/web.sock": str(pages),
    }
    with _RUN[request.param](block, replaced) as server:
        yield Site(server, folder)


@pytest.fixture
def inquiries(cluster: Cluster) -> Iterator[Inquiries]:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        yield Inquiries(connection)


class Inquiries:
    """What is put on record from now on."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        row = connection.execute("SELECT coalesce(max(inquiry_id), 0) FROM ctaudit.inquiry")
        [(self._last,)] = row.fetchall()

    def asked(self) -> list[tuple[str, str | None]]:
        """(login, the person that it asks for) of each."""
        return self._connection.execute(
            "SELECT DISTINCT asked_by, on_behalf_of FROM ctaudit.inquiry WHERE inquiry_id > %s",
            (self._last,),
        ).fetchall()


def test_nobody_gets_in_without_a_password(site: Site) -> None:
    for password in (None, "wrong"):
        answer = site.ask("GET", "/", password=password)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="ctaudit"')


def test_a_question_is_recorded_for_the_person(site: Site, inquiries: Inquiries) -> None:
    answer = site.ask("POST", "/ask", *SAME_SITE, form=QUESTION)
    assert answer.status in (200, 303), answer.text
    assert inquiries.asked() == [("desk", LOGIN)]
