"""Real nginx and real Apache before the pages, with the configurations of docs/web.md."""

from __future__ import annotations

import base64
import http.client
import json
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
        password: str | None = PASSWORD, host: str = NAME,
    ) -> Answer:  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        with closing(http.client.HTTPSConnection(NAME, self.server.port)) as connection:
            plain = socket.create_connection(("127.0.0.1", self.server.port), 20)
            connection.sock = context.wrap_socket(plain, server_hostname=NAME)
            body = urlencode(form).encode() if form is not None else b""
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", host)
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
        f'hosts = ["{NAME}"]\n'
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
    """A form, its answer at the address of its number, and the list of what was asked."""
    answer = site.ask("POST", "/ask", *SAME_SITE, form=QUESTION)
    assert answer.status == 303, answer.text
    assert inquiries.asked() == [("desk", LOGIN)]
    place = answer.headers["Location"]
    assert place.startswith("/inquiries/"), place
    shown = site.ask("GET", place)
    assert shown.status == 200
    assert LOGIN in shown.text
    plain = site.ask("GET", "/inquiries.json")
    assert plain.headers["Content-Type"] == "application/json"
    assert {each["on_behalf_of"] for each in json.loads(plain.text)["inquiries"]} == {LOGIN}


def test_a_script_asks(site: Site, inquiries: Inquiries) -> None:
    """As the example of docs/web.md does, without a page to come from."""
    said = ("Sec-Fetch-Site", "same-origin")
    answer = site.ask("POST", "/ask.json", said, form=QUESTION)
    assert answer.status == 303, answer.text
    plain = json.loads(site.ask("GET", answer.headers["Location"]).text)
    assert answer.headers["Location"] == f"/inquiries/{plain['inquiry']}.json"
    assert inquiries.asked() == [("desk", LOGIN)]
    refused = site.ask("POST", "/ask.json", said, form={**QUESTION, "at": "never"})
    assert (refused.status, list(json.loads(refused.text))) == (400, ["error"])


@pytest.mark.parametrize("name", ["X-Remote-User", "x-remote-user", "X_Remote_User"])
def test_a_name_of_the_client_s_own_has_no_effect(
    site: Site, inquiries: Inquiries, name: str
) -> None:
    for forged in ([(name, "eve")], [(name, "eve"), (name, "mallory")]):
        answer = site.ask("POST", "/ask", *SAME_SITE, *forged, form=QUESTION)
        assert answer.status == 303, answer.text
    assert inquiries.asked() == [("desk", LOGIN)]
    answer = site.ask("GET", "/", (name, "eve"), password=None)
    assert answer.status == 401


def test_a_form_of_another_site_is_refused(site: Site, inquiries: Inquiries) -> None:
    for sent in (
        [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        [("Origin", "https://evil.example")],
        [("Sec-Fetch-Site", "same-site")],
        [("Origin", "null")],
        [],
    ):
        answer = site.ask("POST", "/ask", *sent, form=QUESTION)
        assert answer.status == 403, sent
        assert "sent from another site" in answer.text
    assert inquiries.asked() == []


def test_another_name_is_refused(site: Site) -> None:
    """By the pages, which the web server tells what was asked for (docs/web.md, web.hosts)."""
    answer = site.ask("GET", "/", host="evil.example")
    assert answer.status == 403
    assert "These pages are not evil.example" in answer.text


def test_what_the_pages_send_arrives(site: Site) -> None:
    """Their own protections, and their sentence on what is too long."""
    answer = site.ask("GET", "/")
    assert answer.status == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert site.ask("GET", "/style.css").headers["Content-Type"].startswith("text/css")
    letter = {"letter": "x" * 2_100_000}
    answer = site.ask("POST", "/letter", *SAME_SITE, form=letter)
    assert answer.status == 413
    assert "divide the letter" in answer.text
